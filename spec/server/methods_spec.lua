-- scripts/test: fast clock
local helper = require "spec.helper"
local lastcall = require "lastcall"
local process = require "spec.support.process"

local echo, spoken, raises = helper.echo, helper.spoken, helper.raises

local function close_all(list)
  for _, conn in ipairs(list) do conn:close("background") end
end

--- A server with `n` clients that have had an exchange, and one that has said nothing.
local function crowd(n, options)
  local server, address = helper.serve(lastcall, echo, options)
  local clients = {}
  for i = 1, n do clients[i] = spoken(address) end
  clients[n + 1] = assert(lastcall.connect(address))
  assert(server:wait_for("==", n + 1, helper.seconds(2)))
  lastcall.sleep(0.02)
  return server, clients, address
end

describe("looking at connections", function()
  it("count counts them, or those in one state", function()
    helper.task(function()
      local server, clients = crowd(3)
      assert.equal(4, server:count())
      assert.equal(3, server:count "idle")
      assert.equal(1, server:count "new")
      assert.equal(0, server:count "active")
      raises("'sleepy'", server.count, server, "sleepy")
      close_all(clients)
      assert.is_true(server:wait_for("==", 0, helper.seconds(2)))
    end)
  end)

  it("each walks over them, while the script closes them", function()
    helper.task(function()
      local server, clients = crowd(3)
      local seen = {}
      for conn in server:each() do
        seen[#seen + 1] = conn.id
        conn:close("background")
      end
      assert.equal(4, #seen)
      for i = 2, 4 do assert.is_true(seen[i] > seen[i - 1]) end -- by age
      close_all(clients)
    end)
  end)

  it("each takes a state", function()
    helper.task(function()
      local server, clients = crowd(2)
      local count = 0
      for conn in server:each "idle" do
        count = count + 1
        assert.equal("idle", conn:state())
      end
      assert.equal(2, count)
      raises("'sleepy'", server.each, server, "sleepy")
      close_all(clients)
    end)
  end)

  it("connections are snapshots", function()
    helper.task(function()
      local server, clients = crowd(1)
      local list = server:connections()
      assert.equal(2, #list)
      local one = list[1]
      assert.equal("idle", one.state)
      assert.equal(5, one.received)
      assert.equal(5, one.sent)
      assert.equal(0, one.unacked)
      assert.is_true(one.age >= 0 and one.quiet >= 0 and one.quiet <= one.age)
      assert.is_truthy(one.peer:find "^127%.0%.0%.1:%d+$")
      assert.equal("new", list[2].state)
      close_all(clients)
      assert.is_true(server:wait_for("==", 0, helper.seconds(2)))
      assert.equal("idle", one.state)
    end)
  end)

  it("get finds one by its id, or nothing", function()
    helper.task(function()
      local server, clients = crowd(1)
      local id = server:connections()[1].id
      assert.equal(id, server:get(id).id)
      assert.is_nil(server:get(id + 1000))
      raises("number", server.get, server, "one")
      close_all(clients)
      assert.is_true(server:wait_for("==", 0, helper.seconds(2)))
      assert.is_nil(server:get(id))
    end)
  end)

  it("stats have the step, the states, and what there was in all", function()
    helper.task(function()
      local server, clients = crowd(2)
      local stats = server:stats()
      assert.equal("serving", stats.step)
      assert.equal(3, stats.connections)
      assert.equal(2, stats.idle)
      assert.equal(1, stats.new)
      assert.equal(3, stats.accepted)
      close_all(clients)
      assert.is_true(server:wait_for("==", 0, helper.seconds(2)))
      stats = server:stats()
      assert.equal(0, stats.connections)
      assert.equal(3, stats.accepted)
      assert.equal(10, stats.received)
      assert.equal(10, stats.sent)
    end)
  end)

  it("methods want a server as self", function()
    helper.task(function()
      local server = helper.serve(lastcall, echo)
      raises("with ':'", server.count)
      raises("with ':'", server.shutdown, {})
    end)
  end)
end)

describe("server:wait_for", function()
  it("knows every operator", function()
    helper.task(function()
      local server, clients = crowd(2) -- three of them
      for operator, n in pairs { [">"] = 2, [">="] = 3, ["=="] = 3, ["<="] = 3, ["<"] = 4 } do
        assert.is_true(server:wait_for(operator, n, 0), operator)
      end
      for operator, n in pairs { [">"] = 3, [">="] = 4, ["=="] = 2, ["<="] = 2, ["<"] = 3 } do
        local fine, code = server:wait_for(operator, n, 0.02)
        assert.is_nil(fine, operator)
        assert.equal("timeout", code)
      end
      close_all(clients)
    end)
  end)

  it("is woken by those who come and those who go", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, echo)
      local order = {}
      local up = lastcall.go(function()
        assert(server:wait_for(">=", 2, helper.seconds(5)))
        order[#order + 1] = "up"
      end)
      local one, two = spoken(address), spoken(address)
      up:wait()
      local down = lastcall.go(function()
        assert(server:wait_for("<", 1, helper.seconds(5)))
        order[#order + 1] = "down"
      end)
      one:close()
      assert.equal(1, #order)
      two:close()
      down:wait()
      assert.same({ "up", "down" }, order)
    end)
  end)

  it("hears of a connection whose tasks outlive it", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        lastcall.go(function() lastcall.sleep(0.2) end)
        conn:abort()
        lastcall.sleep(0.2)
      end)
      local conn = assert(lastcall.connect(address))
      assert(server:wait_for("==", 1, helper.seconds(2)))
      assert.is_true(server:wait_for("==", 0, helper.seconds(5)))
      conn:close()
    end)
  end)

  it("may be called by a task of the server, which is no connection", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, echo)
      local waited
      local task = server:go(function() waited = server:wait_for("==", 1, helper.seconds(5)) end)
      local conn = spoken(address)
      task:wait()
      assert.is_true(waited)
      conn:close()
    end)
  end)

  it("refuses what is no operator or no number", function()
    helper.task(function()
      local server = helper.serve(lastcall, echo)
      for _, operator in ipairs { "=", "!=", "~=", "=>", "", ">>" } do
        raises("is not one of >, >=, ==, <=, <", server.wait_for, server, operator, 1)
      end
      raises("is not one of", server.wait_for, server, nil, 1)
      raises("whole number", server.wait_for, server, "==", 1.5)
      raises("whole number", server.wait_for, server, "==")
    end)
  end)

  it("ends when the server does", function()
    helper.task(function()
      local server = helper.serve(lastcall, echo)
      local code
      local task = lastcall.go(function() code = select(2, server:wait_for(">", 5)) end)
      lastcall.sleep(0.02)
      server:shutdown()
      task:wait()
      assert.equal("closed", code)
    end)
  end)
end)

