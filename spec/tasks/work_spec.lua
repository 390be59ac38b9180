-- scripts/test: fast clock
local helper = require "spec.helper"

--- The drain has begun.
local function drains(ctx) return ctx:until_drain():wait() end

describe("lastcall.work", function()
  it("has a drain wait for run's own function, without any server", function()
    local lastcall = require "lastcall"
    local slept
    local report = lastcall.run(function()
      local _ <close> = lastcall.work "main"
      lastcall.shutdown()
      slept = lastcall.sleep(0.3)
    end, { signals = false, drain = 5 })
    assert.is_true(slept)
    helper.assert_clean(report)
    assert.is_true(report.elapsed >= 0.25)
    assert.is_true(report.elapsed < helper.seconds(3))
  end)

  it("lets a worker finish the job it is at, and no other", function()
    local done, left = 0, nil
    local report = helper.task(function(lastcall, ctx)
      local queue, between = lastcall.channel(10), ctx:until_drain()
      for i = 1, 5 do queue:send(i) end
      lastcall.spawn(function()
        while true do
          local job = between:call(queue.receive, queue)
          if not job then break end
          local _ <close> = lastcall.work "job"
          lastcall.sleep(0.2)
          done = done + 1
        end
        left = queue:count()
      end)
      lastcall.sleep(0)
    end)
    assert.same({ 1, 4 }, { done, left })
    helper.assert_clean(report)
  end)

  it("works a queue off when whoever queues a job takes its guard, also after the connections are gone", function()
    local done = 0
    local report = helper.task(function(lastcall)
      local queue = lastcall.channel(10)
      lastcall.spawn(function()
        for job in queue:iter() do
          lastcall.sleep(0.05)
          done = done + 1
          job:done()
        end
      end)
      local _, address = helper.serve(lastcall, function(conn)
        for line in conn:lines() do
          for _ = 1, 5 do queue:send(lastcall.work(line)) end
          conn:write "queued\n"
        end
      end)
      local client = helper.ask(address, "resize")
      assert.equal("queued", client:read())
      client:close()
    end)
    assert.equal(5, done)
    helper.assert_clean(report)
  end)

  it("does not end the drain between two jobs, nor while a job is handed from task to task", function()
    local steps = {}
    local report = helper.task(function(lastcall)
      local first, second = lastcall.channel(), lastcall.channel()
      lastcall.spawn(function()
        for i = 1, 3 do
          do
            local _ <close> = lastcall.work()
            lastcall.sleep(0.02)
          end
          first:send(i) -- with no guard: the next is ready, and takes its own
        end
      end)
      lastcall.spawn(function() for i in first:iter() do second:send(i) end end)
      lastcall.spawn(function()
        for i in second:iter() do
          local _ <close> = lastcall.work()
          lastcall.sleep(0.02)
          steps[#steps + 1] = i
        end
      end)
      lastcall.sleep(0)
    end)
    assert.same({ 1, 2, 3 }, steps)
    helper.assert_clean(report)
  end)

  it("holds nothing after cancel; the report names it and where it was taken", function()
    local kept
    local report = helper.task(function(lastcall)
      kept = lastcall.work "forgotten"
      lastcall.spawn(function()
        local _ <close> = lastcall.work()
        lastcall.sleep(60)
      end)
      lastcall.sleep(0)
    end, { drain = 1 })
    kept:done()
    local text = tostring(report)
    assert.is_true(report.ok, text)
    assert.is_false(report.clean)
    assert.equal(2, report.work_left)
    assert.equal(1, report.tasks_canceled)
    assert.is_truthy(report.steps.cancel)
    assert.is_true(report.elapsed < helper.seconds(1.5))
    assert.matches("work 'forgotten', held after %d+%.%d s, taken at [^\n]*work_spec.lua:%d+", text)
    assert.matches("work, held after %d+%.%d s, taken at [^\n]*work_spec.lua:%d+", text)
  end)

  it("holds nothing after a second call that shortens the drain, with a connection under way", function()
    local report = helper.task(function(lastcall, ctx)
      local _, address = helper.serve(lastcall, function(conn)
        conn:read()
        local _ <close> = lastcall.work "in a handler"
        lastcall.sleep(60)
      end)
      local client = helper.ask(address, "x")
      lastcall.spawn(function()
        drains(ctx)
        lastcall.shutdown(0.2)
      end)
      lastcall.shutdown()
      client:read()
      client:close()
    end)
    assert.equal(1, report.work_left)
    assert.equal(1, report.canceled)
  end)

  it("is let go and told to the log when it is collected while held", function()
    local said = {}
    local report = helper.task(function(lastcall)
      lastcall.work "lost"
      lastcall.spawn(function()
        local mine <close> = lastcall.work "mine"
        lastcall.shutdown()
        collectgarbage()
        collectgarbage()
        lastcall.sleep(0.05)
        assert.is_userdata(mine)
      end):wait()
    end, { log = helper.apart_from_shutdown(function(level, event, fields)
      said[#said + 1] = { level, event, fields }
    end) })
    helper.assert_clean(report)
    assert.equal(1, #said)
    assert.same({ "warning", "work guard lost" }, { said[1][1], said[1][2] })
    assert.equal("lost", said[1][3].name)
    assert.matches("work_spec.lua:%d+", said[1][3].taken)
  end)

  it("ends once, and may be taken before a run begins", function()
    local lastcall = require "lastcall"
    local early = lastcall.work "early"
    local slept
    local report = lastcall.run(function()
      lastcall.spawn(function()
        lastcall.shutdown()
        slept = lastcall.sleep(0.1)
        early:done()
        early:done()
      end)
    end, { signals = false })
    assert.is_true(slept)
    helper.assert_clean(report)
    assert.error_matches(function() lastcall.work(1) end, "name for the report")
  end)

  it("is not waited for beyond quiet when a task is always ready and none is held", function()
    local report = helper.task(function(lastcall, ctx)
      lastcall.spawn(function()
        while not ctx:done() do lastcall.coroutine.yield() end
      end)
    end, { drain = { timeout = 10, quiet = 0.1 } })
    assert.is_true(report.ok)
    assert.is_true(report.elapsed < helper.seconds(5))
  end)
end)
