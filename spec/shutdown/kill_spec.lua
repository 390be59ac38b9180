-- scripts/test: busy
local helper = require "spec.helper"
local process = require "spec.support.process"
local lastcall = require "lastcall"

local error = error -- not the one that the test framework looks up with a function of its own

-- Nothing here is stuck; but where everything is slow, its answer may come later than the watchdog waits for it.
local function run_here(main, options)
  if helper.is_slow then options.exit_when_stuck = false end
  return lastcall.run(main, options)
end

local function spin() while true do end end
local function noise() end

-- Handlers that do not stop by themselves. Each holds the loop from its first instruction on.
local ENDLESS = {
  ["a plain loop"] = spin,
  ["a loop of pcall"] = function() while true do pcall(spin) end end,
  ["a loop of errors"] = function() while true do pcall(error, "again") end end,
  ["a loop of xpcall with a handler that loops"] = function() while true do xpcall(spin, spin) end end,
  ["a message handler that loops"] = function() xpcall(error, spin) end,
  ["a sort in an xpcall whose handler loops"] = function()
    xpcall(table.sort, spin, { 3, 2, 1 }, spin)
    spin()
  end,
  ["the same under a hook for lines"] = function()
    debug.sethook(noise, "l")
    xpcall(table.sort, spin, { 3, 2, 1 }, spin)
    spin()
  end,
  ["nested coroutines"] = function()
    coroutine.wrap(function() coroutine.wrap(spin)() end)()
  end,
  ["a loop of short coroutines"] = function()
    while true do
      local co = coroutine.create(function() coroutine.yield() end)
      coroutine.resume(co)
      coroutine.resume(co)
    end
  end,
  ["a callback of table.sort"] = function() table.sort({ 3, 2, 1 }, spin) end,
  ["a loop of pcall in a callback of table.sort"] = function()
    table.sort({ 3, 2, 1 }, function() while true do pcall(spin) end end)
  end,
  ["a callback of string.gsub"] = function() ("x"):gsub("x", spin) end,
  ["a coroutine in a callback of string.gsub"] = function()
    ("x"):gsub("x", function() while true do pcall(coroutine.wrap(spin)) end end)
  end,
  ["a callback of table.sort in a coroutine"] = function()
    while true do pcall(coroutine.wrap(function() table.sort({ 3, 2, 1 }, spin) end)) end
  end,
  ["an __index"] = function() return setmetatable({}, { __index = spin }).x end,
  ["a __tostring"] = function() return tostring(setmetatable({}, { __tostring = spin })) end,
  ["calls that do not wait"] = function(conn) while true do conn:state() end end,
  ["a loop of tasks"] = function()
    while true do
      lastcall.go(noise)
      for _ = 1, 1e5 do end
    end
  end,
}

-- Runs `handler(conn, log)` as a handler that begins the shutdown itself; the report, what was written
-- into the log, how long it took by our own clock, and for how long of that we waited for a processor.
local function shut_down(handler, timeout, options)
  local log = {}
  local began, starved
  options = options or {}
  options.drain = timeout
  options.signals = false
  options.log = options.log or noise
  options.on_error = options.on_error or noise
  local report = run_here(function()
    local _, address = helper.serve(lastcall, function(conn)
      conn:read()
      began, starved = lastcall.now(), helper.starved()
      lastcall.shutdown()
      handler(conn, log)
    end)
    local conn = assert(lastcall.connect(address))
    conn:write("go\n")
    conn:flush()
    local _, code = conn:read()
    log.client = code
    conn:close()
  end, options)
  return report, log, lastcall.now() - began, helper.starved() - starved
end

-- The shutdown took less than so many seconds, besides those in which we waited for a processor since `starved`.
local function took_less(report, seconds, starved)
  assert.is_true(report.elapsed - (helper.starved() - starved) < helper.seconds(seconds), tostring(report))
end

