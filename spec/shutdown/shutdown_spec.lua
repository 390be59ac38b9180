-- scripts/test: early
local helper = require "spec.helper"
local lastcall = require "lastcall"
local process = require "spec.support.process"

local SERVER = [[
  local lastcall = require "lastcall"
  io.stdout:setvbuf "line"
  lastcall.before_shutdown("before", function() print "before" end)
  lastcall.on_shutdown("after", function() print "after" end)
  local report = lastcall.run(function()
    local server = assert(lastcall.listen("127.0.0.1:0", {
      drain = { timeout = %s, quiet = 0.2 }, on_error = function() end }))
    print("listening " .. server:addresses()[1])
    server:on_step(function(step) print("step " .. step) end)
    server:serve(function(conn)
      %s
    end)
  end, { drain = { timeout = %s, quiet = 0.2 } })
  print(report)
  print("killed " .. report.killed .. " canceled " .. report.canceled .. " elapsed " .. report.elapsed)
  os.exit(report.ok)
]]

local function server_with(handler, timeout)
  return process.script(SERVER:format(timeout or 10, handler, timeout or 10))
end

local STUBBORN = [[ conn:read() while true do lastcall.sleep(60) end ]]
local OBEDIENT = [[ conn:read() lastcall.sleep(60) conn:write("sorry\n") ]]

--- Connects to the program and says something, so that a handler is at work.
local function work(one, body)
  local address = one:address()
  helper.task(function()
    local conn = helper.ask(address, "x")
    lastcall.sleep(0.1)
    body(conn)
    conn:close("background")
  end)
end

