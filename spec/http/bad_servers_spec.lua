-- scripts/test: fast clock
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

-- The client against servers that break the rules, end too early, or say nothing.

--- Runs `body(url, seen, server)` with a server whose connections `script(conn, number, head)` serves: `head()`
-- reads the next head, and `seen` has all of them.
local function against(script, body, options)
  helper.task(function()
    local seen, count = {}, 0
    local server, address = helper.serve(lastcall, function(conn)
      count = count + 1
      script(conn, count, function()
        local head = conn:read_until "\r\n\r\n"
        seen[#seen + 1] = head
        return head
      end)
    end, options)
    body("http://" .. address .. "/", seen, server)
    server:close()
  end)
end

local OK = "HTTP/1.1 200 OK\r\n"

--- Serves what the request gets, and closes.
local function saying(text, ending)
  return function(conn, _, head)
    head()
    conn:write(text)
    if ending == "stay" then
      conn:flush()
      conn:await(5)
    elseif ending == "reset" then
      conn:flush()
      conn:abort()
    end
  end
end

describe("a reply that makes no sense", function()
  -- what the server says; the code; what the message says
  local CASES = {
    { "SSH-2.0-OpenSSH_9.2\r\n", "invalid", "status line" },
    { "HTTP/2.0 200 OK\r\n\r\n", "invalid", "version" },
    { OK .. "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "invalid", "several Content-Length" },
    { OK .. "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "invalid", "both" },
    { "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "invalid", "HTTP/1.0" },
    { OK .. "Transfer-Encoding: gzip\r\n\r\n", "invalid", "not only chunked" },
    { OK .. "Content-Length: 5x\r\n\r\nhello", "invalid", "not a number" },
    { OK .. "X: a\n\r\n", "invalid", "CR LF" },
    { OK .. "X : a\r\n\r\n", "invalid", "name" },
    { OK .. "X: a\r\n b\r\n\r\n", "invalid", "white space" },
    { "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", "invalid", "101" },
    { ("HTTP/1.1 103 Early Hints\r\n\r\n"):rep(40) .. OK .. "Content-Length: 0\r\n\r\n", "invalid", "interim" },
    { OK .. ("X: %s\r\n"):format(("a"):rep(40000)), "too long", "too long" },
    { OK .. ("X: a\r\n"):rep(101) .. "\r\n", "too long", "fields" },
    { "", "eof", "peer finished" },
    { OK .. "Content-Le", "eof", "peer finished" },
    { "HTTP/1.1 100 Continue\r\n\r\n", "eof", "peer finished" },
  }

  it("is a failure with a name, and its connection is never used again", function()
    for _, case in ipairs(CASES) do
      local count = 0
      against(function(conn, number, head)
        count = number
        if number == 1 then return saying(case[1], #case[1] > 100 and "stay")(conn, number, head) end
        head()
        conn:write(OK .. "Content-Length: 2\r\n\r\nok")
        conn:await(5)
      end, function(url)
        local client = http.client()
        local reply, code, message = client:get(url)
        assert.is_nil(reply)
        assert.equal(case[2], code, message)
        assert.is_truthy(message:find(case[3], 1, true), message)
        assert.is_truthy(message:find("GET " .. url, 1, true), message)
        assert.equal("ok", client:get(url):body())
        assert.equal(2, count)
      end)
    end
  end)

  it("in the body: too", function()
    local chunked = OK .. "Transfer-Encoding: chunked\r\n\r\n"
    for _, case in ipairs {
      { OK .. "Content-Length: 10\r\n\r\nhello", "eof" },
      { OK .. "Content-Length: 10\r\n\r\nhello", "reset", "reset" },
      { chunked .. "5\r\nhel", "eof" },
      { chunked .. "5\r\nhello\r\n", "eof" },
      { chunked .. "5\r\nhello\r\n0\r\n", "eof" },
      { chunked .. "5\r\nhelloX\r\n", "invalid" },
      { chunked .. "5\r\nhello\r\nx\r\n", "invalid" },
      { chunked .. "-5\r\nhello", "invalid" },
      { chunked .. "11111111111111111\r\n", "invalid" },
      { chunked .. "5\r\nhello\r\n0\r\nX : y\r\n\r\n", "invalid" },
      { chunked .. "5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n", "invalid" },
    } do
      against(saying(case[1], case[3]), function(url)
        local client = http.client()
        local reply = assert(client:get(url))
        local body, code, message = reply:body()
        assert.is_nil(body)
        assert.equal(case[2], code, case[1])
        assert.is_truthy(message:find "^127%.0%.0%.1:%d+: reply")
        assert.same({ nil, code, message }, { reply:read() })
        assert.is_false((pcall(reply:chunks())))
      end)
    end
  end)
end)

describe("a reply that is clear", function()
  it("may be cut anywhere", function()
    local text = "HTTP/1.1 100 Continue\r\n\r\n" .. OK .. "Transfer-Encoding: chunked\r\nX: y\r\n\r\n"
      .. "5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nDigest: abc\r\n\r\n"
    against(function(conn, _, head)
      for cut = 1, #text - 1 do
        head()
        helper.send(conn, text:sub(1, cut))
        lastcall.sleep(0)
        conn:write(text:sub(cut + 1))
      end
      conn:await(5)
    end, function(url, seen, server)
      local client = http.client()
      for _ = 1, #text - 1 do
        local reply = assert(client:get(url))
        assert.same({ 200, "y", "hello world", "abc" },
          { reply.status, reply.headers.x, reply:body(), reply:trailers().digest })
      end
      assert.same({ #text - 1, 1 }, { #seen, server:stats().accepted })
    end)
  end)

  it("ends with the connection where nothing else says its length", function()
    against(saying(OK .. "\r\nall of it"), function(url)
      assert.equal("all of it", http.get(url):body())
    end)
  end)
end)

describe("bytes behind a reply", function()
  it("end the use of its connection", function()
    for _, extra in ipairs { "x", OK .. "Content-Length: 4\r\n\r\nevil" } do
      against(function(conn, _, head)
        head()
        conn:write(OK .. "Content-Length: 2\r\n\r\nok" .. extra)
        conn:await(5)
      end, function(url, _, server)
        local client = http.client()
        for _ = 1, 3 do assert.equal("ok", client:get(url):body()) end
        assert.equal(3, server:stats().accepted)
      end)
    end
  end)

  it("also when they come later, and after a reply to HEAD that has a body", function()
    against(function(conn, number, head)
      local is_head = head():find "^HEAD"
      conn:write(OK .. "Content-Length: 2\r\n\r\n" .. (is_head and "no" or "ok"))
      conn:flush()
      if number == 1 then conn:write "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n" end
      conn:await(5)
    end, function(url, _, server)
      local client = http.client()
      assert.equal("ok", client:get(url):body())
      assert.equal(200, client:request(url, { method = "HEAD" }).status)
      assert.equal("ok", client:get(url):body())
      assert.equal(3, server:stats().accepted)
    end)
  end)
end)

describe("a server that is slow", function()
  it("has until the deadline of the whole exchange", function()
    against(function(conn, _, head)
      head()
      for byte in (OK .. "Content-Length: 1000\r\n\r\n" .. ("x"):rep(1000)):gmatch "." do
        if not conn:write(byte) or not conn:flush() then return end
        lastcall.sleep(0.05)
      end
    end, function(url)
      local began = lastcall.now()
      helper.failure("timeout", http.get(url, { timeout = 0.5 }))
      local reply = assert(http.get(url, { timeout = 4 }))
      helper.failure("timeout", reply:body())
      local took = lastcall.now() - began
      assert.is_true(took > 4.4 and took < 4.5 + helper.seconds(1), took)
    end)
  end)

  it("has until the context ends", function()
    against(saying("", "stay"), function(url)
      local ctx = lastcall.context.with_timeout(nil, 0.3)
      helper.failure("timeout", ctx:call(http.get, url))
      local other, cancel = lastcall.context.with_cancel()
      lastcall.spawn(function()
        lastcall.sleep(0.1)
        cancel()
      end)
      helper.failure("canceled", other:call(http.get, url))
    end)
  end)

  it("may be silent for read_timeout", function()
    against(saying(OK .. "Content-Length: 5\r\n\r\nhel", "stay"), function(url)
      local client = http.client { read_timeout = 0.3 }
      local reply = assert(client:get(url))
      assert.equal("hel", reply:read())
      helper.failure("timeout", reply:read())
    end)
  end)
end)
