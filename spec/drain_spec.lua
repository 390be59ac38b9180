local helper = require "spec.helper"
local lastcall = require "lastcall"

local function echo(conn)
  for line in conn:lines() do conn:write(line, "\n") end
end

local function greet(conn) conn:write("hello\n") end

--- A client that has had one exchange: it is idle now.
local function spoken(address)
  local conn = assert(lastcall.connect(address))
  conn:write("ping\n")
  assert.equal("ping", conn:read())
  return conn
end

local ask = helper.ask

local function ends(conn)
  local line, code = conn:read()
  conn:close()
  return line or code
end

describe("the step unready", function()
  it("is not ready any more, but accepts, until the delay is over", function()
    local seen = {}
    local report = helper.task(function()
      local server, address = helper.serve(lastcall, echo)
      assert.is_true(lastcall.ready())
      assert.is_true(server:ready())
      lastcall.spawn(function()
        lastcall.sleep(0.1)
        seen.ready, seen.server, seen.step = lastcall.ready(), server:ready(), server:stats().step
        local late = spoken(address)
        seen.late = true
        late:close("background")
      end)
      lastcall.shutdown()
    end, { drain = { timeout = 5, delay = 0.4 } })
    assert.same({ ready = false, server = false, step = "serving", late = true }, seen)
    assert.is_true(report.steps.stop >= 0.4)
    assert.is_true(report.steps.stop < helper.seconds(1))
    assert.is_true(report.clean)
  end)

  it("ends when the functions of before_shutdown do, if they take longer", function()
    local report = helper.task(function()
      helper.serve(lastcall, echo)
      lastcall.before_shutdown("slow", function() lastcall.sleep(0.3) end)
    end)
    assert.is_true(report.steps.stop >= 0.3)
    assert.is_true(report.ok)
  end)
end)

