local helper = require "spec.helper"
local own = coroutine -- the standard one: here, before any run

local function quiet() end

describe("lastcall.coroutine", function()
  local lastcall = require "lastcall"
  local co = lastcall.coroutine

  for _, where in ipairs { "outside a task", "in a task" } do
    local function it_does(what, body)
      it("does as the standard one, " .. where .. ": " .. what, function()
        if where == "in a task" then helper.task(function() body(co) end) else body(co) end
      end)
    end

    it_does("values go in and come out", function(c)
      local gen = c.create(function(a, b)
        local x, y, z = c.yield(a + b, nil, "third")
        c.yield(x, y, z, nil)
        return "end", nil
      end)
      assert.equal("suspended", c.status(gen))
      assert.same({ true, 3, nil, "third", n = 4 }, table.pack(c.resume(gen, 1, 2)))
      assert.same({ true, 7, nil, 8, nil, n = 5 }, table.pack(c.resume(gen, 7, nil, 8)))
      assert.same({ true, "end", nil, n = 3 }, table.pack(c.resume(gen)))
      assert.equal("dead", c.status(gen))
      assert.same({ false, "cannot resume dead coroutine" }, { c.resume(gen) })
    end)

    it_does("errors, of any type, come through, and the stack is there to look at", function(c)
      local gen = c.create(function() error({ 1 }) end)
      local fine, err = c.resume(gen)
      assert.is_false(fine)
      assert.same({ 1 }, err)
      assert.truthy(debug.traceback(gen):find("coroutine_spec.lua", 1, true))
      local message = select(2, pcall(c.wrap(function() error("boom") end)))
      assert.truthy(message:find("boom", 1, true))
      local bad = select(2, pcall(c.wrap(function() error({ 2 }) end)))
      assert.same({ 2 }, bad)
    end)

    it_does("status, running, isyieldable and close", function(c)
      local inner, outer
      outer = c.create(function()
        inner = c.create(function()
          assert.equal("normal", c.status(outer))
          assert.equal("running", c.status((c.running())))
          assert.is_true(c.isyieldable())
          assert.same({ false, "cannot resume non-suspended coroutine" }, { c.resume(outer) })
          c.yield()
        end)
        assert.is_true(c.resume(inner))
      end)
      assert.is_true(c.resume(outer))
      assert.equal("dead", c.status(outer))
      assert.equal("suspended", c.status(inner))
      assert.is_true(c.close(inner))
      assert.equal("dead", c.status(inner))
      local closed = {}
      local holder = c.create(function()
        local _ <close> = setmetatable({}, { __close = function() closed[#closed + 1] = "ran" end })
        c.yield()
      end)
      c.resume(holder)
      assert.is_true(c.close(holder))
      assert.same({ "ran" }, closed)
      local failing = c.create(function()
        local _ <close> = setmetatable({}, { __close = function() error("in close", 0) end })
        c.yield()
      end)
      c.resume(failing)
      assert.same({ false, "in close" }, { c.close(failing) })
    end)

    it_does("wrong arguments raise", function(c)
      assert.has_error(function() c.create(1) end)
      assert.has_error(function() c.wrap(nil) end)
      assert.has_error(function() c.resume("x") end)
      assert.has_error(function() c.close((c.running())) end)
    end)
  end

  it("suspends the whole task at a wait inside a generator, at any depth [16]", function()
    helper.task(function()
      local seen = {}
      local function numbers(depth)
        return co.wrap(function()
          for i = 1, 3 do
            lastcall.sleep(0.005)
            if depth > 1 then
              for n in numbers(depth - 1) do co.yield(i * 10 + n) end
            else
              co.yield(i)
            end
          end
        end)
      end
      local ticks = 0
      local ticker = lastcall.go(function()
        while lastcall.sleep(0.002) do ticks = ticks + 1 end
      end)
      for n in numbers(3) do seen[#seen + 1] = n end
      assert.equal(27, #seen)
      assert.same({ 21, 22, 23 }, { seen[1], seen[2], seen[3] }) -- 10 + 11, 10 + 12, ...
      assert.is_true(ticks > 3, "the others did not run meanwhile")
      ticker:cancel()
    end)
  end)

  it("reads a connection from inside a generator, and keeps the results of every wait", function()
    helper.task(function()
      local _, address = helper.serve(lastcall, function(conn)
        local words = coroutine.wrap(function() -- lastcall's, in a run
          for line in conn:lines() do
            for word in line:gmatch("%S+") do coroutine.yield(word) end
          end
        end)
        for word in words do conn:write(word:upper(), "\n") end
      end)
      local conn = assert(lastcall.connect(address))
      for i = 1, 5 do
        conn:write(("a%d b%d\n"):format(i, i))
        assert.equal("A" .. i, conn:read())
        assert.equal("B" .. i, conn:read())
      end
      conn:close()
    end)
  end)

  it("is put in place of the global one by run and serve, and taken away again", function()
    assert.equal(own, coroutine)
    helper.task(function()
      assert.equal(lastcall.coroutine, coroutine)
      assert.equal(lastcall.coroutine, require "coroutine")
    end)
    assert.equal(own, coroutine)
    assert.equal(own, require "coroutine")
    helper.task(function() assert.equal(own, coroutine) end, { patch_coroutine = false })
    local fine = pcall(lastcall.run, function() end, { signals = { "KILL" } })
    assert.is_false(fine)
    assert.equal(own, coroutine)
  end)

  it("cannot help a coroutine it does not know: a wait there raises, and says what to do", function()
    helper.task(function()
      local foreign = own.wrap(function() return pcall(lastcall.sleep, 0.01) end)
      local fine, message = foreign()
      assert.is_false(fine)
      assert.truthy(message:find("sleep cannot wait inside a coroutine that lastcall does not know", 1, true))
      assert.truthy(message:find("lastcall.coroutine", 1, true))
      -- A known one inside an unknown one is no better.
      local nested = own.wrap(function()
        return co.wrap(function() return pcall(lastcall.sleep, 0.01) end)()
      end)
      fine, message = nested()
      assert.is_false(fine)
      assert.truthy(message:find("does not know", 1, true))
    end)
  end)

  it("cannot wait across a C function: raises, and the task goes on", function()
    helper.task(function()
      local gen = co.wrap(function() while true do co.yield(pcall(lastcall.sleep, 0.01)) end end)
      local text = ("x"):gsub("x", function()
        local fine, message = gen()
        assert.is_false(fine)
        assert.truthy(message:find("cannot be suspended", 1, true))
        return "y"
      end)
      assert.equal("y", text)
      assert.is_true((gen())) -- outside gsub it can
    end)
  end)

  it("does not let anybody else resume what waits with its task", function()
    helper.task(function()
      local inner, root
      local waiter = lastcall.go(function()
        root = co.running()
        inner = co.create(function() return lastcall.sleep(0.1) end)
        return co.resume(inner)
      end)
      lastcall.sleep(0.02)
      for _, one in ipairs { inner, root } do
        assert.equal("normal", co.status(one))
        assert.same({ false, "cannot resume non-suspended coroutine" }, { co.resume(one) })
        assert.has_error(function() co.close(one) end, "cannot close a normal coroutine")
        assert.is_true(own.resume(one)) -- by a way we are not told of: nothing happens
        assert.is_true(own.resume(one))
      end
      assert.same({ true, true }, { waiter:wait() })
      assert.equal("dead", co.status(inner))
    end)
  end)

  it("lets the others run at a yield of the task itself", function()
    helper.task(function()
      local order = {}
      local first = lastcall.go(function()
        for i = 1, 3 do
          order[#order + 1] = "a" .. i
          co.yield()
        end
      end)
      local second = lastcall.go(function()
        for i = 1, 3 do
          order[#order + 1] = "b" .. i
          co.yield()
        end
      end)
      first:wait()
      second:wait()
      assert.same({ "a1", "b1", "a2", "b2", "a3", "b3" }, order)
    end)
  end)

  it("is closed innermost first when its task is killed, and no wait holds that up", function()
    local order = {}
    local function noted(name)
      return setmetatable({}, { __close = function()
        order[#order + 1] = name
        order[#order + 1] = select(2, lastcall.sleep(10))
      end })
    end
    local report = lastcall.run(function()
      lastcall.spawn(function()
        local _ <close> = noted "task"
        co.wrap(function()
          local _ <close> = noted "outer"
          co.wrap(function()
            local _ <close> = noted "inner"
            while true do lastcall.sleep(60) end
          end)()
        end)()
      end)
      lastcall.sleep(0.02)
      lastcall.shutdown()
    end, { drain = 0.5, signals = false, on_error = quiet })
    assert.same({ "inner", "canceled", "outer", "canceled", "task", "canceled" }, order)
    local trace = report.stragglers[1].traceback
    local _, levels = trace:gsub("coroutine_spec%.lua", "")
    assert.is_true(levels >= 3, trace)
    assert.truthy(trace:find("resumed by", 1, true))
  end)

  it("tells an error in a <close> of a generator whose task is killed", function()
    local errors = {}
    lastcall.run(function()
      lastcall.spawn(function()
        co.wrap(function()
          local _ <close> = setmetatable({}, { __close = function() error("in close", 0) end })
          while true do lastcall.sleep(60) end
        end)()
      end)
      lastcall.sleep(0.02)
      lastcall.shutdown()
    end, { drain = 0.3, signals = false, on_error = function(err) errors[#errors + 1] = err end })
    assert.same({ "in close" }, errors)
  end)

  it("leaves nothing in memory", function()
    helper.task(function()
      local function round()
        for _ = 1, 2000 do
          local gen = co.wrap(function()
            lastcall.sleep(0)
            co.yield(1)
            lastcall.sleep(0)
          end)
          gen()
          gen()
        end
        collectgarbage()
        collectgarbage()
        return collectgarbage("count")
      end
      local before = round()
      assert.is_true(round() < before + 50)
    end)
  end)
end)
