local helper = require "spec.helper"
local process = require "spec.support.process"

describe("a task", function()
  it("[13] gives its results to whoever waits, as often as they do", function()
    helper.task(function(lastcall)
      local task = lastcall.go(function(...) return ..., nil, 3 end, 1)
      local both = lastcall.go(function() return task:wait() end)
      assert.same({ 1, nil, 3, n = 3 }, table.pack(task:wait()))
      assert.same({ 1, nil, 3, n = 3 }, table.pack(both:wait()))
      assert.same({ 1, nil, 3, n = 3 }, table.pack(task:wait(0)))
      assert.equal("finished", task:status())
    end)
  end)

  it("[13] tells its error to whoever waits, with where it was raised, and else to on_error", function()
    local told = {}
    helper.task(function(lastcall)
      local wrong = setmetatable({}, { __tostring = function() return "wrong" end })
      local waited = lastcall.go(function()
        lastcall.sleep(0.01)
        error(wrong)
      end)
      local nothing, err, traceback = waited:wait()
      assert.is_nil(nothing)
      assert.equal(wrong, err)
      assert.matches("task_spec.lua:%d+", traceback)
      assert.equal("failed", waited:status())
      assert.same({}, told)
      lastcall.go(error, wrong)
      lastcall.go(error)
      lastcall.sleep(0.01)
      assert.equal(wrong, told[1])
      assert.equal(2, #told + (told[2] == nil and 1 or 0))
    end, { on_error = function(err) told[#told + 1] = err end })
  end)

  it("[11] waited for in vain is told by its code, and can be waited for again", function()
    helper.task(function(lastcall)
      local task = lastcall.go(function()
        lastcall.sleep(0.05)
        return "late"
      end)
      assert.equal("timeout", select(2, task:wait(0.01)))
      assert.equal("waiting", (task:status()))
      assert.equal("late", (task:wait(helper.seconds(5))))
    end)
  end)

  it("waits for nothing that would never come", function()
    helper.task(function(lastcall)
      local task
      task = lastcall.go(function() return task:wait() end)
      local _, err = task:wait()
      assert.matches("cannot wait for itself", err)
    end)
  end)

  it("has a traceback while it waits", function()
    helper.task(function(lastcall)
      local task = lastcall.go(function() lastcall.sleep(10) end)
      assert.equal("not begun yet", task:traceback())
      lastcall.sleep(0)
      assert.matches("task_spec.lua:%d+", task:traceback())
      assert.same({ "waiting", "sleep" }, { task:status() })
      task:cancel()
    end)
  end)

  it("has tracebacks that name functions as users know them", function()
    -- In which order Lua looks at the modules is another one in each state.
    local program = [[
      local lastcall = require "lastcall"
      lastcall.run(function(ctx)
        local asleep = lastcall.go(lastcall.sleep, 60)
        local selecting = lastcall.go(function() print((lastcall.select { ctx })) end)
        local failed = lastcall.go(lastcall.assert, false, "no")
        print(select(3, failed:wait()))
        print(asleep:traceback(), selecting:traceback())
        print(select(2, xpcall(lastcall.copy, debug.traceback)))
        lastcall.shutdown(0)
      end, { log = function() end })
    ]]
    for _ = 1, 5 do
      local text = process.script(program):finish()
      for _, name in ipairs { "assert", "copy", "select", "sleep" } do
        assert.truthy(text:find(("in function 'lastcall.%s'"):format(name), 1, true), text)
      end
      assert.is_nil(text:find("lastcall.core", 1, true), text)
    end
  end)

  it("takes any time that is a number, and no other", function()
    helper.task(function(lastcall)
      for _, past in ipairs { 0, -1, -math.huge } do assert.is_true(lastcall.sleep(past)) end
      for _, far in ipairs { math.huge, 1e300, 2 ^ 62 } do
        local task = lastcall.go(lastcall.sleep, far)
        lastcall.sleep(0)
        assert.equal("waiting", (task:status()))
        task:cancel()
      end
      for _, wrong in ipairs { 0 / 0, "soon", {} } do
        assert.is_false(pcall(lastcall.sleep, wrong))
        assert.is_false(pcall(lastcall.context.with_timeout, nil, wrong))
        assert.is_false(pcall(lastcall.go(print).wait, lastcall.go(print), wrong))
      end
    end)
  end)

  it("waits across pcall, metamethods, iterators and error handlers", function()
    helper.task(function(lastcall)
      local object = setmetatable({}, {
        __index = function() return lastcall.sleep(0.001) end,
        __add = function() return lastcall.sleep(0.001) end,
        __call = function() return lastcall.sleep(0.001) end,
        __lt = function() return lastcall.sleep(0.001) end,
      })
      assert.is_true(object.anything)
      assert.is_true(object + 1)
      assert.is_true(object())
      assert.is_true(object < object)
      assert.same({ true, true }, { pcall(lastcall.sleep, 0.001) })
      for slept in function(_, before) return not before and lastcall.sleep(0.001) or nil end do
        assert.is_true(slept)
      end
      local function raise() error("x", 0) end
      assert.same({ false, "x" }, { pcall(function()
        lastcall.sleep(0.001)
        raise()
      end) })
    end)
  end)

  it("says what is wrong where it cannot wait, and goes on", function()
    helper.task(function(lastcall)
      local function sleep() lastcall.sleep(0.001) end
      for _, call in ipairs {
        function() table.sort({ 2, 1, 3 }, sleep) end,
        function() string.gsub("x", "x", sleep) end,
        function() load(function() sleep() end) end,
        function() tostring(setmetatable({}, { __tostring = sleep })) end,
      } do
        local _, err = pcall(call)
        assert.is_true(lastcall.sleep(0))
        if err then assert.matches("cannot wait here", err) end
      end
    end)
  end)

  it("that waits in a finalizer is told that it cannot", function()
    helper.task(function(lastcall)
      local err
      setmetatable({}, { __gc = function() err = select(2, pcall(lastcall.sleep, 1)) end })
      collectgarbage()
      collectgarbage()
      assert.matches("wait", err)
    end)
  end)
end)

describe("a killed task", function()
  -- A step of the task under test: where it may be when it is killed.
  local WAITS = {
    sleep = function(lastcall) return lastcall.sleep(60) end,
    channel = function(lastcall) return lastcall.channel():receive() end,
    select = function(lastcall) return lastcall.select { lastcall.channel() } end,
    yield = function() while true do coroutine.yield() end end,
    ["a task"] = function(lastcall) return lastcall.spawn(lastcall.sleep, 60):wait() end,
    ["a generator"] = function(lastcall) return coroutine.wrap(function() lastcall.sleep(60) end)() end,
    ["a call"] = function(lastcall)
      return lastcall.context.background():call(function() return lastcall.sleep(60) end)
    end,
    pcall = function(lastcall) return pcall(lastcall.sleep, 60) end,
  }

  for where, wait in pairs(WAITS) do
    it("[15] runs its <close> variables, each once, the innermost first: in " .. where, function()
      local order, codes = {}, {}
      local function note(lastcall, name)
        return setmetatable({}, { __close = function()
          order[#order + 1] = name
          codes[#codes + 1] = select(2, lastcall.sleep(1))
        end })
      end
      local report = helper.task(function(lastcall)
        lastcall.spawn(function()
          local _ <close> = note(lastcall, "outer")
          local function inner()
            local _ <close> = note(lastcall, "inner")
            repeat wait(lastcall) until false
          end
          inner()
        end)
        lastcall.sleep(0.01)
      end, { drain = { timeout = 0.4, grace = 0.05 } })
      assert.is_false(report.ok)
      assert.same({ "inner", "outer" }, order)
      assert.same({ "canceled", "canceled" }, codes)
    end)
  end
end)

describe("after its loop has gone", function()
  it("everything that is left says so, and nothing crashes", function()
    local output, fine = helper.run([[lua5.4 -e '
      local calls = {}
      local last = setmetatable({}, { __gc = function() -- made first, so finalized last
        for _, call in ipairs(calls) do pcall(call) end
        io.write("quiet")
      end })
      local lastcall = require "lastcall"
      local server = assert(lastcall.listen("127.0.0.1:0"))
      local ctx, cancel = lastcall.context.with_cancel()
      local channel = lastcall.channel()
      local task = lastcall.go(function() channel:receive() end)
      local conn, guard
      lastcall.go(function() conn = lastcall.connect(server:addresses()[1]) end)
      while not conn do lastcall.step(0.1) end
      guard = conn:work()
      conn:write("gathered")
      local stop = ctx:on_done(print)
      for i, call in ipairs {
        function() cancel() end, function() return ctx:done() end, function() return ctx:go(print) end,
        function() return task:cancel() end, function() return channel:send(1) end,
        function() return server:count() end, function() return lastcall.go(print) end,
        function() return lastcall.step() end, function() return lastcall.now() end,
        function() return conn:write("x") end, function() return conn:close() end,
        function() return conn:state() end, function() return conn:abort() end,
        function() return tostring(conn) end, function() return conn:setsockopt("nodelay", true) end,
        function() return conn:post("x") end, function() return conn:work() end, function() return guard:done() end,
        function() return conn.id end, function() return conn.data end, function() return server:addresses() end,
        function() return server:close() end, function() return tostring(server) end,
        function() return tostring(ctx) end, function() return ctx:value("x") end, function() return stop() end,
        function() return tostring(task) end, function() return lastcall.features.stop end,
        function() return lastcall.on_signal("HUP", print) end, function() return lastcall.shutdown() end,
      } do calls[i] = call end
    ']])
    assert.is_true(fine, output)
    assert.equal("quiet", output)
  end)
end)
