-- scripts/test: early, fast clock
local helper = require "spec.helper"
local lastcall = require "lastcall"

local echo, spoken, ask, ends = helper.echo, helper.spoken, helper.ask, helper.ends

local function greet(conn) conn:write("hello\n") end

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
    helper.assert_clean(report)
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
    assert.is_true(report.elapsed < helper.AT_ONCE + helper.stopping.here().settles, tostring(report))
    helper.assert_clean(report)
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
      assert.is_true(mine.elapsed < helper.AT_ONCE + helper.stopping.here().settles, tostring(mine))
    end)
    helper.assert_clean(report)
  end)

  it("waits for the unfinished alone, and refuses new clients from the moment the stop is over", function()
    helper.task(function()
      local release = lastcall.channel()
      local server, address = helper.serve(lastcall, function(conn)
        for line in conn:lines() do
          if line == "slow" then release:receive() end
          conn:write(line, "\n")
        end
      end)
      local idle, busy = spoken(address), ask(address, "slow")
      helper.at_work(server)
      while server:count "active" > 1 do lastcall.sleep(0.005) end
      server:shutdown(5)
      assert.equal("eof", ends(idle))
      local late, code
      repeat
        lastcall.sleep(0.02)
        late, code = lastcall.connect(address)
        if late then late:abort() end
      until not late and server:count() == 1
      assert.equal("refused", code)
      release:close()
      assert.equal("slow", busy:read())
      assert.equal("eof", ends(busy))
      local report = server:wait()
      assert.is_true(report.elapsed < helper.AT_ONCE + helper.stopping.here().settles, tostring(report))
      helper.assert_clean(report)
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
      helper.at_work(server)
      server:shutdown(10)
      lastcall.sleep(0.5)
      got = conn:read "a"
      conn:close()
      server:wait()
    end, { drain = 10 })
    assert.equal(size + 1, #got)
    helper.assert_clean(report)
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
        assert.is_true(took >= helper.least(0.4), "it was closed after " .. took)
        assert.is_true(took < helper.seconds(2), "it was closed after " .. took)
        helper.assert_clean(server:wait())
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

  it("serves what comes within quiet of the first byte, however long its handler takes", function()
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
      helper.send(conn, "first\nsecond\n")
      assert.equal("first", conn:read())
      assert.equal("second", conn:read())
      assert.equal("draining", conn:read())
      assert.equal("eof", ends(conn))
      helper.assert_clean(server:wait())
    end)
  end)

  it("closes one that never writes at once, if it says that its lines are answered", function()
    helper.task(function()
      local lines = 0
      local server, address = helper.serve(lastcall, function(conn)
        for _ in conn:lines() do
          lines = lines + 1
          conn:answered()
        end
      end, { drain = { timeout = 5, quiet = 0.4 } })
      local conn = ask(address, "one")
      while lines == 0 do lastcall.sleep(0.001) end
      server:shutdown()
      assert.equal("eof", ends(conn))
      assert.equal(1, lines)
      helper.assert_clean(server:wait())
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
      helper.at_work(server)
      server:shutdown()
      assert.equal("worked", conn:read())
      assert.equal("eof", ends(conn))
      helper.assert_clean(server:wait())
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
      helper.at_work(server)
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
      helper.assert_clean(server:wait())
      assert.equal(3, count)
    end)
  end)

  it("leaves a handler that begins after on_drain a context of its own", function()
    helper.task(function()
      local drained, ended = false, "nothing"
      local server, address = helper.serve(lastcall, function(conn, ctx)
        ended = ctx:err()
        echo(conn)
      end, { start = "data", drain = { timeout = 20, quiet = 10 }, on_drain = function() drained = true end })
      local conn = assert(lastcall.connect(address))
      while server:stats().connections == 0 do lastcall.sleep(0.001) end
      server:shutdown()
      while not drained do lastcall.sleep(0.001) end
      helper.send(conn, "late\n")
      assert.equal("late", conn:read())
      assert.is_nil(ended)
      conn:close()
      server:wait()
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
        helper.assert_clean(server:wait())
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
      helper.assert_clean(report)
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
      helper.assert_clean(report)
    end)
  end)
end)
