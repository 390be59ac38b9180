local helper = require "spec.helper"

describe("every", function()
  it("calls again and again, whatever one call raises, until it is canceled", function()
    local errors = {}
    helper.task(function(lastcall)
      local count = 0
      local task = lastcall.every(0.01, function()
        count = count + 1
        if count == 2 then error("second", 0) end
      end)
      while count < 4 do lastcall.sleep(0.005) end
      task:cancel()
      task:wait()
      local last = count
      lastcall.sleep(0.03)
      assert.equal(last, count)
    end, { on_error = function(err) errors[#errors + 1] = err end })
    assert.same({ "second" }, errors)
  end)

  it("finishes the call it is in when a drain begins, and begins no other", function()
    local calls, slept = 0, nil
    local report = helper.task(function(lastcall)
      lastcall.every(0.01, function()
        calls = calls + 1
        slept = lastcall.sleep(0.2)
      end)
      while calls == 0 do lastcall.sleep(0.005) end
    end)
    assert.is_true(slept)
    assert.equal(1, calls)
    helper.assert_clean(report)
  end)

  it("is canceled in a call that takes longer than the drain, which the report names", function()
    local code, begun
    local report = helper.task(function(lastcall)
      lastcall.every(0.01, function()
        begun = true
        code = select(2, lastcall.sleep(60))
      end)
      while not begun do lastcall.sleep(0.005) end
    end, { drain = 0.5 })
    assert.equal("canceled", code)
    assert.is_true(report.ok)
    assert.is_false(report.clean)
    assert.equal(1, report.work_left)
    assert.matches("work 'every', held after %d+%.%d s, taken at [^\n]*every_spec.lua:%d+", tostring(report))
  end)

  it("skips the moments that a slow call has missed", function()
    helper.task(function(lastcall)
      local count = 0
      local task = lastcall.every(0.005, function()
        count = count + 1
        lastcall.sleep(0.05)
      end)
      lastcall.sleep(0.22)
      task:cancel()
      assert.is_true(count <= 6)
    end)
  end)

  it("keeps to its moments after a slow call, and makes up for none", function()
    helper.task(function(lastcall)
      --- Seconds between the end of a call that took a little longer than the time and the next.
      local function pause()
        local ended, following
        local task = lastcall.every(0.2, function()
          if ended then
            following = following or lastcall.now()
          else
            lastcall.sleep(0.22)
            ended = lastcall.now()
          end
        end)
        while not following do lastcall.sleep(0.01) end
        task:cancel()
        return following - ended
      end
      assert.is_true(math.max(pause(), pause(), pause()) > 0.05) -- one of them the machine has not delayed
    end)
  end)

  it("raises for a time that is none", function()
    helper.task(function(lastcall)
      for _, wrong in ipairs { 0, -1, 0 / 0, math.huge, "1" } do
        assert.error_matches(function() lastcall.every(wrong, print) end, "more than 0")
      end
      assert.error_matches(function() lastcall.every(1) end, "function")
    end)
  end)
end)

describe("on_signal", function()
  local function raise(lastcall, name)
    os.execute(("kill -%s %d"):format(name, helper.pid()))
    lastcall.sleep(0.02)
  end

  it("comes first: a run that would begin its shutdown with the signal raises, and takes nothing away", function()
    local lastcall = require "lastcall"
    local cancel = lastcall.on_signal("TERM", print)
    assert.error_matches(function() lastcall.run(print) end, "run: TERM has a function already")
    cancel()
    assert.is_true(lastcall.run(function() end).ok)
  end)

  it("runs each function as a task that may wait, until it is taken back", function()
    helper.task(function(lastcall)
      local seen = {}
      local cancel = lastcall.on_signal("SIGUSR2", function(name)
        lastcall.sleep(0.001)
        table.insert(seen, name)
      end)
      local other = lastcall.on_signal("USR2", function() table.insert(seen, "other") end)
      raise(lastcall, "USR2")
      assert.same({ "other", "USR2" }, seen)
      assert.is_true(other())
      raise(lastcall, "USR2")
      assert.equal(3, #seen)
      assert.is_true(cancel())
      assert.is_false(cancel())
    end)
  end)

  it("raises for the signals of the shutdown, and for those that cannot be had", function()
    helper.task(function(lastcall)
      assert.error_matches(function() lastcall.on_signal("TERM", print) end, "begins the shutdown.*signals")
      assert.error_matches(function() lastcall.on_signal("KILL", print) end, "KILL cannot be handled")
      assert.error_matches(function() lastcall.on_signal("NONE", print) end, "no signal named 'NONE'")
      assert.error_matches(function() lastcall.on_signal("HUP") end, "function")
    end, { signals = { "TERM" } })
  end)

  it("is forgotten when run ends", function()
    helper.task(function(lastcall) lastcall.on_signal("HUP", print) end)
    local status = io.open("/proc/self/status"):read("a")
    local caught = tonumber(status:match("SigCgt:%s*(%x+)"), 16)
    assert.equal(0, caught & 1)
  end)
end)
