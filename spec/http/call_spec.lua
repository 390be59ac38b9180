-- scripts/test: fast clock
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

local function serving(fn, main, options)
  return helper.task(function()
    local server, address = helper.serve(lastcall, fn, options)
    main(address, server)
  end)
end

local function body_of(conn)
  local length, status
  for line in conn:lines() do
    status = status or line:match "^HTTP/1.1 (%d+)"
    length = line:match "^Content%-Length: (%d+)" or length
    if line == "\r" then break end
  end
  return length and conn:read(tonumber(length)), status
end

local GET = "GET %s HTTP/1.1\r\nHost: here\r\n\r\n"

describe("a handler of requests that is called with a connection", function()
  it("serves its requests in that task, and returns when the client has finished", function()
    local tasks, results = {}, nil
    local h = http.handler(function(request, _, ctx)
      tasks[coroutine.running()] = true
      assert(not ctx:err())
      return request.path
    end)
    serving(function(conn)
      tasks[coroutine.running()] = true
      results = { h(conn) }
    end, function(address)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, GET:format "/1", GET:format "/2")
      assert.equal("/1", (body_of(conn)))
      assert.equal("/2", (body_of(conn)))
      helper.send(conn, GET:format "/3")
      assert.equal("/3", (body_of(conn)))
      conn:close()
      lastcall.sleep(0.01)
    end)
    assert.same({ true }, results)
    local count = 0
    for _ in pairs(tasks) do count = count + 1 end
    assert.equal(1, count)
  end)

  --- Two pipelined requests, and one that comes later; each starts a task by `start`. What happened, in order.
  local function order_of(start)
    local order = {}
    local h = http.handler(function(request, _, ctx)
      local path = request.path
      order[#order + 1] = "begins " .. path
      start(ctx, function()
        lastcall.sleep(helper.seconds(10))
        lastcall.context.without_cancel():call(lastcall.sleep, 0.02)
        order[#order + 1] = "is over " .. path
      end)
      return path
    end)
    local mine
    serving(function(conn)
      mine = lastcall.go(lastcall.sleep, helper.seconds(10)) -- no request waits for this one
      h(conn)
    end, function(address)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, GET:format "/1", GET:format "/2")
      assert.equal("/1", (body_of(conn)))
      assert.equal("/2", (body_of(conn)))
      helper.send(conn, GET:format "/3")
      assert.equal("/3", (body_of(conn)))
      order[#order + 1] = "has its reply"
      conn:close()
      mine:wait()
    end)
    return order
  end

  it("lets the next request wait for the tasks of the one before, and no reply", function()
    local wanted = { "begins /1", "is over /1", "begins /2", "is over /2", "begins /3", "has its reply", "is over /3" }
    assert.same(wanted, order_of(function(_, fn) lastcall.go(fn) end))
    assert.same(wanted, order_of(function(ctx, fn) lastcall.context.with_cancel(ctx):go(fn) end))
  end)

  it("is not held by a task that fails, whose error is told", function()
    local errors = {}
    local h = http.handler(function(request)
      lastcall.go(function()
        lastcall.sleep(helper.seconds(10))
        error("on purpose", 0)
      end)
      return request.path
    end)
    serving(function(conn) h(conn) end, function(address)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, GET:format "/1", GET:format "/2")
      assert.equal("/1", (body_of(conn)))
      assert.equal("/2", (body_of(conn)))
      conn:close()
    end, { on_error = function(err) errors[#errors + 1] = err end })
    assert.same({ "on purpose", "on purpose" }, errors)
  end)

  it("takes over what was read behind a first line of another protocol, and gives upgrades back", function()
    local h = http.handler(function(request) assert(request:upgrade "echo") end, { max_in_flight = 1 })
    local said
    serving(function(conn)
      said = conn:read()
      h(conn)
      for line in conn:lines() do conn:write(line, "\n") end
    end, function(address)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, "PROXY me\nGET / HTTP/1.1\r\nHost: here\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\none\n")
      repeat local line = conn:read() until line == "\r"
      assert.equal("one", conn:read())
      helper.send(conn, "two\n")
      assert.equal("two", conn:read())
      conn:close()
    end)
    assert.equal("PROXY me", said)
  end)

  it("answers 500 when it raises, and 503 when it is canceled", function()
    local errors = {}
    local h = http.handler(function(request)
      if request.path == "/wrong" then error "on purpose" end
      local slept = lastcall.sleep(helper.seconds(10))
      if request.path == "/slow" then assert(slept, "given up") end
      return "told, and answers"
    end)
    serving(function(conn) h(conn) end, function(address, server)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, GET:format "/wrong")
      assert.equal("500", select(2, body_of(conn)))
      conn:close()
      local slow, polite = assert(lastcall.connect(address)), assert(lastcall.connect(address))
      helper.send(slow, GET:format "/slow")
      helper.send(polite, GET:format "/polite")
      while server:stats().active < 2 do lastcall.sleep(0.001) end
      server:shutdown(4) -- a tenth of it for those that are canceled
      assert.equal("503", select(2, body_of(slow)))
      assert.equal("told, and answers", (body_of(polite)))
      slow:close()
      polite:close()
      server:wait()
    end, { on_error = function(err) errors[#errors + 1] = tostring(err) end })
    assert.equal(2, #errors)
    assert.is_truthy(errors[1]:find("on purpose", 1, true))
  end)

  it("is idle between two requests: a drain closes it, and says so in the last reply", function()
    local h = http.handler(function() return "ok" end)
    local report
    serving(function(conn) h(conn) end, function(address, server)
      local idle = assert(lastcall.connect(address))
      helper.send(idle, GET:format "/")
      assert.equal("ok", (body_of(idle)))
      server:shutdown()
      assert.equal("eof", select(2, idle:read()))
      idle:close()
      report = server:wait()
    end, { drain = { timeout = 5, quiet = 0.05 } })
    helper.assert_clean(report)
  end)

  it("ends the tasks of a request with it, is counted, and keeps its options", function()
    local code
    local h = http.handler(function(request)
      lastcall.go(function() code = select(2, lastcall.sleep(helper.seconds(10))) end)
      return request:body(100)
    end, { max_body = 5 })
    serving(function(conn) h(conn) end, function(address, server)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\nhi")
      assert.equal("hi", (body_of(conn)))
      lastcall.sleep(0.01)
      assert.equal("canceled", code)
      assert.equal(1, server:stats().requests)
      helper.send(conn, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\n")
      assert.equal("413", select(2, body_of(conn)))
      conn:close()
    end)
  end)

  it("refuses what is no connection of a server, and one that speaks HTTP already", function()
    local h = http.handler(function() return "ok" end)
    local seen
    serving(http.handler(function(request)
      seen = select(2, pcall(h, request.conn))
      return "ok"
    end), function(address)
      local conn = assert(lastcall.connect(address))
      helper.raises("connections of a server alone", h, conn)
      helper.send(conn, GET:format "/")
      assert.equal("ok", (body_of(conn)))
      conn:close()
    end)
    assert.is_truthy(seen:find("speaks HTTP already", 1, true), seen)
    helper.raises("expected a connection", h, 1)
  end)
end)