describe("server:close_where", function()
  it("closes those whose snapshot is chosen, and says how many", function()
    helper.task(function()
      local server, clients = crowd(3)
      local count = server:close_where(function(snapshot)
        assert(snapshot.id and snapshot.peer and snapshot.age)
        return snapshot.state == "new"
      end)
      assert.equal(1, count)
      assert.equal("eof", select(2, clients[4]:read()))
      assert.equal(3, server:close_where(function() return true end))
      for i = 1, 3 do assert.equal("eof", select(2, clients[i]:read())) end
      close_all(clients)
    end)
  end)
end)

describe("server:broadcast", function()
  it("posts to all, or to those chosen", function()
    helper.task(function()
      local server, clients = crowd(2)
      local queued, dropped = server:broadcast "news\n"
      assert.equal(3, queued)
      assert.equal(0, dropped)
      for _, conn in ipairs(clients) do assert.equal("news", conn:read()) end
      queued = server:broadcast("more\n", function(conn) return conn:stats().received > 0 end)
      assert.equal(2, queued)
      for i = 1, 2 do assert.equal("more", clients[i]:read()) end
      close_all(clients)
    end)
  end)

  it("drops nobody who has room in the kernel", function()
    helper.task(function()
      local server, clients = crowd(1, { max_queue = 5000 })
      for _ = 1, 20 do assert.same({ 2, 0 }, { server:broadcast(("x"):rep(3000)) }) end
      for _, conn in ipairs(clients) do assert.equal(60000, #conn:read(60000)) end
      close_all(clients)
    end)
  end)

  it("counts those it had to drop, whose queue is full", function()
    helper.task(function()
      local server, clients = crowd(1, { max_queue = 1000 })
      local queued, dropped = server:broadcast(("x"):rep(2000))
      assert.equal(0, queued)
      assert.equal(2, dropped)
      close_all(clients)
    end)
  end)
end)

describe("what a server tells", function()
  it("on_step: each step of its ladder, with the server", function()
    local steps = {}
    helper.task(function()
      local server = helper.serve(lastcall, echo)
      server:on_step(function(step, which)
        assert(which == server)
        steps[#steps + 1] = step
      end)
      server:shutdown()
      server:wait()
      lastcall.sleep(0)
    end)
    assert.same({ "stop", "drain", "done" }, steps)
  end)

  it("on_state and on_step can be taken back, and want functions", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, echo)
      local count = 0
      server:on_state(function() count = count + 1 end)
      server:on_state(nil)
      spoken(address):close()
      assert.equal(0, count)
      assert.is_false((pcall(server.on_state, server, "x")))
      assert.is_false((pcall(server.on_step, server, 1)))
    end)
  end)

  it("errors of its callbacks go to on_error, and stop nothing", function()
    local errors, told = {}, {}
    helper.task(function()
      local server, address = helper.serve(lastcall, echo)
      server:on_state(function(_, _, to)
        told[#told + 1] = to
        error("in on_state: " .. to)
      end)
      spoken(address):close()
      server:wait_for("==", 0, helper.seconds(2))
      lastcall.sleep(0.01)
    end, { on_error = function(err) errors[#errors + 1] = tostring(err) end })
    assert.equal("new", told[1])
    assert.equal("closed", told[#told])
    assert.equal(#told, #errors)
    for i, to in ipairs(told) do assert.is_truthy(errors[i]:find("in on_state: " .. to, 1, true)) end
  end)

  it("errors of on_error itself go to stderr, with what it had been told", function()
    local text = [[
      local lastcall = require "lastcall"
      local wrong = { on_error = function() error "in on_error" end, drain = 1 }
      lastcall.run(function()
        local server = assert(lastcall.listen("127.0.0.1:0", wrong))
        server:on_step(function() error { "in on_step" } end)
        server:go(function() error "in a task" end)
        lastcall.spawn(server.shutdown, server)
        server:serve(function() end)
      end, wrong)
    ]]
    local output = process.script(text):finish()
    assert.is_truthy(output:find("error: .-:%d+: in a task\nstack traceback"), output)
    assert.is_truthy(output:find("error: table: .-\nstack traceback"), output)
    assert.is_truthy(output:find("raised itself:\nlastcall: error: .-:%d+: in on_error\nstack traceback"), output)
  end)

  it("errors of handlers go to its own on_error, with the connection; the others go on", function()
    local got
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        if conn:read() == "bad" then error "on purpose" end
        conn:write("fine\n")
      end, { on_error = function(err, traceback, conn) got = { err, traceback, conn and conn.id } end })
      local bad, good = assert(lastcall.connect(address)), assert(lastcall.connect(address))
      bad:write("bad\n")
      assert.equal("eof", select(2, bad:read()))
      good:write("good\n")
      assert.equal("fine", good:read())
      bad:close()
      good:close()
      server:wait_for("==", 0, 1)
    end)
    assert.is_truthy(tostring(got[1]):find("on purpose", 1, true))
    assert.is_truthy(got[2]:find("methods_spec.lua:%d+"))
    assert.equal("number", type(got[3]))
  end)

  it("its own log is told instead of the run's", function()
    local mine, general = {}, {}
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        conn:read()
      end, { log = function(level, event, fields) mine[#mine + 1] = { level, event, fields } end })
      local conn = helper.ask(address, "x")
      lastcall.sleep(0.05)
      conn:abort()
      server:wait_for("==", 0, helper.seconds(2))
      lastcall.sleep(0)
    end, { log = helper.apart_from_shutdown(function(_, event) general[#general + 1] = event end) })
    assert.equal("connection failed", mine[1][2])
    assert.equal("reset", mine[1][3].cause)
    assert.is_truthy(mine[1][3].peer)
    assert.same({}, general)
  end)
end)

describe("server:go", function()
  it("starts a task that is the server's: in its context, waited for, canceled with it", function()
    helper.task(function()
      local server = helper.serve(lastcall, echo)
      local task = server:go(function(a, b) return a + b end, 1, 2)
      assert.equal(3, task:wait())
      local code
      server:go(function() code = select(2, lastcall.sleep(60)) end)
      server:shutdown(0.5)
      local report = server:wait()
      assert.equal("canceled", code)
      assert.is_true(report.elapsed >= 0.4)
      raises("has ended", server.go, server, function() end)
    end)
  end)
end)
