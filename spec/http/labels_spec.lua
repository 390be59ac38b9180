local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

--- Serves `fn`, sends `GET path`, and calls `look(server)` once the handler is at work.
local function at_work(fn, path, look, options, run_options)
  local working = lastcall.channel(1)
  return helper.task(function()
    local server, address = helper.serve(lastcall, http.handler(function(request)
      working:send(true)
      return fn(request)
    end), options)
    local conn = assert(lastcall.connect(address))
    helper.send(conn, ("GET %s HTTP/1.1\r\nHost: here\r\n\r\n"):format(path))
    working:receive()
    lastcall.sleep(0.1)
    look(server, conn)
    conn:close()
  end, run_options)
end

local function asleep() lastcall.sleep(helper.seconds(20)) end

local WORDS = "GET /slow from 127%.0%.0%.1:%d+, %d+%.%d s in handler at spec/http/labels_spec%.lua:%d+, "
  .. "waiting for sleep %(%d+%.%d s%), connection %d+, "

describe("a request at work is named", function()
  it("in a dump", function()
    at_work(asleep, "/slow?secret", function(_, conn)
      local text = lastcall.dump()
      assert.is_truthy(text:find(WORDS .. "active"), text)
      assert.is_nil(text:find("secret", 1, true))
      conn:abort()
    end)
  end)

  it("in the report of who was canceled, and of who was killed", function()
    local text
    at_work(asleep, "/slow", function(server)
      server:shutdown(0.2)
      text = tostring(server:wait())
    end)
    assert.is_truthy(text:find(WORDS .. "%l+, %l+ after"), text)
    local report
    at_work(function() while true do lastcall.sleep(helper.seconds(20)) end end, "/slow", function(server)
      server:shutdown(0.2)
      report = server:wait()
    end)
    assert.is_truthy(tostring(report):find("GET /slow from 127.0.0.1", 1, true), tostring(report))
    assert.equal("GET /slow", report.stragglers[1].request)
    assert.is_true(report.stragglers[1].in_handler >= 0.1)
  end)

  it("in the trace of a shutdown that it holds", function()
    local output = helper.run_script([[
      local lastcall, http = require "lastcall", require "lastcall.http"
      lastcall.run(function()
        local server = assert(lastcall.listen "127.0.0.1:0")
        lastcall.spawn(function()
          server:serve(http.handler(function() lastcall.sleep(6) return "ok" end))
        end)
        local conn = assert(lastcall.connect(server:addresses()[1]))
        conn:write("POST /held HTTP/1.1\r\nHost: here\r\n\r\n")
        lastcall.spawn(function()
          local _ <close> = lastcall.work()
          conn:read "a"
          conn:close()
        end)
        lastcall.sleep(0.1)
        lastcall.shutdown()
      end, { drain = 10 })
    ]])
    assert.is_truthy(output:find "shutdown held.*POST /held from 127.0.0.1:%d+, %d.%d s in handler at ", output)
  end)

  it("to on_error, and in the default text of an error", function()
    local seen
    at_work(function() error "on purpose" end, "/wrong", function() end,
      { on_error = function(_, _, _, request) seen = request end })
    assert.equal("GET /wrong", seen)
    local output = helper.run_script([[
      local lastcall, http = require "lastcall", require "lastcall.http"
      lastcall.run(function()
        local server = assert(lastcall.listen "127.0.0.1:0")
        lastcall.spawn(function() server:serve(http.handler(function() error "on purpose" end)) end)
        local conn = assert(lastcall.connect(server:addresses()[1]))
        conn:write("GET /wrong HTTP/1.1\r\nHost: here\r\n\r\n")
        conn:read "a"
        conn:close()
        lastcall.shutdown()
      end)
    ]])
    assert.is_truthy(output:find("lastcall: error (GET /wrong, connection ", 1, true), output)
  end)

  it("in the log of a task that holds the loop, shortened", function()
    local request
    at_work(function()
      local ends = os.clock() + 0.1 -- of the processor's time: only work holds the loop
      while os.clock() < ends do end
      return "ok"
    end, "/" .. ("x"):rep(1000), function() lastcall.sleep(0.05) end, {
      max_block = 0.03,
      log = function(_, event, fields) if event == "loop blocked" then request = fields.request end end,
    })
    assert.equal("GET /" .. ("x"):rep(114), request)
  end)

  it("in the log of a connection that its client has reset", function()
    local request
    at_work(asleep, "/reset", function(_, conn)
      conn:abort()
      lastcall.sleep(0.05)
    end, { log = function(_, event, fields) if event == "connection failed" then request = fields.request end end })
    assert.equal("GET /reset", request)
  end)

  it("in the snapshot of its connection, and no longer when it is over", function()
    at_work(function(request)
      request.conn:work():done()
      lastcall.sleep(0.2)
      return "ok"
    end, "http://here?x", function(server, conn)
      local one = server:connections()[1]
      assert.equal("GET /", one.request)
      assert.is_true(one.in_handler > 0)
      for line in conn:lines() do if line == "\r" then break end end
      conn:read(2)
      assert.is_nil(server:connections()[1].request)
    end)
  end)
end)

describe("server:stats", function()
  it("counts requests, and those at work", function()
    at_work(function(request)
      if request.path == "/slow" then lastcall.sleep(0.2) end
      return "ok"
    end, "/slow", function(server, conn)
      local stats = server:stats()
      assert.same({ 0, 1 }, { stats.requests, stats.in_flight })
      helper.send(conn, "GET /quick HTTP/1.1\r\nHost: here\r\n\r\n")
      for _ = 1, 2 do
        for line in conn:lines() do if line == "\r" then break end end
        assert.equal("ok", conn:read(2))
      end
      lastcall.sleep(0.01)
      stats = server:stats()
      assert.same({ 2, 0, 0 }, { stats.requests, stats.in_flight, stats.late })
    end)
  end)

  --- A client that sends a request behind the FIN which `options` make the server send.
  local function late(handler, options, word)
    local stats, report
    helper.task(function()
      local server, address = helper.serve(lastcall, handler, options)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, word)
      assert(conn:read())
      repeat local line, code = conn:read() until not line and code == "eof"
      conn:write(word)
      conn:flush()
      lastcall.sleep(0.05)
      conn:close()
      lastcall.sleep(0.05)
      stats = server:stats()
      server:shutdown()
      report = server:wait()
    end)
    assert.equal(1, stats.late)
    assert.equal(0, report.late)
    assert.same({}, report.late_peers)
    helper.assert_clean(report)
  end
  local GET = "GET / HTTP/1.1\r\nHost: here\r\n\r\n"
  local function ok() return "ok" end

  it("counts late ones outside of a drain: keepalive_timeout", function()
    late(http.handler(ok, { keepalive_timeout = 0.05 }), nil, GET)
  end)

  it("counts late ones outside of a drain: max_age", function()
    late(http.handler(ok), { max_age = 0.05, drain = { timeout = 5, quiet = 0.05 } }, GET)
  end)

  it("counts late ones outside of a drain: idle_timeout of another protocol", function()
    late(helper.echo, { idle_timeout = 0.05 }, "ping\n")
  end)
end)
