local helper = require "spec.helper"

local failure, raises = helper.failure, helper.raises

--- What the child of these options writes, and how it ends.
local function output_of(lastcall, options)
  options.stdout = "pipe"
  local child = assert(lastcall.process(options))
  local text = child.stdout:read "a"
  child.stdout:close()
  return text, child:wait()
end

--- The children of this process, also those that have ended and have not been waited for.
local function children()
  local list = {}
  for pid in helper.read_file "/proc/thread-self/children":gmatch "%d+" do list[#list + 1] = pid end
  return list
end

--- A program that writes a line when its traps are set, and then waits.
local STUBBORN = { "sh", "-c", "trap '' TERM; echo; while :; do sleep 0.01; done" }

local function start_stubborn(lastcall, options)
  options.argv, options.stdout = STUBBORN, "pipe"
  local child = assert(lastcall.process(options))
  assert(child.stdout:read())
  return child
end

--- An environment in which it takes milliseconds until a program is found, or missed.
local SLOW = { PATH = ("/-:"):rep(20000) .. "/usr/bin:/bin" }

--- Why the program could not run.
local function refusal(code, lastcall, options)
  local child, seen, message = lastcall.process(options)
  assert.is_nil(child)
  assert.equal(code, seen)
  return message
end

describe("lastcall.process", function()
  it("tells how the child ended", function()
    helper.task(function(lastcall)
      local child = assert(lastcall.process { argv = { "sh", "-c", "exit 3" } })
      assert.same({ "exit", 3 }, { child:wait() })
      assert.same({ "exit", 3 }, { child:wait() })
      assert.is_false(child:is_running())
      child = assert(lastcall.process { argv = { "sleep", "100" } })
      failure("timeout", child:wait(0.01))
      assert.is_true(child:is_running())
      assert.is_true(child:kill())
      assert.same({ "signal", 15, "TERM" }, { child:wait() })
      failure("esrch", child:kill())
      child = assert(lastcall.process { argv = { "sh", "-c", "kill -STOP $$; kill -KILL $$" } })
      failure("timeout", child:wait(0.05)) -- a child that is stopped has not ended
      child:kill "SIGCONT"
      assert.same({ "signal", 9, "KILL" }, { child:wait() })
      raises("no signal named 'NONE'", child.kill, child, "NONE")
      raises("call it with ':'", child.kill)
    end)
  end)

  it("gives the child its arguments, environment and directory, without a shell", function()
    helper.task(function(lastcall)
      assert.equal("a b||$HOME|*|", output_of(lastcall, { argv = { "printf", "%s|", "a b", "", "$HOME", "*" } }))
      local text = output_of(lastcall, { argv = { "env" }, env = { A = "1" } })
      assert.equal("A=1\n", text)
      text = output_of(lastcall, { argv = { "env" }, setenv = { A = "a b", HOME = false } })
      assert.truthy(("\n" .. text):find("\nA=a b\n", 1, true) and ("\n" .. text):find("\nPATH=", 1, true))
      assert.is_nil(("\n" .. text):find("\nHOME=", 1, true))
      assert.equal("/\n", output_of(lastcall, { argv = { "pwd" }, cwd = "/" }))
      local folder = helper.socket_path()
      os.execute(("mkdir %s; printf '#!/bin/sh\\necho here' >%s/here; chmod +x %s/here"):format(folder, folder, folder))
      assert.equal("here\n", output_of(lastcall, { argv = { "here" }, env = { PATH = "/no/such:" .. folder } }))
      assert.equal("here\n", output_of(lastcall, { argv = { "./here" }, cwd = folder }))
      os.execute("rm -r " .. folder)
    end)
  end)

  it("gives the child the descriptors that it is to have, and no others", function()
    -- Without close-on-exec, as other libraries open them.
    local program = [[
      local lastcall = require "lastcall"
      lastcall.run(function()
        local server = assert(lastcall.listen "127.0.0.1:0")
        local conn = assert(lastcall.connect(server:addresses()[1]))
        local child = assert(lastcall.process {
          argv = { "ls", "-l", "/proc/self/fd" },
          stdin = "null", stderr = "null", fds = { [3] = 9, [5] = "pipe", [12] = conn, [9] = 3 } })
        child:wait()
        child.fds[5]:close()
        conn:abort()
        server:close()
      end, { signals = false, progress = false })
    ]]
    local path, file = helper.write_file(program), os.tmpname()
    local expected = ([[
0 -> /dev/null
1 -> pipe:[N]
12 -> socket:[N]
2 -> /dev/null
3 -> %s
5 -> pipe:[N]
9 -> %s
]]):format(file, path)
    for _, deny in ipairs { "", helper.program "deny" .. " close_range=38 -- ",
                            helper.program "deny" .. " close_range=22 pidfd=1 -- " } do
      local output = helper.run(("sh -c '%slua5.4 %s 3<%s 9<%s 17</dev/null 2>/dev/null | cat'")
        :format(deny, path, path, file))
      local list = {}
      for number, target in output:gmatch "(%d+) %-> (%S+)" do -- ls itself opens the folder
        if not target:find "^/proc/" then table.insert(list, number .. " -> " .. target:gsub("%d+]", "N]") .. "\n") end
      end
      assert.equal(expected, table.concat(list))
    end
    os.remove(path)
    os.remove(file)
  end)

  it("has pipes and pairs of sockets as connections", function()
    helper.task(function(lastcall)
      local child = assert(lastcall.process { argv = { "cat" }, stdin = "pipe", stdout = "pipe" })
      assert(child.stdin:write("one\n", "two\n"))
      assert.equal("one", child.stdout:read())
      assert.is_true(child.stdin:close())
      assert.equal("two\n", child.stdout:read "a")
      assert.same({ "exit", 0 }, { child:wait() })
      child.stdout:close()
      child = assert(lastcall.process { argv = { "sh", "-c", "read line <&4; echo \"$line!\" >&4; echo err >&2" },
        fds = { [4] = "socket" }, stderr = "pipe" })
      assert(child.fds[4]:write "hello\n")
      assert.equal("hello!", child.fds[4]:read())
      assert.equal("err", child.stderr:read())
      assert.equal(child.stderr, child.fds[2])
      assert.same({ "exit", 0 }, { child:wait() })
      for _, conn in pairs(child.fds) do conn:close() end
    end)
  end)

  it("gives a child a connection, which both have then", function()
    helper.between(function(here, there, lastcall)
      local child = assert(lastcall.process { argv = { "printf", "from the child\n" }, stdout = here })
      assert.equal("from the child", there:read())
      assert.same({ "exit", 0 }, { child:wait() })
      helper.send(here, "from the parent\n")
      assert.equal("from the parent", there:read())
      here:abort()
      raises("is to be a connection that is not open", lastcall.process, { argv = { "true" }, stdin = here })
    end)
  end)

  it("says what was the matter when a program cannot run", function()
    helper.task(function(lastcall)
      local script = helper.write_file "#!/no/such/interpreter\n"
      local binary = helper.write_file "\0\1\2\3"
      os.execute("chmod +x " .. script .. " " .. binary)
      local function why(code, argv) return refusal(code, lastcall, { argv = argv }) end
      assert.matches('"no%-such": no program of this name is in PATH %(ENOENT%)', why("enoent", { "no-such" }))
      assert.matches('"/no/such": there is no such file %(ENOENT%)', why("enoent", { "/no/such" }))
      assert.matches("the interpreter that the file names %(after #!%) is missing", why("enoent", { script }))
      assert.matches("not executable for this user: chmod", why("permission denied", { "/etc/passwd" }))
      assert.matches("no program of this machine.*%(ENOEXEC%)", why("enoexec", { binary }))
      assert.matches("too long together %(E2BIG%)", why("e2big", { "true", ("x"):rep(300000) }))
      assert.matches('cannot enter the directory "/no/such"', refusal("enoent", lastcall,
        { argv = { "true" }, cwd = "/no/such" }))
      os.remove(script)
      os.remove(binary)
    end)
  end)

  it("raises for what is no argument, variable or descriptor", function()
    local lastcall = require "lastcall"
    for reason, options in pairs {
      ["option 'argv' is missing"] = {},
      ["argv[2] is a string without zero bytes, not a number"] = { argv = { "true", 1 } },
      ["argv[2] is a string without zero bytes, not \"a\\0b\""] = { argv = { "true", "a\0b" } },
      ["argv[2] is a string without zero bytes, not a nil"] = { argv = { "true", nil, "hole" } },
      ["option 'argv' is a list of strings"] = { argv = { "true", name = "value" } },
      ["descriptor 3 is to be descriptor 987, which is not open"] = { argv = { "true" }, fds = { [3] = 987 } },
      ["the child's descriptor 42 is to be descriptor 42, which"] = { argv = { "true" }, fds = { [42] = "inherit" } },
      ["env.A is a string without zero bytes, not a number"] = { argv = { "true" }, env = { A = 1 } },
      ["env.B is a string without zero bytes"] = { argv = { "true" }, env = { B = "\0" } },
      ["the name of a variable in env is a string without '='"] = { argv = { "true" }, env = { ["A=B"] = "" } },
      ["setenv.A is a string"] = { argv = { "true" }, setenv = { A = true } },
      ["option 'cwd' is a path"] = { argv = { "true" }, cwd = "/\0" },
      ["option 'stdin' is \"pipe\""] = { argv = { "true" }, stdin = "pip" },
      ["a place in fds is a descriptor's number"] = { argv = { "true" }, fds = { a = 1 } },
      ["fds[3] is \"pipe\""] = { argv = { "true" }, fds = { [3] = true } },
      ["both stdin and fds[0] are given"] = { argv = { "true" }, fds = { [0] = "null" }, stdin = "null" },
      ["unknown option 'args'; did you mean 'argv'"] = { args = {} },
    } do
      raises(reason, lastcall.process, options)
    end
  end)

  it("names the limit that is reached, and how to raise it", function()
    local faults = require "spec_faults"
    local result = faults.run [[
      package.path = "./?.lua;" .. package.path
      local faults = require "spec_faults"
      local lastcall = require "lastcall"
      local function why(call, error)
        faults.fail(call, 1, 1, error)
        return select(3, lastcall.process { argv = { "true" }, stdout = "pipe" })
      end
      lastcall.run(function()
        assert(why("spawn", "EAGAIN"):find('cannot run "true": no process can be made: .*ulimit %-u.*%(EAGAIN%)'))
        assert(why("pipe", "EMFILE"):find('cannot run "true": no descriptor is free: raise the limit'))
        faults.fail("process_watch", 1, 1, "EMFILE") -- does without
        assert(assert(lastcall.process { argv = { "true" } }):wait() == "exit")
      end, { signals = false, log = print })
    ]]
    assert.is_true(result.ok, result.message)
    assert.equal(0, result.open)
  end)

  it("lets other tasks run until the program does", function()
    helper.task(function(lastcall)
      local turns, done = 0, false
      lastcall.go(function()
        while not done do
          lastcall.sleep(0)
          turns = turns + 1
        end
      end)
      local child = assert(lastcall.process { argv = { "true" }, env = SLOW })
      local meanwhile = turns
      assert.same({ "exit", 0 }, { child:wait() })
      turns = 0
      refusal("enoent", lastcall, { argv = { "no-such" }, env = SLOW, stdin = "pipe" })
      done = true
      assert.is_true(meanwhile > 10 and turns > 10, ("%d and %d turns"):format(meanwhile, turns))
    end)
  end)

  it("ends a child whose context ends while it starts", function()
    helper.task(function(lastcall)
      for _, way in ipairs { "cancel", "deadline" } do
        local ctx, cancel = lastcall.context.with_cancel()
        if way == "deadline" then ctx = lastcall.context.with_timeout(nil, 0.002) end
        local child
        local starting = ctx:go(function()
          child = assert(lastcall.process { argv = { "sleep", "100" }, env = SLOW, stdin = "pipe" })
        end)
        lastcall.sleep(0)
        assert.is_nil(child)
        cancel()
        starting:wait()
        assert.same({ "signal", 15, "TERM" }, { child:wait(helper.seconds(10)) })
        child.stdin:close()
      end
    end)
  end)

  it("leaves nothing of a start whose task is killed", function()
    local lastcall = require "lastcall"
    local open, began = helper.descriptors(), nil
    for _, outlives in ipairs { false, true } do
      local report = lastcall.run(function()
        for _ = 1, 3 do
          lastcall.go(function()
            began = true
            lastcall.process { argv = { "sleep", "100" }, env = SLOW, stdin = "pipe", fds = { [4] = "socket" },
              outlives = outlives }
          end)
        end
        lastcall.sleep(0)
        lastcall.shutdown()
      end, { signals = false, drain = { timeout = 0.001, grace = 0 }, log = function() end })
      assert.is_true(began)
      assert.is_false(report.ok)
      assert.same({}, children())
      assert.equal(open, (helper.descriptors()))
    end
  end)

  it("starts a child also where its caller cannot be suspended", function()
    helper.task(function(lastcall)
      local child
      local function start() child = assert(lastcall.process { argv = { "true" }, env = SLOW }) end
      table.sort({ 2, 1 }, function(a, b)
        if not child then start() end
        return a < b
      end)
      assert.same({ "exit", 0 }, { child:wait() })
      coroutine.wrap(start)()
      assert.same({ "exit", 0 }, { child:wait() })
    end)
  end)

  it("ends the child with its context, by SIGTERM and after the grace by SIGKILL", function()
    helper.task(function(lastcall)
      local ctx, cancel = lastcall.context.with_cancel()
      local child = assert(lastcall.process { argv = { "sleep", "100" }, ctx = ctx })
      local stubborn = start_stubborn(lastcall, { ctx = ctx, grace = 0.05 })
      cancel()
      assert.same({ "signal", 15, "TERM" }, { child:wait() })
      assert.same({ "signal", 9, "KILL" }, { stubborn:wait() })
      stubborn.stdout:close()
      failure("canceled", lastcall.process { argv = { "true" }, ctx = ctx })
      -- A task's own context, which its deadline ends.
      local inner = lastcall.context.with_timeout(nil, 0.02)
      assert.same({ "signal", 15, "TERM" }, { inner:call(function()
        return lastcall.process { argv = { "sleep", "100" } }
      end):wait() })
    end)
  end)

  it("ends the child with the connection whose task started it", function()
    helper.task(function(lastcall)
      local child
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        child = assert(lastcall.process { argv = { "sleep", "100" } })
        conn:read()
      end)
      local client = helper.ask(address, "x")
      while not child do lastcall.sleep(0.005) end
      client:abort()
      assert.same({ "signal", 15, "TERM" }, { child:wait(helper.seconds(5)) })
      server:close()
    end)
  end)

  it("is awaited by the run, ended by its shutdown, and named in its report", function()
    local lastcall = require "lastcall"
    local began = lastcall.now()
    local report = lastcall.run(function()
      assert(lastcall.process { argv = { "sleep", "0.1" } })
    end, { signals = false, log = function() end })
    assert.is_true(report.ok)
    assert.is_true(lastcall.now() - began >= helper.least(0.1))
    local dump, stubborn
    report = lastcall.run(function()
      stubborn = start_stubborn(lastcall, {})
      assert(lastcall.process { argv = { "sleep", "100" } })
      lastcall.sleep(0)
      dump = lastcall.dump()
      lastcall.shutdown()
    end, { signals = false, drain = { timeout = 5, grace = 0.1 }, log = function() end })
    for _, name in ipairs { stubborn.pid .. " sh", "%d+ sleep" } do
      assert.matches("in process " .. name .. " for [%d.]+ s, at spec/process/subprocess_spec.lua:%d+,", dump)
    end
    assert.is_false(report.ok)
    assert.equal(1, report.tasks_left)
    assert.truthy(tostring(report):find("killed after [%d.]+ s, held in process " .. stubborn.pid .. " sh at "
      .. "spec/process/subprocess_spec.lua:%d+"), tostring(report))
    assert.truthy(tostring(report):find "canceled after [%d.]+ s, held in process %d+ sleep at ", tostring(report))
    assert.same({}, children())
  end)

  it("signals the whole group of a child that leads one", function()
    helper.task(function(lastcall)
      local child = assert(lastcall.process {
        argv = { "sh", "-c", "sleep 100 & echo; sleep 100; wait" }, stdout = "pipe", process_group = true })
      assert(child.stdout:read())
      assert(child:kill "INT")
      child:kill "TERM"
      child:wait()
      failure("eof", child.stdout:read()) -- no process has the other end
      child.stdout:close()
      -- One member ignores what the leader obeys.
      child = assert(lastcall.process {
        argv = { "sh", "-c", "(trap '' TERM; echo; sleep 100) & wait" }, stdout = "pipe", process_group = true })
      assert(child.stdout:read())
      assert(child:stop(20))
      assert.same({ "signal", 15, "TERM" }, { child:wait() })
      failure("eof", child.stdout:read())
      child.stdout:close()
    end)
  end)

  it("leaves no zombie, also of a child that the script has forgotten", function()
    helper.task(function(lastcall)
      lastcall.process { argv = { "true" } }
      lastcall.process { argv = { "true" }, outlives = true }
      collectgarbage()
      collectgarbage()
      local until_when = lastcall.now() + helper.seconds(10)
      while #children() > 0 and lastcall.now() < until_when do lastcall.sleep(0.005) end
      assert.same({}, children())
    end)
  end)

  it("outlives the run when it is to", function()
    local output = helper.run_script [[
      local lastcall = require "lastcall"
      lastcall.run(function()
        print(assert(lastcall.process { argv = { "sleep", "100" }, stdout = "null", stderr = "null",
          outlives = true }).pid)
        collectgarbage()
        collectgarbage()
      end, { signals = false, log = function() end })
    ]]
    local pid = output:match "%d+"
    assert.is_true(os.execute("kill " .. pid))
  end)

  it("leaves children of other code to that code", function()
    helper.task(function(lastcall)
      local other = assert(io.popen "exit 7")
      local child = assert(lastcall.process { argv = { "true" } })
      child:wait()
      assert.same({ nil, "exit", 7 }, { other:close() })
      assert.same({ nil, "exit", 8 }, { os.execute "exit 8" })
    end)
  end)

  it("has the limit of descriptors from before raise_descriptors", function()
    local output = helper.run(([[sh -c 'ulimit -S -n 100; exec lua5.4 -e "
      local lastcall = require [=[lastcall]=]
      lastcall.run(function()
        lastcall.process { argv = { [=[sh]=], [=[-c]=], [=[ulimit -S -n]=] } }:wait()
      end, { raise_descriptors = true, signals = false, progress = false, log = print })"']]))
    assert.matches("^100\n", output)
  end)

  -- Runs so many children, a few at once; the longest turn of the loop, and its processor time for them.
  local function run_many(lastcall, count)
    local core = require "lastcall.core"
    local room, done = lastcall.semaphore(8), 0
    core.loop_stats(true)
    local ran = os.clock()
    for _ = 1, count do
      assert(room:acquire())
      local child = assert(lastcall.process { argv = { "/bin/true" } })
      lastcall.go(function()
        assert.same({ "exit", 0 }, { child:wait() })
        done = done + 1
        room:release()
      end)
    end
    while done < count do lastcall.sleep(0.001) end
    assert.same({}, children())
    return core.loop_stats(true).longest_turn, os.clock() - ran
  end

  it("goes on for many children, and the loop with it", function()
    local rounds, each, longest, ran, starved = helper.long and 100 or 3, 100, 0, 0, helper.starved()
    for _ = 1, rounds do
      helper.task(function(lastcall)
        local turn, time = run_many(lastcall, each)
        longest, ran = math.max(longest, turn), ran + time
      end)
    end
    local count = rounds * each
    helper.figure("%d children: the longest turn of the loop took %.1f ms; %.0f us of processor time for each", count,
      longest * 1e3, ran / count * 1e6)
    if not helper.is_slow then assert.is_true(longest <= 0.010 + helper.starved() - starved) end
  end)

  it("has no turn with more than its share of starts and ends, also of hundreds at once", function()
    local output = helper.run_script [[
      require "spec_work_clock" -- leaves out what the scheduler gives to others, and to the children
      local core = require "lastcall.core"
      local lastcall = require "lastcall"
      lastcall.run(function()
        local from, to = core.pipe_pair()
        core.loop_stats(true)
        local started, ended = 0, 0
        for _ = 1, 200 do
          lastcall.go(function()
            local child = assert(lastcall.process { argv = { "cat" }, stdin = from })
            started = started + 1
            assert(child:wait() == "exit")
            ended = ended + 1
          end)
        end
        while started < 200 do lastcall.sleep(0.005) end
        local starts = core.loop_stats(true).longest_turn
        core.close_fd(from)
        core.close_fd(to) -- now all end
        while ended < 200 do lastcall.sleep(0.005) end
        print(starts, core.loop_stats(true).longest_turn)
      end, { signals = false, log = function() end })
    ]]
    local starts, ends = output:match "^([%d.e-]+)%s([%d.e-]+)%s$"
    assert.is_truthy(ends, output)
    helper.figure("200 children at once: turns of at most %.1f ms of processor time, %.1f when they end",
      starts * 1e3, ends * 1e3)
    if not helper.is_slow then assert.is_true(starts + 0 <= 0.010 and ends + 0 <= 0.010, output) end
  end)
end)