describe("the step drain", function()
  it("is done at once when nothing is open", function()
    local report = helper.task(function() helper.serve(lastcall, echo) end)
    assert.is_true(report.elapsed < helper.seconds(0.6), tostring(report))
    assert.is_true(report.clean)
  end)

  it("closes the idle at once, and is done when they are", function()
    local report = helper.task(function()
      local server, address = helper.serve(lastcall, echo)
      local clients = {}
      for i = 1, 20 do clients[i] = spoken(address) end
      server:shutdown()
      for _, conn in ipairs(clients) do assert.equal("eof", ends(conn)) end
      local mine = server:wait()
      assert.equal(20, mine.closed_idle)
      assert.is_true(mine.elapsed < helper.seconds(0.9), tostring(mine))
    end)
    assert.is_true(report.clean)
  end)

  it("waits for the unfinished alone, and refuses new clients from the moment the stop is over", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        for line in conn:lines() do
          if line == "slow" then lastcall.sleep(0.8) end
          conn:write(line, "\n")
        end
      end)
      local idle, busy = spoken(address), ask(address, "slow")
      lastcall.sleep(0.05)
      assert.equal(1, server:count "active")
      server:shutdown(5)
      assert.equal("eof", ends(idle))
      lastcall.sleep(0.5)
      assert.equal(1, server:count())
      assert.equal("refused", select(2, lastcall.connect(address)))
      assert.equal("slow", busy:read())
      assert.equal("eof", ends(busy))
      local report = server:wait()
      assert.is_true(report.elapsed < helper.seconds(2), tostring(report))
      assert.is_true(report.clean)
    end)
  end)

  it("lets a reply of many megabytes that is under way arrive whole", function()
    local size = 8 * 1024 * 1024
    local got
    local report = helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        lastcall.sleep(0.2)
        conn:write(("x"):rep(size), "\n")
      end)
      local conn = ask(address, "everything")
      lastcall.sleep(0.05)
      server:shutdown(10)
      lastcall.sleep(0.5)
      got = conn:read "a"
      conn:close()
      server:wait()
    end, { drain = 10 })
    assert.equal(size + 1, #got)
    assert.is_true(report.clean)
  end)

  it("closes a connection that never spoke after quiet, and not before", function()
    for _, handler in ipairs {
      echo,
      function(conn) conn:await() end,
      function(conn) conn:read(4) end,
    } do
      helper.task(function()
        local server, address = helper.serve(lastcall, handler, { drain = { timeout = 5, quiet = 0.4 } })
        local conn = assert(lastcall.connect(address))
        lastcall.sleep(0.05)
        local began = lastcall.now()
        server:shutdown()
        assert.equal("eof", ends(conn))
        local took = lastcall.now() - began
        assert.is_true(took >= 0.3, "it was closed after " .. took)
        assert.is_true(took < helper.seconds(2), "it was closed after " .. took)
        assert.is_true(server:wait().clean)
      end)
    end
  end)

  it("serves one whose first byte is in the kernel already", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        conn:write(conn:read() or "nothing", "\n")
      end)
      server:suspend()
      local conn = ask(address, "early")
      server:shutdown()
      assert.equal("early", conn:read())
      conn:close()
      assert.equal(1, server:wait().accepted_while_stopping)
    end)
  end)

  it("serves those whose first request comes within quiet, and refuses work that comes later", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        while conn:await() do
          conn:write(conn:read(), "\n")
          conn:flush()
          lastcall.sleep(0.5) -- the next request comes meanwhile
        end
        conn:write(select(2, conn:await()), "\n")
      end, { drain = { timeout = 5, quiet = 0.3 } })
      local conn = assert(lastcall.connect(address))
      lastcall.sleep(0.05)
      server:shutdown()
      lastcall.sleep(0.1)
      conn:write("first\nsecond\n")
      assert.equal("first", conn:read())
      assert.equal("draining", conn:read())
      assert.equal("eof", ends(conn))
      assert.is_true(server:wait().clean)
    end)
  end)

  it("takes lines() of one that never writes for idle once it is quiet", function()
    helper.task(function()
      local lines = 0
      local server, address = helper.serve(lastcall, function(conn)
        for _ in conn:lines() do lines = lines + 1 end
      end, { drain = { timeout = 5, quiet = 0.4 } })
      local conn = ask(address, "one")
      lastcall.sleep(0.1)
      server:shutdown()
      conn:write("two\n")
      conn:flush()
      assert.equal("eof", ends(conn))
      assert.equal(2, lines)
      assert.is_true(server:wait().clean)
    end)
  end)

  it("leaves alone who holds a guard, until it is done", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        local guard <close> = conn:work()
        lastcall.go(function()
          lastcall.sleep(0.6)
          conn:write("worked\n")
          guard:done()
        end)
        conn:await()
      end, { drain = { timeout = 5, quiet = 0.1 } })
      local conn = ask(address, "work")
      lastcall.sleep(0.05)
      server:shutdown()
      assert.equal("worked", conn:read())
      assert.equal("eof", ends(conn))
      assert.is_true(server:wait().clean)
    end)
  end)

  it("spreads the closing of idle ones over the time of spread", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, echo, { drain = { timeout = 5, spread = 1 } })
      local clients = {}
      for i = 1, 50 do clients[i] = spoken(address) end
      local half
      server:shutdown()
      lastcall.go(function()
        lastcall.sleep(0.5)
        half = server:count "idle"
      end)
      for _, conn in ipairs(clients) do assert.equal("eof", ends(conn)) end
      local report = server:wait()
      assert.is_true(half > 5 and half < 48, half .. " were idle at half time")
      assert.is_true(report.elapsed >= 0.7, tostring(report))
      assert.equal(50, report.closed_idle)
    end)
  end)

  it("tells contexts, and ends those of until_drain", function()
    local before, after, woken, cause
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn, ctx)
        conn:read()
        before = ctx:draining()
        local soft = ctx:until_drain()
        assert(soft:done() == false)
        while not soft:done() do lastcall.sleep(0.01) end
        woken, cause, after = soft:err(), soft:cause(), ctx:draining()
        assert(not ctx:done())
        conn:write("bye\n")
      end)
      local conn = ask(address, "x")
      lastcall.sleep(0.05)
      server:shutdown()
      assert.equal("bye", conn:read())
      conn:close()
      server:wait()
    end)
    assert.is_false(before)
    assert.is_true(after)
    assert.equal("canceled", woken)
    assert.equal("draining", cause)
  end)

  it("runs on_drain as a task for each connection", function()
    helper.task(function()
      local count = 0
      local server, address = helper.serve(lastcall, echo, {
        on_drain = function(conn)
          count = count + 1
          lastcall.sleep(0.05)
          conn:write("going down\n")
        end,
      })
      local clients = {}
      for i = 1, 3 do clients[i] = spoken(address) end
      server:shutdown()
      for _, conn in ipairs(clients) do
        assert.equal("going down", conn:read())
        assert.equal("eof", ends(conn))
      end
      assert.is_true(server:wait().clean)
      assert.equal(3, count)
    end)
  end)

  it("says the farewell, a string or a function's, as the last words", function()
    for _, farewell in ipairs { "good night\n", function(conn) return ("good night %d\n"):format(conn.id) end } do
      helper.task(function()
        local server, address = helper.serve(lastcall, echo, { farewell = farewell })
        local conn = spoken(address)
        server:shutdown()
        assert.is_truthy(conn:read():find "^good night")
        assert.equal("eof", ends(conn))
        assert.is_true(server:wait().clean)
      end)
    end
  end)

  it("does not say it to those whose handlers ended by themselves", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, greet, { farewell = "good night\n" })
      local conn = assert(lastcall.connect(address))
      assert.equal("hello", conn:read())
      assert.equal("eof", ends(conn))
      server:shutdown()
      server:wait()
    end)
  end)

  it("waits for tasks of the server and of connections too", function()
    helper.task(function()
      local done = 0
      local server, address = helper.serve(lastcall, function()
        lastcall.go(function()
          lastcall.sleep(0.4)
          done = done + 1
        end)
      end)
      server:go(function()
        lastcall.sleep(0.5)
        done = done + 1
      end)
      local conn = assert(lastcall.connect(address))
      lastcall.sleep(0.05)
      server:shutdown()
      conn:close()
      local report = server:wait()
      assert.equal(2, done)
      assert.is_true(report.elapsed >= 0.3)
      assert.is_true(report.clean)
    end)
  end)

  it("serves those who come while it stops", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, echo)
      server:suspend()
      local clients = {}
      for i = 1, 10 do clients[i] = ask(address, "ping") end
      server:shutdown()
      for _, conn in ipairs(clients) do
        assert.equal("ping", conn:read())
        assert.equal("eof", ends(conn))
      end
      local report = server:wait()
      assert.equal(10, report.accepted_while_stopping)
      assert.is_true(report.clean)
    end)
  end)
