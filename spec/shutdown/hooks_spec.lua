-- scripts/test: early
local helper = require "spec.helper"
local lastcall = require "lastcall"
local process = require "spec.support.process"

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
      local conn = helper.ask(address, "x")
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
    assert.is_truthy(report.hooks[1].error:find "not done within 0.2 s; it was .*hooks_spec.lua:%d+")
    assert.is_true(report.hooks[1].elapsed < helper.AT_ONCE)
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
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        while true do lastcall.sleep(60) end
      end)
      lastcall.on_shutdown("needs time", function()
        had = lastcall.sleep(0.15)
      end)
      local conn = helper.ask(address, "x")
      helper.at_work(server)
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

  it("that unregister others, or themselves, disturb nobody's turn", function()
    local ran = {}
    local function note(name) return function() ran[#ran + 1] = name end end
    helper.task(function()
      local stop, cancel
      stop = lastcall.before_shutdown("before 1", function()
        assert.is_false(stop(), "it has begun")
        ran[#ran + 1] = "before 1"
      end)
      lastcall.before_shutdown("before 2", note "before 2")
      cancel = lastcall.on_shutdown("after 1", note "after 1")
      lastcall.on_shutdown("after 2", note "after 2")
      lastcall.on_shutdown("after 3", function()
        assert.is_true(cancel())
        ran[#ran + 1] = "after 3"
      end)
    end)
    assert.same({ "before 1", "before 2", "after 3", "after 2" }, ran)
  end)

  it("may register another, which runs next", function()
    local ran = {}
    local report = helper.task(function()
      lastcall.on_shutdown("file", function() ran[#ran + 1] = "file" end)
      lastcall.on_shutdown("database", function()
        lastcall.on_shutdown("pool", function() ran[#ran + 1] = "pool" end)
      end)
    end)
    assert.same({ "pool", "file" }, ran)
    assert.same({ "database", "pool", "file" }, { report.hooks[1].name, report.hooks[2].name, report.hooks[3].name })
  end)

  it("are in the report also when their turn never came", function()
    local report = helper.task(function()
      lastcall.on_shutdown("never", function() end)
      lastcall.on_shutdown("hangs", function() while true do lastcall.sleep(60) end end, { timeout = 60 })
      lastcall.shutdown(0.3)
    end)
    assert.is_false(report.ok)
    assert.equal("hangs", report.hooks[1].name)
    assert.is_truthy(report.hooks[1].error:find "it was at .*hooks_spec.lua:%d+")
    assert.equal("never", report.hooks[2].name)
    assert.is_false(report.hooks[2].ok)
    assert.is_truthy(report.hooks[2].error:find("never begun", 1, true))
  end)

  it("may raise what cannot be told", function()
    local report = helper.task(function()
      lastcall.on_shutdown("mute", function() error(setmetatable({}, { __tostring = function() error "no" end })) end)
    end)
    assert.is_truthy(tostring(report):find("hook mute: failed", 1, true), tostring(report))
  end)

  -- A program whose functions print their names, signaled `times` when the first has begun.
  local function signaled(times, text)
    local one = process.script([[
      local lastcall = require "lastcall"
      io.stdout:setvbuf "line"
      local function slow(name) return function(ctx)
        print("listening " .. name)
        print(name, lastcall.sleep(20))
      end end
      ]] .. text .. [[
      local report = lastcall.run(function() lastcall.shutdown() end, { drain = 30, log = function() end })
      print(report)
      print("elapsed " .. report.elapsed)
      os.exit(report.ok)
    ]])
    one:address()
    for _ = 1, times do
      os.execute "sleep 0.2"
      one:signal "TERM"
    end
    return one:finish()
  end

  it("of step unready are canceled by the second signal, and those of the end run all the same", function()
    local output, fine = signaled(2, [[
      lastcall.before_shutdown("before", slow "before")
      lastcall.before_shutdown("late", function(ctx) print("late", ctx:err()) end)
      lastcall.on_shutdown("after", function() print "after" end) ]])
    assert.is_true(fine, output)
    assert.is_truthy(output:find("before\tnil\tcanceled.*late\tcanceled.*after"), output)
    assert.is_true(tonumber(output:match "elapsed ([%d.]+)") < helper.seconds(5), output)
  end)

  it("are all ended by the third signal, wherever the ladder is, and those skipped are in the report", function()
    local output, _, status = signaled(3, [[
      lastcall.before_shutdown("before", function() print "listening x" while true do lastcall.sleep(20) end end)
      lastcall.on_shutdown("never", function() print "never ran" end)
      lastcall.on_shutdown("after", function() while true do lastcall.sleep(20) end end, { timeout = 60 }) ]])
    assert.equal(1, status, output)
    assert.is_nil(output:find("never ran", 1, true), output)
    assert.is_truthy(output:find "hook before: failed .- not done when the shutdown went on; it was at .-:%d+", output)
    assert.is_truthy(output:find "hook after: failed .- ended by the third signal; it was at .-:%d+", output)
    assert.is_truthy(output:find("hook never: failed in 0.00 s: skipped", 1, true), output)
    assert.is_true(tonumber(output:match "elapsed ([%d.]+)") < helper.seconds(5), output)
  end)

  it("and everything else the process has is ended by the third signal: tasks, connections of its own", function()
    local output, _, status = signaled(3, [[
      lastcall.spawn(function()
        local server = assert(lastcall.listen "127.0.0.1:0")
        local conn = assert(lastcall.connect(server:addresses()[1], { linger = 20 }))
        server:close()
        while true do lastcall.sleep(20) end
      end)
      lastcall.on_shutdown("after", slow "after", { timeout = 60 }) ]])
    assert.equal(1, status, output)
    assert.is_truthy(output:find("hook after: failed", 1, true), output)
    assert.is_true(tonumber(output:match "elapsed ([%d.]+)") < helper.seconds(5), output)
  end)

  it("are cut, and told of, when the process itself was stopped past the deadline; it is not called stuck", function()
    local one = process.script [[
      local lastcall = require "lastcall"
      io.stdout:setvbuf "line"
      lastcall.on_shutdown("slow", function() print "listening x" lastcall.sleep(60) end, { timeout = 60 })
      local report = lastcall.run(function() lastcall.shutdown() end, { drain = 1 })
      print(report)
      os.exit(report.ok)
    ]]
    one:address()
    one:signal "STOP"
    os.execute "sleep 2.5"
    one:signal "CONT"
    local output, _, status = one:finish()
    assert.equal(1, status, output)
    assert.is_truthy(output:find("hook slow: failed", 1, true), output)
  end)

  -- Where what begins a hook is ended by force is chance; here it stays there until it is.
  local core = require "lastcall.core"
  local function held_in(owner, name, register)
    local genuine = owner[name]
    local seen = false
    owner[name] = function(...)
      local results = table.pack(genuine(...))
      if seen then while true do end end
      return table.unpack(results, 1, results.n)
    end
    local ran, report = pcall(lastcall.run, function()
      register("one", function() end)
      register("two", function() end)
      seen = true
      lastcall.shutdown()
    end, { drain = 0.3, signals = false, log = function() end, on_error = function() end, exit_when_stuck = false })
    owner[name] = genuine
    assert.is_true(ran, tostring(report))
    assert.truthy(tostring(report):find("NOT ok", 1, true))
    local names = {}
    for _, hook in ipairs(report.hooks) do
      names[#names + 1] = hook.name
    end
    table.sort(names)
    assert.same({ "one", "two" }, names)
  end

  for what, register in pairs { before_shutdown = lastcall.before_shutdown, on_shutdown = lastcall.on_shutdown } do
    it("are all in the report when what begins them is ended by force, " .. what, function()
      held_in(core.context, "with_timeout", register)
      held_in(core, "limit", register)
      held_in(core, "task_id", register)
    end)
  end
end)
