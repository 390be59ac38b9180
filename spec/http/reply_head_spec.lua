-- scripts/test: fast clock
local core = require "lastcall.core"
local helper = require "spec.helper"
local lastcall = require "lastcall"

--- What http_read_reply returns for a server that writes these pieces and closes; and what is left to read.
local function reading(pieces, options, deadline)
  local result, rest
  helper.between(function(here, there)
    lastcall.spawn(function()
      for _, piece in ipairs(pieces) do
        helper.send(here, piece)
        lastcall.sleep(0.001)
      end
      here:close()
    end)
    result = table.pack(core.http_read_reply(there, options or {}, deadline and core.now() + deadline))
    rest = result[1] and there:read "a"
  end)
  return result, rest
end

local HEAD = "HTTP/1.1 200 All right\r\nX-One: a\r\nContent-Length: 4\r\nx-one: b\r\nSet-Cookie: c\r\n\r\n"

describe("the head of a reply", function()
  it("is read however it is cut, and what is behind it stays", function()
    local function check(result, rest)
      local reply = result[1]
      assert.same({ 200, "All right", "1.1", "length", 4, true, nil, "a, b", "body" }, {
        reply.status, reply.reason, reply.version, reply.framing, reply.length, reply.persists, reply.upgrade,
        reply.headers["X-ONE"], rest,
      })
      assert.same({ "a", "b" }, reply.headers:all "x-One")
      local names = {}
      for name, value in pairs(reply.headers) do names[#names + 1] = name .. "=" .. value end
      assert.equal("X-One=a Content-Length=4 x-one=b Set-Cookie=c", table.concat(names, " "))
      assert.is_nil(reply.headers.none)
    end
    check(reading { HEAD .. "body" })
    for cut = 1, #HEAD, 7 do check(reading { HEAD:sub(1, cut), HEAD:sub(cut + 1) .. "bo", "dy" }) end
  end)

  it("tells how the body is framed", function()
    local function framing(text, options)
      local reply = reading({ text .. "\r\n" }, options)[1]
      return reply.framing, reply.persists
    end
    assert.same({ "close", false }, { framing "HTTP/1.1 200 OK\r\n" })
    assert.same({ "chunked", true }, { framing "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" })
    assert.same({ "none", true }, { framing "HTTP/1.1 100 Continue\r\n" })
    assert.same({ "none", true }, { framing "HTTP/1.1 204 No Content\r\n" })
    assert.same({ "none", true }, { framing("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n", { answers_head = true }) })
    assert.same({ "length", false }, { framing "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n" })
    local reply = reading { "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nbytes" }[1]
    assert.same({ "none", "websocket" }, { reply.framing, reply.upgrade })
  end)

  it("fails with a name, as early as it is certain, and says whether a part has come", function()
    local function failure(pieces, options, deadline)
      local result = reading(pieces, options, deadline)
      assert.is_nil(result[1])
      assert.is_truthy(result[3]:find "^127%.0%.0%.1:%d+: reply: ")
      return result[2], result[4]
    end
    assert.same({ "invalid", true }, { failure { "SSH-2.0-OpenSSH_9.2\r\n" } })
    assert.same({ "invalid", true }, { failure { "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n" } })
    assert.same({ "too long", true }, { failure({ HEAD }, { max_head = 60 }) })
    assert.same({ "too long", true }, { failure({ HEAD }, { max_fields = 3 }) })
    assert.same({ "eof", false }, { failure {} })
    assert.same({ "eof", true }, { failure { HEAD:sub(1, 30) } })
    assert.equal("timeout", (failure({ "HTTP/1.1" }, nil, 0)))
  end)
end)