-- The first connection in the report: tasks that the handler has begun may stand before it.
local function straggler_connection(report)
  for _, one in ipairs(report.stragglers) do
    if not one.task then return one end
  end
end

local function noted(log, name, and_then)
  return setmetatable({}, { __close = function()
    log[#log + 1] = name
    if and_then then and_then() end
  end })
end

describe("a handler that does not stop", function()
  local worst = 0 -- seconds after the deadline
  teardown(function() print(("ended at most %.0f ms after the deadline"):format(worst * 1000)) end)

  for name, endless in pairs(ENDLESS) do
    it("is ended at the deadline, <close> variables run: " .. name, function()
      local report, log, took, starved = shut_down(function(conn, log)
        local _ <close> = noted(log, "outer")
        local _ <close> = noted(log, "inner")
        endless(conn)
      end, 0.3)
      worst = math.max(worst, took - 0.3)
      assert.is_true(took - starved < helper.seconds(3) and took >= helper.least(0.3), ("it took %.3f s"):format(took))
      assert.same({ "inner", "outer" }, { table.unpack(log) })
      assert.is_true(log.client == "reset" or log.client == "canceled", log.client) -- or we ended first
      assert.equal(1, report.killed)
      assert.is_false(report.ok)
      local held = straggler_connection(report)
      assert.equal("killed", held.fate)
      assert.truthy(tostring(report):find("held in Lua at %S+:%d+"), tostring(report))
      assert.truthy(held.traceback:find("spec/shutdown/kill_spec.lua:%d+"), held.traceback)
    end)
  end

  it("has the <close> variables of every function and coroutine run, those passed by an error too", function()
    local _, log = shut_down(function(_, log)
      local _ <close> = noted(log, "handler")
      coroutine.wrap(function()
        local _ <close> = noted(log, "coroutine")
        pcall(table.sort, { 3, 2, 1 }, function()
          local _ <close> = noted(log, "callback")
          while true do
            pcall(function()
              local _ <close> = noted(log, "pcall")
              spin()
            end)
          end
        end)
        spin()
      end)()
    end, 0.3)
    assert.same({ "pcall", "callback", "coroutine", "handler" }, { table.unpack(log) })
  end)

  it("may have a <close> that spins, or loops over pcall: the others run still", function()
    local _, log, took, starved = shut_down(function(_, log)
      local _ <close> = noted(log, "third")
      local _ <close> = noted(log, "second", function() while true do pcall(spin) end end)
      local _ <close> = noted(log, "first", spin)
      spin()
    end, 0.3)
    assert.same({ "first", "second", "third" }, { table.unpack(log) })
    assert.is_true(took - starved < helper.seconds(3), ("it took %.3f s"):format(took))
  end)

  it("may have a <close> that tries to wait: it is canceled at once", function()
    local _, log = shut_down(function(_, log)
      local _ <close> = noted(log, "close", function() log[#log + 1] = select(2, lastcall.sleep(10)) end)
      spin()
    end, 0.3)
    assert.same({ "close", "canceled" }, { table.unpack(log) })
  end)

  it("does not keep the others from hearing of cancel, nor from going on until kill", function()
    local heard
    local report = run_here(function()
      local _, address = helper.serve(lastcall, function(conn, ctx)
        if conn:read() == "wait" then
          heard = select(2, lastcall.sleep(60)) .. " " .. ctx:cause()
          return
        end
        lastcall.shutdown()
        spin()
      end)
      for _, what in ipairs { "wait", "spin" } do
        local conn = assert(lastcall.connect(address))
        conn:write(what, "\n")
        conn:flush()
        lastcall.go(function()
          conn:read()
          conn:close()
        end)
      end
      lastcall.sleep(60)
    end, { drain = { timeout = 2, grace = 0.2 }, signals = false, log = noise })
    assert.equal("canceled drain timeout", heard)
    assert.equal(1, report.killed)
  end)

  it("goes on where it was when it had to give way at cancel, if it still can finish", function()
    local report, log = shut_down(function(conn, log)
      local ctx = conn:context()
      local n, text = 0, {}
      while not ctx:done() do -- until others have had their turn
        n = n + 1
        text[n % 7] = ("%d"):format(n)
      end
      local sum = 0
      for _, t in pairs(text) do sum = sum + tonumber(t) end
      log[1] = sum == 7 * n - 21
    end, { timeout = 2, grace = 0.2 })
    assert.is_true(log[1])
    assert.equal("eof", log.client)
    assert.equal(0, report.killed)
  end)

  it("may be a callback, which is interrupted with an error", function()
    local errors, starved = {}, helper.starved()
    local report = run_here(function()
      local server = helper.serve(lastcall, noise)
      server:on_step(function(step) if step == "drain" then spin() end end)
      lastcall.shutdown()
      lastcall.sleep(60)
    end, { drain = helper.seconds(0.3), signals = false, log = noise,
      on_error = function(err) errors[#errors + 1] = err end })
    assert.truthy(errors[1] and errors[1]:find("ended by force", 1, true), tostring(report))
    took_less(report, 3, starved)
  end)

  it("may be a task of the process, or a hook with its own time", function()
    local drain = { timeout = helper.seconds(4), grace = 0.1, hooks = helper.seconds(3.5) }
    local starved = helper.starved()
    local report = run_here(function()
      lastcall.on_shutdown("spins", spin, { timeout = 0.1 })
      lastcall.on_shutdown("sorts", function() table.sort({ 3, 2, 1 }, spin) end, { timeout = 0.1 })
      lastcall.spawn(function()
        lastcall.shutdown()
        spin()
      end)
      lastcall.sleep(60)
    end, { drain = drain, signals = false, log = noise })
    took_less(report, 3, starved)
    assert.equal(2, #report.hooks)
    for _, hook in ipairs(report.hooks) do
      assert.is_false(hook.ok)
      assert.truthy(hook.error:find("not done within 0.1 s", 1, true), hook.error)
      assert.truthy(hook.error:find("kill_spec.lua", 1, true), hook.error)
    end
    assert.equal(1, report.tasks_left)
    assert.truthy(report.stragglers[1].traceback:find("kill_spec.lua", 1, true))
  end)

  it("is ended too when only its own server shuts down, and the others' tasks go on", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        spin()
      end, { log = noise })
      local conn = assert(lastcall.connect(address))
      conn:write("go\n")
      conn:flush()
      local starved = helper.starved()
      server:shutdown(0.3)
      local _, code = conn:read()
      assert.equal("reset", code)
      local report = server:wait()
      assert.equal(1, report.killed)
      took_less(report, 3, starved)
    end, { log = noise })
  end)

  it("is ended in its server's own time, when that is shorter than the run's", function()
    local starved = helper.starved()
    local report = run_here(function()
      local _, address = helper.serve(lastcall, function(conn)
        conn:read()
        lastcall.shutdown()
        spin()
      end, { drain = 0.3, log = noise })
      local conn = assert(lastcall.connect(address))
      conn:write("go\n")
      conn:read()
      conn:close()
    end, { drain = 15, signals = false, log = noise })
    assert.equal(1, report.killed)
    assert.is_true(report.elapsed >= 0.3, tostring(report))
    took_less(report, 3, starved)
  end)

  it("leaves nothing of the watchdog behind: hook, allocator, thread", function()
    local function threads()
      local count = 0
      for line in io.lines("/proc/self/status") do count = tonumber(line:match("^Threads:%s*(%d+)")) or count end
      return count
    end
    local before, hook_before = threads(), debug.gethook() -- there is one under `make coverage`
    local hook
    shut_down(function() xpcall(table.sort, spin, { 3, 2, 1 }, spin) end, 0.2)
    helper.task(function() hook = debug.gethook() end)
    assert.equal(hook_before, hook)
    assert.equal(hook_before, (debug.gethook()))
    -- A joined thread is counted by the kernel a moment longer.
    local deadline = lastcall.now() + helper.seconds(1)
    while threads() > before and lastcall.now() < deadline do end
    assert.equal(before, threads())
    assert.is_true(#("x"):rep(2 ^ 20) == 2 ^ 20)
  end)
end)

describe("a process whose handler does not stop", function()
  -- Starts one and gets it stuck; with `body(child, conn, reader)` in between, its output, status, and how long it took
  -- from the signal on. `reader` is a task that waits for the end of the connection.
  local function run(arguments, signal, body)
    local child = process.start("lua5.4 spec/support/stuck_server.lua " .. arguments)
    local address = child:address()
    local output, status, took
    helper.task(function()
      local conn = assert(lastcall.connect(address))
      conn:write("go\n")
      conn:flush()
      if arguments:find("^hook") then lastcall.sleep(0.05) else assert.equal("stuck", child.pipe:read()) end
      lastcall.sleep(0.05)
      local began = lastcall.now()
      child:signal(signal)
      local reader = lastcall.go(function() return select(2, conn:read()) end)
      if body then body(child, conn, reader) end
      local code = reader:wait()
      local _
      output, _, status = child:finish()
      took = lastcall.now() - began
      output = output .. "client: " .. tostring(code)
      conn:close()
    end)
    return output, status, took
  end

  -- More signals, until it ends: on a busy machine two of them may arrive as one. Not before that was `times` of them.
  local function press(times)
    return function(child, _, reader)
      local pressed = 1
      while not reader:wait(0.15) do
        child:signal "TERM"
        pressed = pressed + 1
      end
      assert.is_true(pressed >= times, pressed)
    end
  end

  it("already spinning when SIGTERM comes: the clock starts with the signal", function()
    for _, how in ipairs { "spin", "sort" } do
      local output, status, took = run(how .. " 0.5", "TERM")
      assert.equal(1, status, output)
      assert.truthy(output:find("closed\n", 1, true), output)
      assert.is_true(tonumber(output:match("shutdown NOT ok in ([%d.]+) s")) >= 0.5, output)
      assert.truthy(output:find("held in Lua at spec/support/stuck_server.lua:%d+"), output)
      assert.truthy(output:find("client: reset", 1, true), output)
      assert.is_true(took >= 0.5 and took < helper.seconds(4), ("it took %.3f s"):format(took))
    end
  end)

  it("hears the second and the third signal", function()
    local output, status, took = run("spin 20", "TERM", press(3))
    assert.equal(1, status, output)
    assert.truthy(output:find("closed\n", 1, true), output)
    assert.is_true(took < helper.seconds(6), ("it took %.3f s"):format(took))
  end)

  it("has a hook that spins: it is ended at its own time, and the next one runs", function()
    local output, status, took = run("hook 2", "TERM", function(_, conn) conn:close() end)
    assert.equal(1, status, output)
    assert.truthy(output:find("first\nstuck\nclosed\n", 1, true), output)
    assert.is_true(took < helper.seconds(1.9), ("it took %.3f s"):format(took))
  end)

  for name, how in pairs { ["an endless call into C"] = "find", ["a finalizer that spins"] = "finalizer" } do
    it("and cannot be interrupted, past the deadline: exits with 70, says where, resets: " .. name, function()
      local output, status, took = run(how .. " 0.4", "TERM")
      assert.equal(70, status, output)
      assert.truthy(output:find("lastcall: shutdown NOT ok", 1, true), output)
      assert.truthy(output:find("task %d+ of connection %d+ from 127%.0%.0%.1:%d+ could not be stopped"), output)
      assert.truthy(output:find("spec/support/stuck_server.lua:%d+"), output)
      assert.truthy(output:find("client: reset", 1, true), output)
      assert.is_nil(output:find("closed", 1, true), output)
      assert.is_true(took >= 0.4 and took < helper.seconds(4), ("it took %.3f s"):format(took))
    end)
  end

  it("is waited for with exit_when_stuck = false, and ends when the call does", function()
    local output, status = run("slow_find 0.1 false", "TERM")
    assert.equal(1, status, output)
    assert.truthy(output:find("closed\n", 1, true), output)
    assert.truthy(output:find("shutdown NOT ok", 1, true), output)
  end)

  it("exits at the third signal, when it cannot be interrupted", function()
    local output, status, took = run("find 20", "TERM", press(3))
    assert.equal(70, status, output)
    assert.is_true(took < helper.seconds(6), ("it took %.3f s"):format(took))
  end)

  for how, body in pairs {
    ["never returns in a generator"] = [[coroutine.wrap(function()
      debug.sethook(function() while true do end end, "l")
      print "line"
    end)()]],
    ["never returns"] = "debug.sethook(function() while true do end end, '', 10) while true do end",
  } do
    it("says that a hook of the script's kept it from being interrupted: one that " .. how, function()
      local path = os.tmpname()
      local file = assert(io.open(path, "w"))
      file:write(([[
        local lastcall = require "lastcall"
        lastcall.run(function() lastcall.shutdown() lastcall.sleep(0) %s end, { drain = 0.2, signals = false })
      ]]):format(body))
      file:close()
      local output, _, status = helper.run("lua5.4 " .. path, 10)
      os.remove(path)
      assert.equal(70, status, output)
      assert.truthy(output:find("debug.sethook", 1, true), output)
    end)
  end
end)

describe("tasks of a server that is closed", function()
  local function stay() while true do lastcall.sleep(60) end end

  -- The processor time that the end by force of `count` tasks takes, behind so many others.
  local function time_to_kill(count, others)
    local spent
    helper.task(function()
      local staying, server = {}, assert(lastcall.listen "127.0.0.1:0")
      for i = 1, others do staying[i] = lastcall.spawn(lastcall.channel(1).receive, lastcall.channel(1)) end
      for _ = 1, count do server:go(stay) end
      lastcall.sleep(0)
      local began = os.clock()
      server:close()
      local report = assert(server:wait(helper.seconds(10)))
      spent = os.clock() - began
      assert.equal(count, report.tasks_left)
      for _, task in ipairs(staying) do task:cancel() end
    end, { max_block = false })
    return spent
  end

  it("take no longer to end behind twenty thousand others", function()
    local alone, behind = time_to_kill(20000, 0), time_to_kill(20000, 20000)
    helper.figure("20,000 tasks ended by force in %.0f ms, behind others in %.0f ms", alone * 1000, behind * 1000)
    assert.is_true(behind < 10 * math.max(alone, 0.02), ("%.3f s, and %.3f s"):format(alone, behind))
  end)

  it("are all ended, also where a dying one starts another, and closes the server of those that come next", function()
    local ended = {}
    local function note(name) return setmetatable({}, { __close = function() ended[#ended + 1] = name end }) end
    helper.task(function()
      local one, other = assert(lastcall.listen "127.0.0.1:0"), assert(lastcall.listen "127.0.0.1:0")
      local function hold(name)
        local _ <close> = note(name)
        stay()
      end
      local function hold_and_close()
        local _ <close> = setmetatable({}, { __close = function()
          one:go(hold, "late") -- never begins
          other:close()
        end })
        stay()
      end
      one:go(hold, "first")
      one:go(hold_and_close)
      other:go(hold, "next")
      other:go(hold, "next")
      one:go(hold, "last")
      lastcall.sleep(0)
      one:close()
      assert.equal(3, assert(one:wait(helper.seconds(5))).tasks_left)
      assert.equal(2, assert(other:wait(helper.seconds(5))).tasks_left)
    end)
    table.sort(ended)
    assert.same({ "first", "last", "next", "next" }, ended)
  end)
end)
