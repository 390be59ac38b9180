local helper = require "spec.helper"
local client = require "spec.support.http.client"
local lastcall = require "lastcall"

local GET = "GET %s HTTP/1.1\r\nHost: here\r\n\r\n"

--- The body of the next reply, which has a length.
local function body_of(conn)
  local length
  for line in conn:lines() do
    length = line:match "^Content%-Length: (%d+)" or length
    if line == "\r" then break end
  end
  return length and conn:read(tonumber(length))
end

describe("a task that a handler starts with go", function()
  it("ends with the request, and the next one waits for it", function()
    local order = {}
    client.serving(function(request)
      order[#order + 1] = "begins " .. request.path
      lastcall.go(function()
        local _, code = lastcall.sleep(helper.seconds(10))
        order[#order + 1] = "told " .. code
        -- What it still does takes its time, and the next request waits.
        lastcall.context.without_cancel():call(lastcall.sleep, 0.02)
        order[#order + 1] = "task of " .. tostring(request):match "over"
      end)
      return request.path
    end, function(address)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, GET:format "/1", GET:format "/2")
      assert.equal("/1", body_of(conn))
      assert.equal("/2", body_of(conn))
      conn:close()
    end)
    assert.same({ "begins /1", "told canceled", "task of over", "begins /2", "told canceled", "task of over" }, order)
  end)

  it("ends also where the next request comes later, with the handler's context", function()
    local contexts, codes = {}, {}
    client.serving(function(request, _, ctx)
      contexts[#contexts + 1] = ctx
      assert(not ctx:err())
      lastcall.go(function()
        local _, code = lastcall.channel():receive()
        codes[#codes + 1] = code
      end)
      return request.path
    end, function(address)
      local conn = assert(lastcall.connect(address))
      for i = 1, 3 do
        helper.send(conn, GET:format("/" .. i))
        assert.equal("/" .. i, body_of(conn))
        lastcall.sleep(0.01)
        assert.equal(i, #codes)
      end
      conn:close()
    end)
    assert.same({ "canceled", "canceled", "canceled" }, codes)
    for _, ctx in ipairs(contexts) do assert.equal("canceled", (ctx:err())) end
    assert.are_not.equal(contexts[1], contexts[2])
  end)

  it("holds up a drain no longer than it takes to end", function()
    local report
    client.serving(function()
      lastcall.go(function()
        lastcall.sleep(helper.seconds(10))
        lastcall.context.without_cancel():call(lastcall.sleep, 0.2)
      end)
      return "ok"
    end, function(address, server)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, GET:format "/")
      assert.equal("ok", body_of(conn))
      server:shutdown()
      assert.equal("eof", select(2, conn:read()))
      conn:close()
      report = server:wait()
    end, { drain = { timeout = 5, quiet = 0.05 } })
    helper.assert_clean(report)
    assert.is_true(report.elapsed < helper.seconds(3), report.elapsed)
  end)

  it("is left alone when it was spawned", function()
    local done = lastcall.channel(1)
    client.serving(function()
      lastcall.spawn(function()
        done:send((lastcall.sleep(0.05)))
      end)
      return "ok"
    end, function(address)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, GET:format "/")
      assert.equal("ok", body_of(conn))
      conn:close()
      assert.is_true((done:receive()))
    end)
  end)
end)

describe("a client that goes in mid-request", function()
  --- Serves a request with `head`; `go_away` ends the client. Returns what the handler's wait returned.
  local function watched(go_away, options, head)
    local seen
    client.serving(function(_, _, ctx)
      local fine, code = lastcall.sleep(0.3)
      seen = { fine, code, select(2, ctx:err()) }
      return "late"
    end, function(address)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, head or GET:format "/")
      lastcall.sleep(0.05)
      go_away(conn)
      local ends = lastcall.now() + helper.seconds(5)
      while not seen and lastcall.now() < ends do lastcall.sleep(0.005) end
      conn:close()
    end, options)
    return seen
  end
  local BODY = "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nhalf"

  it("cancels it by its FIN", function()
    assert.same({ nil, "canceled" }, { table.unpack(watched(function(conn) conn:shutdown "write" end), 1, 2) })
    assert.equal("canceled", watched(function(conn) conn:shutdown "write" end, nil, BODY)[2])
  end)

  it("does not by its FIN with on_eof = finish, and gets its reply", function()
    local reply
    local seen = watched(function(conn)
      conn:shutdown "write"
      reply = body_of(conn)
    end, { on_eof = "finish" })
    assert.is_true(seen[1])
    assert.equal("late", reply)
  end)

  it("cancels it by a reset, whatever on_eof says, also with bytes unread", function()
    local function reset(conn) conn:abort() end
    for _, options in ipairs { {}, { on_eof = "finish" }, { on_eof = "cancel" } } do
      assert.equal("canceled", watched(reset, options)[2])
      assert.equal("canceled", watched(reset, options, BODY)[2])
    end
  end)

  it("and has finished before the handler began: it is canceled, and a quick reply goes out", function()
    local seen
    client.serving(function(_, _, ctx)
      seen = ctx:err()
      return "quick"
    end, function(address)
      local conn = assert(lastcall.connect(address))
      assert(conn:write(GET:format "/1", GET:format "/2"))
      conn:shutdown "write"
      assert.equal("quick", body_of(conn))
      assert.equal("canceled", seen)
      seen = nil
      assert.equal("quick", body_of(conn))
      assert.equal("canceled", seen)
      assert.equal("eof", select(2, conn:read()))
      conn:close()
    end)
  end)

  it("is nothing to a connection that has left HTTP", function()
    client.serving(function(request, _, ctx)
      local conn = assert(request:upgrade "echo")
      conn:write(assert(conn:read "a"), ctx:err() and " canceled" or " alive")
    end, function(address)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, "GET / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nwords")
      for line in conn:lines() do if line == "\r" then break end end
      conn:shutdown "write"
      assert.equal("words alive", conn:read "a")
      conn:close()
    end)
  end)
end)