end)

describe("the steps cancel and kill", function()
  it("end blocked operations with canceled, and let the handler say so", function()
    local codes, cause = {}, nil
    local report = helper.task(function()
      local server, address = helper.serve(lastcall, function(conn, ctx)
        local what = conn:read()
        if what == "read" then
          codes[what] = select(2, conn:read(10))
        else
          codes[what] = select(2, lastcall.sleep(60))
        end
        cause = ctx:cause()
        conn:write("sorry\n")
      end, { drain = { timeout = 1 } })
      local reads, sleeps = ask(address, "read"), ask(address, "sleep")
      reads:write("half")
      reads:flush()
      lastcall.sleep(0.05)
      server:shutdown()
      assert.equal("sorry", reads:read())
      assert.equal("sorry", sleeps:read())
      reads:close()
      sleeps:close()
      local mine = server:wait()
      assert.equal(2, mine.canceled)
      assert.equal(0, mine.killed)
      assert.is_true(mine.ok)
      assert.is_false(mine.clean)
      assert.is_true(mine.steps.cancel >= 0.85 and mine.steps.cancel < helper.seconds(1), tostring(mine.steps.cancel))
    end)
    assert.same({ read = "canceled", sleep = "canceled" }, codes)
    assert.equal("drain timeout", cause)
    assert.is_true(report.ok)
  end)

  it("end on time whoever ignores it, and its client sees a reset", function()
    local closed = 0
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        local _ <close> = setmetatable({}, { __close = function() closed = closed + 1 end })
        conn:read()
        while true do lastcall.sleep(60) end
      end, { drain = { timeout = 0.6 } })
      local conn = ask(address, "x")
      lastcall.sleep(0.05)
      server:shutdown()
      assert.equal("reset", ends(conn))
      local report = server:wait()
      assert.equal(1, report.killed)
      assert.equal(1, report.reset_by_us)
      assert.is_false(report.ok)
      assert.is_true(report.elapsed < helper.seconds(0.9), tostring(report))
      assert.equal(1, closed)
    end)
  end)

  it("come earlier when a second call says so, never later", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        while true do lastcall.sleep(60) end
      end)
      local conn = ask(address, "x")
      lastcall.sleep(0.05)
      server:shutdown(5)
      server:shutdown(0.4)
      server:shutdown(20)
      local report = server:wait()
      assert.is_true(report.elapsed < helper.seconds(0.8), tostring(report))
      conn:close()
    end)
  end)

  it("keep grace at a tenth of the time that was asked for", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        lastcall.sleep(0.5)
        conn:write("done\n")
      end) -- whose usual grace of a second would leave nothing of the time below
      local conn = ask(address, "x")
      lastcall.sleep(0.05)
      server:shutdown(1)
      assert.equal("done", conn:read())
      conn:close()
      assert.is_true(server:wait().clean)
    end)
  end)
end)

describe("server:close", function()
  it("starts at kill", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        lastcall.sleep(60)
      end)
      local conn = ask(address, "x")
      lastcall.sleep(0.05)
      assert.is_true(server:close())
      local report = server:wait()
      assert.is_true(report.elapsed < helper.seconds(0.3), tostring(report))
      assert.equal("reset", ends(conn))
      assert.equal("refused", select(2, lastcall.connect(address)))
    end)
  end)
end)