describe("a signal", function()
  for _, name in ipairs { "TERM", "INT" } do
    it("drains: SIG" .. name .. ", and the exit status says it went well", function()
      local one = server_with [[ for line in conn:lines() do lastcall.sleep(0.4) conn:write(line, "\n") end ]]
      local answer
      work(one, function(conn)
        one:signal(name)
        answer = conn:read()
      end)
      local output, fine = one:finish()
      assert.equal("x", answer)
      assert.is_true(fine, output)
      local said = helper.without_trace(output)
      assert.is_truthy(said:find("^before\nstep stop\nstep drain\nstep done\nafter\nshutdown ok"), output)
    end)
  end

  it("that is the second cancels", function()
    local one = server_with(OBEDIENT)
    local answer
    work(one, function(conn)
      one:signal "TERM"
      lastcall.sleep(0.3)
      one:signal "INT"
      answer = conn:read()
    end)
    local output, fine = one:finish()
    assert.equal("sorry", answer)
    assert.is_true(fine, output)
    assert.is_truthy(output:find("killed 0 canceled 1", 1, true), output)
    assert.is_truthy(output:find("\nafter\n", 1, true), output)
    assert.is_true(tonumber(output:match "elapsed ([%d.]+)") < helper.seconds(5), output)
  end)

  it("that is the third kills, and skips the hooks", function()
    local one = server_with(STUBBORN)
    work(one, function()
      one:signal "TERM"
      lastcall.sleep(0.25)
      one:signal "TERM"
      lastcall.sleep(0.25)
      one:signal "TERM"
      lastcall.sleep(0.25)
    end)
    local output, fine = one:finish()
    assert.is_false(fine)
    assert.is_truthy(output:find("killed 1", 1, true), output)
    assert.is_nil(output:find("\nafter\n", 1, true), output)
    assert.is_true(tonumber(output:match "elapsed ([%d.]+)") < helper.seconds(5), output)
  end)

  it("that came twice while a handler kept the loop busy counts from the first, and twice", function()
    local one = server_with [[
      conn:read()
      local busy = lastcall.now() + 0.6
      while lastcall.now() < busy do end
      lastcall.sleep(60)
      conn:write("sorry\n") ]]
    local answer
    local address = one:address()
    helper.task(function()
      local conn = helper.ask(address, "x")
      lastcall.sleep(0.1)
      one:signal "TERM"
      lastcall.sleep(0.2)
      one:signal "TERM"
      answer = conn:read()
      conn:close "background"
    end)
    local output, fine = one:finish()
    assert.equal("sorry", answer)
    assert.is_true(fine, output)
    local elapsed = tonumber(output:match "elapsed ([%d.]+)")
    assert.is_true(elapsed > 0.2 and elapsed < helper.seconds(5), output)
  end)

  it("that comes sooner than a tenth of a second after another is the same one", function()
    local one = server_with(OBEDIENT, 1.5)
    work(one, function()
      for _ = 1, 3 do one:signal "TERM" end
      lastcall.sleep(0.5)
    end)
    local output = one:finish()
    -- It was canceled when its time was over, not by the second signal.
    local elapsed = tonumber(output:match "elapsed ([%d.]+)")
    assert.is_true(elapsed > 0.9, output)
    assert.is_truthy(output:find("killed 0 canceled 1", 1, true), output)
  end)

  it("that is the third ends hooks that hang", function()
    local one = process.script [[
      local lastcall = require "lastcall"
      io.stdout:setvbuf "line"
      lastcall.on_shutdown("never", function() print "never" end)
      lastcall.on_shutdown("hangs", function() print "listening x" while true do lastcall.sleep(60) end end,
        { timeout = 60 })
      local report = lastcall.run(function() lastcall.shutdown() end, { drain = 60 })
      print("elapsed " .. report.elapsed)
      os.exit(report.ok)
    ]]
    one:address()
    for _ = 1, 3 do
      one:signal "TERM"
      os.execute "sleep 0.2"
    end
    local output, fine = one:finish()
    assert.is_false(fine)
    assert.is_nil(output:find("never", 1, true), output)
    assert.is_true(tonumber(output:match "elapsed ([%d.]+)") < helper.seconds(5), output)
  end)

  it("that comes while serve begins to listen drains: nobody can connect before signals are handled", function()
    local one = process.script [[
      local lastcall = require "lastcall"
      local report = lastcall.serve("127.0.0.1:0", function(conn) conn:write(conn:read(), "\n") end,
        { drain = 5, control = function() os.execute "kill -TERM $PPID" end })
      print(report)
      os.exit(report.ok)
    ]]
    local output, fine = one:finish()
    assert.is_true(fine, output)
    local says = helper.stopping.here().says
    assert.is_truthy(output:find("stopped 127.0.0.1:%d+ by [%a-]+ in [%d.]+ s, " .. says), output)
  end)

  it("is left alone with signals = false, and others can be chosen", function()
    local one = process.script [[
      local lastcall = require "lastcall"
      io.stdout:setvbuf "line"
      lastcall.run(function()
        print "listening x"
        lastcall.sleep(60)
      end, { signals = { "HUP" } })
      print "drained"
    ]]
    one:address()
    one:signal "HUP"
    local output, fine = one:finish()
    assert.is_true(fine, output)
    assert.equal("drained\n", helper.without_trace(output))
    local fallen = process.script [[
      local lastcall = require "lastcall"
      io.stdout:setvbuf "line"
      lastcall.run(function()
        print "listening x"
        lastcall.sleep(60)
      end, { signals = false })
      print "drained"
    ]]
    fallen:address()
    fallen:signal "TERM"
    output, fine = fallen:finish()
    assert.is_false(fine)
    assert.equal("", output)
  end)

  it("that nobody can catch raises", function()
    for _, name in ipairs { "KILL", "STOP" } do
      local fine, err = pcall(lastcall.run, function() end, { signals = { name } })
      assert.is_false(fine)
      assert.is_truthy(err:find(name, 1, true), err)
    end
    local fine, err = pcall(lastcall.run, function() end, { signals = { "TREM" } })
    assert.is_false(fine)
    assert.is_truthy(err:find("no signal named 'TREM'", 1, true), err)
    assert.is_true(lastcall.run(function() end).ok) -- and the next run is fine
  end)
end)

