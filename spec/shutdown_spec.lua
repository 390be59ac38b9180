local helper = require "spec.helper"
local lastcall = require "lastcall"
local process = require "spec.support.process"

--- A file with this text.
local function write(text)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  return path
end

--- Runs a script that prints "listening ADDRESS" first, as a process of its own.
local function program(text)
  local path = write(text)
  local one = process.start("lua5.4 " .. path)
  one.path = path
  return one
end

local function finish(one)
  local output, fine = one:finish()
  os.remove(one.path)
  return output, fine
end

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
  return program(SERVER:format(timeout or 10, handler, timeout or 10))
end

local STUBBORN = [[ conn:read() while true do lastcall.sleep(60) end ]]
local OBEDIENT = [[ conn:read() lastcall.sleep(60) conn:write("sorry\n") ]]

--- Connects to the program and says something, so that a handler is at work.
local function work(one, body)
  local address = one:address()
  helper.task(function()
    local conn = assert(lastcall.connect(address))
    conn:write("x\n")
    conn:flush()
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
      local output, fine = finish(one)
      assert.equal("x", answer)
      assert.is_true(fine, output)
      assert.is_truthy(output:find("^before\nstep stop\nstep drain\nstep done\nafter\nshutdown ok"), output)
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
    local output, fine = finish(one)
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
    local output, fine = finish(one)
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
      local conn = assert(lastcall.connect(address))
      conn:write("x\n")
      conn:flush()
      lastcall.sleep(0.1)
      one:signal "TERM"
      lastcall.sleep(0.2)
      one:signal "TERM"
      answer = conn:read()
      conn:close "background"
    end)
    local output, fine = finish(one)
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
    local output = finish(one)
    -- It was canceled when its time was over, not by the second signal.
    local elapsed = tonumber(output:match "elapsed ([%d.]+)")
    assert.is_true(elapsed > 0.9, output)
    assert.is_truthy(output:find("killed 0 canceled 1", 1, true), output)
  end)

  it("that is the third ends hooks that hang", function()
    local one = program [[
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
    local output, fine = finish(one)
    assert.is_false(fine)
    assert.is_nil(output:find("never", 1, true), output)
    assert.is_true(tonumber(output:match "elapsed ([%d.]+)") < helper.seconds(5), output)
  end)

  it("is left alone with signals = false, and others can be chosen", function()
    local one = program [[
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
    local output, fine = finish(one)
    assert.is_true(fine, output)
    assert.equal("drained\n", output)
    local fallen = program [[
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
    output, fine = finish(fallen)
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
    assert.is_true(report.elapsed < helper.seconds(0.8), tostring(report))
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
    local one = program [[
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
    one:signal "TERM"
    local output, fine = finish(one)
    assert.is_true(fine, output)
    assert.is_true(tonumber(output:match "elapsed ([%d.]+)") < helper.seconds(3), output)
  end)

  it("tells all servers to stop before it waits for any", function()
    local steps = {}
    helper.task(function()
      local address
      for i = 1, 3 do
        local server, at = helper.serve(lastcall, function(conn)
          conn:read()
          lastcall.sleep(0.2)
        end)
        address = address or at
        server:on_step(function(step) steps[#steps + 1] = step .. " " .. i end)
      end
      local conn = assert(lastcall.connect(address))
      conn:write("x\n")
      conn:flush()
      lastcall.sleep(0.05)
      lastcall.shutdown()
      conn:read()
      conn:close()
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
    assert.is_true(report.elapsed < helper.seconds(0.5), tostring(report))
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

describe("the functions of a shutdown", function()
  it("run in order: those before as registered, those after last first, connections gone by then", function()
    local order = {}
    local function note(name) return function() order[#order + 1] = name end end
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        lastcall.sleep(0.2)
        order[#order + 1] = "handler"
      end)
      lastcall.before_shutdown("before 1", note "before 1")
      lastcall.before_shutdown("before 2", note "before 2")
      lastcall.on_shutdown("after 1", note "after 1")
      lastcall.on_shutdown("after 2", function() order[#order + 1] = "after 2 with " .. server:count() end)
      local conn = assert(lastcall.connect(address))
      conn:write("x\n")
      conn:flush()
      lastcall.sleep(0.05)
      lastcall.shutdown()
      conn:read()
      conn:close()
    end)
    assert.same({ "before 1", "before 2", "handler", "after 2 with 0", "after 1" }, order)
  end)

  it("can be taken back", function()
    local ran = {}
    helper.task(function()
      local cancel = lastcall.on_shutdown("one", function() ran[#ran + 1] = "one" end)
      local stop = lastcall.before_shutdown("two", function() ran[#ran + 1] = "two" end)
      lastcall.on_shutdown("three", function() ran[#ran + 1] = "three" end)
      assert.is_true(cancel())
      assert.is_false(cancel())
      assert.is_true(stop())
    end)
    assert.same({ "three" }, ran)
  end)

  it("are forgotten when the run ends", function()
    local count = 0
    helper.task(function() lastcall.on_shutdown("once", function() count = count + 1 end) end)
    helper.task(function() end)
    assert.equal(1, count)
  end)

  it("have a time of their own, and one that hangs does not take that of the others", function()
    local ran
    local report = helper.task(function()
      lastcall.on_shutdown("last", function() ran = true end)
      lastcall.on_shutdown("hangs", function() while true do lastcall.sleep(60) end end, { timeout = 0.2 })
    end)
    assert.is_true(ran)
    assert.is_false(report.ok)
    assert.is_false(report.hooks[1].ok)
    assert.is_truthy(report.hooks[1].error:find "not done within 0.2 s; it was .*shutdown_spec.lua:%d+")
    assert.is_true(report.hooks[1].elapsed < helper.seconds(0.5))
    assert.is_true(report.hooks[2].ok)
  end)

  it("are given a context that ends with their time, and no wait is canceled before", function()
    local slept, err
    helper.task(function()
      lastcall.on_shutdown("obeys", function(ctx)
        slept = lastcall.sleep(0.1)
        lastcall.sleep(60)
        err = ctx:err()
      end, { timeout = 0.3 })
    end)
    assert.is_true(slept)
    assert.equal("timeout", err)
  end)

  it("do not stop one another by an error", function()
    local ran = {}
    local report = helper.task(function()
      lastcall.before_shutdown("bad before", function() error { reason = "mine" } end)
      lastcall.before_shutdown("good before", function() ran[#ran + 1] = "before" end)
      lastcall.on_shutdown("good", function() ran[#ran + 1] = "after" end)
      lastcall.on_shutdown("bad", function() error "no" end)
    end)
    assert.same({ "before", "after" }, ran)
    assert.is_false(report.ok)
    assert.equal("mine", report.hooks[1].error.reason)
  end)

  it("have a fifth of the time kept for them", function()
    local had
    local report = helper.task(function()
      local _, address = helper.serve(lastcall, function(conn)
        conn:read()
        while true do lastcall.sleep(60) end
      end)
      lastcall.on_shutdown("needs time", function()
        had = lastcall.sleep(0.15)
      end)
      local conn = assert(lastcall.connect(address))
      conn:write("x\n")
      conn:flush()
      lastcall.sleep(0.05)
      lastcall.shutdown()
      conn:read()
      conn:close("background")
    end, { drain = { timeout = 1.5 } })
    assert.is_true(had)
    assert.is_true(report.hooks[1].ok)
    assert.is_true(report.steps.kill <= 1.2 + helper.seconds(0.2), tostring(report.steps.kill))
    assert.is_true(report.steps.kill >= 1.1)
    assert.is_true(report.elapsed < helper.seconds(1.7), tostring(report))
  end)

  it("may use connections that tasks of the process have made", function()
    local said
    helper.task(function()
      local other = process.start "lua5.4 spec/support/line_server.lua 127.0.0.1:0"
      local address = other:address()
      local database = assert(lastcall.connect(address))
      lastcall.on_shutdown("database", function()
        database:write("echo bye\n")
        said = database:read()
        database:close()
        other:signal "TERM"
        other:finish()
      end)
    end)
    assert.is_truthy(said and said:find("bye", 1, true), tostring(said))
  end)

  it("raise at registration for what is not a name and a function", function()
    for _, what in ipairs { "on_shutdown", "before_shutdown" } do
      assert.is_false((pcall(lastcall[what], function() end)))
      assert.is_false((pcall(lastcall[what], "name")))
      local fine, err = pcall(lastcall[what], "name", function() end, { timeot = 1 })
      assert.is_false(fine)
      assert.is_truthy(err:find("did you mean 'timeout'", 1, true), err)
    end
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
    local path = write(DRAINS)
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
    assert.equal("", output)
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
    local path = write(text)
    local output, fine = helper.run(("%s spec/support/quick_start.sh %s %s"):format(apart, path, port))
    os.remove(path)
    assert.is_true(fine, output)
    assert.is_truthy(output:find("you said: hello", 1, true), output)
    assert.is_truthy(output:find("shutdown ok", 1, true), output)
  end)
end)
