-- scripts/test: fast clock
-- What the client makes of replies that other clients disagree about: each is refused, or is clear.
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

local OK, EMPTY = "HTTP/1.1 200 OK\r\n", "Content-Length: 0\r\n\r\n"
local CHUNKED = OK .. "Transfer-Encoding: chunked\r\n\r\n"
local WHOLE = "5\r\nhello\r\n0\r\n\r\n"

-- The head is refused.
local HEADS = {
  -- the status line
  "hello\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 0200 OK\r\n" .. EMPTY, "HTTP/1.1 099 X\r\n" .. EMPTY,
  "HTTP/1.1 000 X\r\n" .. EMPTY, "http/1.1 200 OK\r\n" .. EMPTY, "HTTP/1.2 200 OK\r\n" .. EMPTY,
  "HTTP/1.10 200 OK\r\n" .. EMPTY, "HTTP/11 200 OK\r\n" .. EMPTY, " HTTP/1.1 200 OK\r\n" .. EMPTY,
  "\r\nHTTP/1.1 200 OK\r\n" .. EMPTY, "HTTP/1.1  200 OK\r\n" .. EMPTY, "HTTP/1.1\t200 OK\r\n" .. EMPTY,
  "HTTP/1.1 200 O\0K\r\n" .. EMPTY, "HTTP/1.1 2O0 OK\r\n" .. EMPTY, "HTTP/1.1 -20 OK\r\n" .. EMPTY,
  "\21\3\1\0\2\2F", "\0\0\6\4\0\0\0\0\0\0\3\0\0\0d", "ICY 200 OK\r\n" .. EMPTY,
  -- fields
  OK .. "X: a\0b\r\n" .. EMPTY, OK .. "X: a\rb\r\n" .. EMPTY, OK .. "nocolon\r\n" .. EMPTY, OK .. ": x\r\n" .. EMPTY,
  OK .. "X\0: 3\r\n" .. EMPTY, OK .. "X\xc3\xa4: 3\r\n" .. EMPTY, OK .. "Connection: \0\r\n" .. EMPTY,
  OK .. "X: a\r\n\tfolded\r\n" .. EMPTY, OK .. " X: a\r\n" .. EMPTY,
  -- the length of the body
  OK .. "Content-Length: -1\r\n\r\n", OK .. "Content-Length: +5\r\n\r\nhello", OK .. "Content-Length: 0x5\r\n\r\nhello",
  OK .. "Content-Length: 5, 5\r\n\r\nhello", OK .. "Content-Length: 5 5\r\n\r\nhello",
  OK .. "Content-Length: \r\n\r\nhello",
  OK .. "Content-Length: 5.0\r\n\r\nhello", OK .. ("Content-Length: %s\r\n\r\nhello"):format(("9"):rep(30)),
  OK .. "Content-Length: 5\r\ncontent-length: 5\r\n\r\nhello",
  OK .. "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
  OK .. "Transfer-Encoding: chunked, chunked\r\n\r\n" .. WHOLE, OK .. "Transfer-Encoding: \r\n\r\n" .. WHOLE,
  OK .. "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" .. WHOLE,
  OK .. "Transfer-Encoding: chunked, identity\r\n\r\n" .. WHOLE, OK .. "Transfer-Encoding: identity\r\n" .. EMPTY,
  OK .. "Transfer-Encoding: gzip, chunked\r\n\r\n" .. WHOLE, OK .. "Transfer-Encoding: xchunked\r\n\r\n" .. WHOLE,
  OK .. "Transfer-Encoding: \vchunked\r\n\r\n" .. WHOLE,
  OK .. "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" .. WHOLE,
  OK .. "Content-Length: 5\r\nTransfer-Encoding: \"chunked\"\r\n\r\n" .. WHOLE,
  -- interim replies have no body
  "HTTP/1.1 103 Early\r\nContent-Length: 5\r\n\r\nhello" .. OK .. EMPTY,
}