describe("shutdown and close", function()
  it("may be asked for twice, in any order, while it is waited for by several: one report", function()
    for _, order in ipairs {
      { "shutdown", "shutdown" }, { "close", "close" }, { "shutdown", "close" }, { "close", "shutdown" },
    } do
      helper.task(function()
        local server, address = helper.serve(lastcall, function(conn)
          conn:read()
          lastcall.sleep(0.2)
        end)
        local conn = ask(address, "x")
        local reports = {}
        local waiting = {}
        for i = 1, 3 do waiting[i] = lastcall.go(function() reports[i] = server:wait() end) end
        lastcall.sleep(0.05)
        for _, how in ipairs(order) do assert.is_true(server[how](server)) end
        for _, task in ipairs(waiting) do task:wait() end
        assert.is_truthy(reports[1])
        assert.equal(reports[1], reports[2])
        assert.equal(reports[1], reports[3])
        assert.is_true(server:shutdown())
        assert.is_true(server:close())
        assert.equal(reports[1], server:wait())
        assert.equal("done", server:stats().step)
        conn:close()
      end)
    end
  end)

  it("give serve the same report", function()
    helper.task(function()
      local served
      local server = assert(lastcall.listen "127.0.0.1:0")
      local task = lastcall.go(function() served = server:serve(greet) end)
      lastcall.sleep(0.02)
      server:shutdown()
      task:wait()
      assert.equal(served, server:wait())
    end)
  end)

  it("may be asked for by a handler of the server, which cannot wait for it", function()
    helper.task(function()
      local refused
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        conn:server():shutdown()
        refused = select(2, pcall(conn:server().wait, conn:server()))
        conn:write("bye\n")
      end)
      local conn = ask(address, "x")
      assert.equal("bye", conn:read())
      conn:close()
      assert.is_true(server:wait().ok)
      assert.is_truthy(refused:find("it would wait for itself", 1, true))
    end)
  end)

  it("leave nothing to serve or listen with afterwards, and say so", function()
    helper.task(function()
      local server = helper.serve(lastcall, greet)
      server:shutdown()
      server:wait()
      local fine, err = pcall(server.serve, server, greet)
      assert.is_false(fine)
      assert.is_truthy(err:find("has been shut down", 1, true), err)
      local nothing, code = server:listen "127.0.0.1:0"
      assert.is_nil(nothing)
      assert.equal("closed", code)
      assert.is_false(server:ready())
      assert.same({}, server:addresses())
      assert.equal(0, server:count())
      assert.equal(0, server:unlisten())
      assert.is_false((pcall(server.go, server, function() end)))
    end)
  end)
end)

describe("the states of a connection", function()
  --- The moves that on_state saw while `client(conn, server)` ran.
  local function moves(handler, behave, options)
    local seen = {}
    helper.task(function()
      local server, address = helper.serve(lastcall, handler, options)
      server:on_state(function(conn, from, to)
        assert(conn.id)
        seen[#seen + 1] = to
        if #seen > 1 then assert(from == seen[#seen - 1], "a move was left out") end
      end)
      behave(address, server)
      server:wait_for("==", 0, helper.seconds(5))
      lastcall.sleep(0.02)
    end)
    return table.concat(seen, " ")
  end

  it("go through a request and a close from the server's side", function()
    assert.equal("new active idle active closing closed", moves(function(conn)
      conn:write(conn:read(), "\n")
      conn:await()
      conn:read()
    end, function(address)
      local conn = spoken(address)
      lastcall.sleep(0.05)
      conn:write("last\n")
      assert.equal("eof", ends(conn))
    end))
  end)

  it("go through a request and a close from the client's side", function()
    local seen = moves(echo, function(address)
      local conn = spoken(address)
      lastcall.sleep(0.05)
      conn:close()
    end)
    assert.equal("new active idle closing closed", (seen:gsub("idle active closing", "idle closing")))
  end)

  it("skip what did not happen: a client that leaves without a word", function()
    local seen = moves(echo, function(address)
      local conn = assert(lastcall.connect(address))
      lastcall.sleep(0.02)
      conn:close()
    end)
    assert.equal("new closing closed", (seen:gsub("new active", "new")))
  end)

  it("end at once with a reset", function()
    assert.equal("new active closed", moves(function(conn)
      conn:read()
      lastcall.sleep(helper.seconds(5))
    end, function(address)
      local conn = ask(address, "x")
      lastcall.sleep(0.05)
      conn:abort()
    end))
  end)

  it("begin with new, before the handler does", function()
    local order = {}
    helper.task(function()
      local server, address = helper.serve(lastcall, function() order[#order + 1] = "handler" end)
      server:on_state(function(_, _, to) order[#order + 1] = to end)
      local conn = assert(lastcall.connect(address))
      ends(conn)
    end)
    assert.equal("new", order[1])
    assert.equal("handler", order[2])
  end)
end)