describe("a shutdown under way", function()
  it("is joined by further calls, which may only shorten it", function()
    local report = lastcall.run(function()
      lastcall.spawn(function() while true do lastcall.sleep(60) end end)
      lastcall.sleep(0.02)
      assert.is_true(lastcall.shutdown(10))
      assert.is_true(lastcall.shutdown(0.3))
      assert.is_true(lastcall.shutdown(20))
    end, { signals = false })
    assert.is_true(report.elapsed < helper.AT_ONCE, tostring(report))
  end)

  it("of no time at all ends everything at once", function()
    local report = lastcall.run(function()
      local server = assert(lastcall.listen "127.0.0.1:0")
      lastcall.spawn(function() server:serve(function(conn) conn:read() end) end)
      local conn = assert(lastcall.connect(server:addresses()[1]))
      lastcall.sleep(0.02)
      lastcall.shutdown(0)
      conn:read()
    end, { signals = false, log = function() end })
    assert.is_true(report.elapsed < helper.seconds(2), tostring(report))
  end)

  it("that waits in its delay is hurried by a second signal", function()
    local one = process.script [[
      local lastcall = require "lastcall"
      io.stdout:setvbuf "line"
      local report = lastcall.run(function()
        local server = assert(lastcall.listen "127.0.0.1:0")
        print("listening " .. server:addresses()[1])
        server:serve(function() end)
      end, { drain = { timeout = 60, delay = 50 } })
      print("elapsed " .. report.elapsed)
    ]]
    one:address()
    one:signal "TERM"
    os.execute "sleep 0.3"
    local output = one:drain()
    assert.is_true(tonumber(output:match "elapsed ([%d.]+)") < helper.seconds(3), output)
  end)

  it("tells all servers to stop before it waits for any", function()
    local steps = {}
    helper.task(function()
      local conns = {}
      for i = 1, 3 do
        local server, address = helper.serve(lastcall, function(conn)
          conn:read()
          lastcall.sleep(0.2)
        end)
        server:on_step(function(step) steps[#steps + 1] = step .. " " .. i end)
        conns[i] = helper.ask(address, "x")
        repeat lastcall.sleep(0.01) until server:count "active" == 1
      end
      lastcall.shutdown()
      for _, conn in ipairs(conns) do assert.equal("eof", helper.ends(conn)) end
    end)
    local last_stop, first_done = 0, math.huge
    for i, step in ipairs(steps) do
      if step:find "^stop" then last_stop = math.max(last_stop, i) end
      if step:find "^done" then first_done = math.min(first_done, i) end
    end
    assert.equal(9, #steps)
    assert.is_true(last_stop < first_done, table.concat(steps, ", "))
  end)
end)

describe("a program", function()
  it("without servers goes straight to ending its tasks", function()
    local cause
    local report = lastcall.run(function(ctx)
      lastcall.spawn(function()
        lastcall.sleep(60)
        cause = ctx:cause()
      end)
      lastcall.sleep(0.05)
      lastcall.shutdown()
    end, { signals = false, drain = 5 })
    assert.is_true(report.ok)
    assert.is_true(report.elapsed < helper.AT_ONCE, tostring(report))
    assert.equal("shutdown", cause)
  end)

  it("whose main returns waits for tasks and servers left running", function()
    local done = false
    local report = lastcall.run(function()
      lastcall.spawn(function()
        lastcall.sleep(0.2)
        done = true
      end)
    end, { signals = false })
    assert.is_true(done)
    assert.is_true(report.ok)
  end)

  it("whose main raises is shut down in order, and the error comes through", function()
    local hooked, closed = false, false
    local fine, err = pcall(lastcall.run, function()
      local server = assert(lastcall.listen "127.0.0.1:0")
      lastcall.spawn(function()
        server:serve(function() end)
        closed = true
      end)
      lastcall.on_shutdown("hook", function() hooked = true end)
      lastcall.sleep(0.02)
      error "on purpose"
    end, { signals = false, drain = 5 })
    assert.is_false(fine)
    assert.is_truthy(tostring(err):find("on purpose", 1, true))
    assert.is_true(hooked)
    assert.is_true(closed)
  end)

  it("cannot run inside itself", function()
    local inner
    lastcall.run(function() inner = select(2, pcall(lastcall.run, function() end)) end, { signals = false })
    assert.is_truthy(inner:find("running already", 1, true), inner)
  end)

  it("raises for options that it does not know", function()
    local fine, err = pcall(lastcall.run, function() end, { signal = false })
    assert.is_false(fine)
    assert.is_truthy(err:find("did you mean 'signals'", 1, true), err)
    assert.is_false((pcall(lastcall.run, "main")))
    assert.is_false((pcall(lastcall.serve, "127.0.0.1:0")))
  end)
end)

describe("the live line of a drain", function()
  local DRAINS = [[
    local lastcall = require "lastcall"
    lastcall.run(function()
      local server = assert(lastcall.listen "127.0.0.1:0")
      server:go(function() lastcall.sleep(0.5) end)
      lastcall.spawn(function() server:serve(function() end) end)
      lastcall.sleep(0.05)
      lastcall.shutdown()
    end)
  ]]

  local function run_drain(before)
    local path = helper.write_file(DRAINS)
    local output, fine = helper.run(before:format("lua5.4 " .. path))
    os.remove(path)
    return output, fine
  end

  it("is shown on a terminal: the step, who is left, and the seconds", function()
    if not select(2, helper.run "sh -c 'command -v script'") then pending "script(1) is not installed" end
    local output, fine = run_drain "script -qec '%s' /dev/null"
    assert.is_true(fine, output)
    assert.is_truthy(output:find("lastcall: drain +0 idle +0 active +0 closing +%d+%.%d s left"), output)
    local count = select(2, output:gsub("\r\27%[K", ""))
    assert.is_true(count >= 3, output)
  end)

  it("is silent in a pipe", function()
    local output, fine = run_drain "%s"
    assert.is_true(fine, output)
    assert.equal("", helper.without_trace(output))
  end)
end)

describe("the shortest program", function()
  it("of the README runs as it is typed, and drains", function()
    local readme = assert(io.open "README.md")
    local text = readme:read("a"):match "```lua\n(local lastcall = require \"lastcall\".-)```"
    readme:close()
    assert.is_truthy(text, "README.md has no shortest program")
    local port = text:match "127%.0%.0%.1:(%d+)"
    -- In a network of its own, where no other program has the port.
    local apart = "unshare -rn sh -c 'ip link set lo up; exec \"$0\" \"$@\"'"
    if not select(2, helper.run(apart .. " true")) then
      pending "a network namespace is not permitted here"
    end
    local path = helper.write_file(text)
    local output, fine = helper.run(("%s spec/support/quick_start.sh %s %s"):format(apart, path, port))
    os.remove(path)
    assert.is_true(fine, output)
    assert.is_truthy(output:find("you said: hello", 1, true), output)
    assert.is_truthy(output:find("shutdown ok", 1, true), output)
  end)

  it("keeps back a fifth of what shutdown is given for the hooks, unless the script has said how much", function()
    for _, hooks in ipairs { false, 0.5 } do
      local report = lastcall.run(function()
        local server, address = helper.serve(lastcall, function(conn) conn:read() end)
        lastcall.on_shutdown("one", function() end)
        local conn = helper.ask(address, "x")
        assert(server and conn)
        lastcall.shutdown(2)
        lastcall.sleep(5)
      end, { drain = { timeout = 20, hooks = hooks or nil }, signals = false, log = function() end })
      local kept = 2 - report.steps.cancel - 0.2
      assert.is_true(math.abs(kept - (hooks or 0.4)) < helper.seconds(0.09), tostring(kept))
    end
  end)

  it("keeps back a fifth also of what a further call leaves", function()
    local length
    local report = lastcall.run(function()
      local server, address = helper.serve(lastcall, function(conn) conn:read() end)
      lastcall.on_shutdown("one", function() end)
      local conn = helper.ask(address, "x")
      assert(server and conn)
      local began = lastcall.now()
      lastcall.shutdown()
      lastcall.sleep(0.3)
      length = lastcall.now() - began + 1.5
      lastcall.shutdown(1.5)
      lastcall.sleep(5)
    end, { drain = { timeout = 20 }, signals = false, log = function() end })
    local kept = length - report.steps.cancel - length / 10
    assert.is_true(math.abs(kept - length / 5) < helper.seconds(0.09), tostring(kept))
  end)
end)