-- The body fails.
local BODIES = {
  CHUNKED .. "5 \r\nhello\r\n0\r\n\r\n", CHUNKED .. " 5\r\nhello\r\n0\r\n\r\n", CHUNKED .. "0x5\r\nhello\r\n0\r\n\r\n",
  CHUNKED .. "5\nhello\n0\n\n", CHUNKED .. "5;\r\nhello\r\n0\r\n\r\n", CHUNKED .. "5;a\nb\r\nhello\r\n0\r\n\r\n",
  CHUNKED .. "\r\n" .. WHOLE, CHUNKED .. "5;" .. ("a"):rep(100000) .. "\r\nhello\r\n0\r\n\r\n",
  CHUNKED .. ("1;%s\r\nx\r\n"):format(("a"):rep(100)):rep(2000) .. "0\r\n\r\n", CHUNKED .. "+5\r\nhello\r\n0\r\n\r\n",
  CHUNKED .. "0\r\n" .. ("X: y\r\n"):rep(5000) .. "\r\n", CHUNKED .. "0\r\nX: " .. ("y"):rep(100000) .. "\r\n\r\n",
  CHUNKED .. "0\r\n\r", CHUNKED .. "ffffffffffffffff\r\nhello", CHUNKED .. "7fffffffffffffff\r\nhello",
  CHUNKED .. ("0"):rep(30) .. "5\r\nhello\r\n0\r\n\r\n", CHUNKED .. "5\r\nhello\r\n0\r\nfoo\r\n\r\n",
  CHUNKED .. "5\r\nhello\r\n\r\n0\r\n\r\n", CHUNKED .. "5\r\nhell\r\n0\r\n\r\n", CHUNKED .. "5\r\nhello!\r\n0\r\n\r\n",
  CHUNKED .. "5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNKED,
  OK .. "Content-Length: 9223372036854775807\r\n\r\nhello", OK .. "Content-Length: 6\r\n\r\nhello",
}

-- The reply is clear: its status and its body.
local CLEAR = {
  { "HTTP/1.1 200\r\n" .. EMPTY, 200, "" }, { "HTTP/1.1 200 \r\n" .. EMPTY, 200, "" },
  { "HTTP/1.1 200 \xe9\t!\r\n" .. EMPTY, 200, "" }, { "HTTP/1.0 200 OK\r\n\r\nhello", 200, "hello" },
  { "HTTP/1.1 600 X\r\n" .. EMPTY, 600, "" }, { "HTTP/1.1 999 X\r\n" .. EMPTY, 999, "" },
  { OK .. "Transfer-Encoding: Chunked\r\n\r\n" .. WHOLE, 200, "hello" },
  { OK .. "X:\xff\xfe\r\n" .. EMPTY, 200, "" },
  { CHUNKED .. "5;a=b\r\nhello\r\n00\r\n\r\n", 200, "hello" },
  { CHUNKED .. "0005\r\nhello\r\n0\r\n\r\n", 200, "hello" },
  { CHUNKED .. "5;a=\"\\\"\"\r\nhello\r\n0\r\n\r\n", 200, "hello" }, { OK .. "\r\nhello", 200, "hello" },
  { "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello", 204, "" },
  { "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n" .. WHOLE, 204, "" },
  { "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, "" },
  { OK .. "Content-Length: 5\r\nContent-Encoding: gzip\r\n\r\nhello", 200, "hello" },
}

--- Asks once for each reply in turn, with one client; `judge` gets what the client returned. Each has a connection of
-- its own, for the one before is never used again.
local function ask(replies, judge)
  helper.task(function()
    local said
    local server, address = helper.serve(lastcall, function(conn)
      conn:read_until "\r\n\r\n"
      conn:write(said)
      conn:flush()
      conn:shutdown "write"
      conn:read_some(1)
    end)
    local user = http.client { timeout = helper.seconds(5) }
    for i, reply in ipairs(replies) do
      said = reply
      judge(i, user:get(("http://%s/"):format(address)))
      assert.equal(i, server:stats().accepted, ("%q"):format(reply:sub(1, 80)))
    end
    user:close()
  end)
end

describe("an odd server", function()
  it("is refused for its head", function()
    ask(HEADS, function(i, reply, code, message)
      assert.is_nil(reply, ("%q"):format(HEADS[i]:sub(1, 80)))
      assert.equal("invalid", code)
      assert.is_truthy(message:find("reply: ", 1, true), message)
    end)
  end)

  it("fails in its body, which is never taken for a whole one", function()
    local KNOWN = { invalid = true, eof = true, ["too long"] = true }
    ask(BODIES, function(i, reply, code, message)
      local body
      if reply then body, code, message = reply:body() end
      assert.is_nil(body, ("%q"):format(BODIES[i]:sub(1, 120)))
      assert.is_true(KNOWN[code], message)
    end)
  end)

  it("is understood where all agree", function()
    local texts = {}
    for i, one in ipairs(CLEAR) do texts[i] = one[1] end
    ask(texts, function(i, reply, _, message)
      assert.is_truthy(reply, message)
      assert.same({ CLEAR[i][2], CLEAR[i][3] }, { reply.status, reply:body() })
    end)
  end)
end)
