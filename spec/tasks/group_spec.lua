local helper = require "spec.helper"

describe("a group", function()
  it("of nothing is done at once", function()
    helper.task(function(lastcall) assert.is_true(lastcall.group():wait()) end)
  end)

  it("waits for all of its tasks", function()
    helper.task(function(lastcall)
      local group, done = lastcall.group(), 0
      for i = 1, 5 do
        group:go(function(n)
          lastcall.sleep(n / 1000)
          done = done + 1
        end, i)
      end
      assert.is_true(group:wait())
      assert.equal(5, done)
      assert.is_true(group:context():done())
    end)
  end)

  it("tells the first error, raised or returned, and cancels the others", function()
    helper.task(function(lastcall)
      for _, fail in ipairs { function() error("first", 0) end, function() return nil, "first" end } do
        local group, code = lastcall.group(), nil
        group:go(function() code = select(2, lastcall.sleep(10)) end)
        group:go(function()
          lastcall.sleep(0.01)
          return fail()
        end)
        local fine, err = group:wait()
        assert.is_nil(fine)
        assert.equal("first", err)
        assert.equal("canceled", code)
        assert.equal("first", group:context():cause())
      end
    end)
  end)

  it("tells where an error that is not a string was raised", function()
    helper.task(function(lastcall)
      local group, wrong = lastcall.group(), { code = 7 }
      group:go(function() error(wrong) end)
      local _, err, traceback = group:wait()
      assert.equal(wrong, err)
      assert.matches("group_spec.lua:%d+", traceback)
    end)
  end)

  it("runs no more at once than its limit", function()
    helper.task(function(lastcall)
      local group, now, most = lastcall.group(), 0, 0
      group:set_limit(3)
      for _ = 1, 12 do
        group:go(function()
          now = now + 1
          most = math.max(most, now)
          lastcall.sleep(0.002)
          now = now - 1
        end)
      end
      assert.is_true(group:wait())
      assert.equal(3, most)
      assert.error_matches(function() group:go(print) end, "make a new one")
      assert.error_matches(function() lastcall.group():set_limit(0) end, "1 or more")
    end)
  end)

  it("ends with the context it was made in", function()
    helper.task(function(lastcall)
      local ctx, cancel = lastcall.context.with_cancel()
      local group, code = lastcall.group(ctx), nil
      group:go(function() code = select(2, lastcall.sleep(10)) end)
      lastcall.go(cancel)
      assert.is_true(group:wait())
      assert.equal("canceled", code)
    end)
  end)
end)

describe("a wait group", function()
  it("lets everybody go when it comes to zero, and can be used again", function()
    helper.task(function(lastcall)
      local group, woken = lastcall.waitgroup(), 0
      assert.is_true(group:wait())
      for round = 1, 3 do
        group:add(2)
        for _ = 1, 4 do
          lastcall.go(function()
            assert(group:wait())
            woken = woken + 1
          end)
        end
        lastcall.sleep(0)
        group:done()
        lastcall.sleep(0)
        assert.equal((round - 1) * 4, woken)
        group:done()
        lastcall.sleep(0.001)
        assert.equal(round * 4, woken)
      end
    end)
  end)

  it("below zero raises, and a wait has its time", function()
    helper.task(function(lastcall)
      local group = lastcall.waitgroup()
      assert.error_matches(function() group:done() end, "more often than add")
      group:add(1)
      assert.error_matches(function() group:add(-2) end, "more often than add")
      assert.error_matches(function() group:add(0.5) end, "whole number")
      assert.equal("timeout", select(2, group:wait(0.01)))
      group:done()
    end)
  end)
end)

describe("a semaphore", function()
  it("gives its permits in the order they were asked for", function()
    helper.task(function(lastcall)
      local semaphore, order = lastcall.semaphore(1), {}
      assert.is_true(semaphore:acquire())
      for i = 1, 3 do
        lastcall.go(function()
          semaphore:acquire()
          order[#order + 1] = i
          semaphore:release()
        end)
      end
      lastcall.sleep(0)
      semaphore:release()
      lastcall.sleep(0.001)
      assert.same({ 1, 2, 3 }, order)
    end)
  end)

  it("has its time, and raises when it is given back too often", function()
    helper.task(function(lastcall)
      local semaphore = lastcall.semaphore(1)
      semaphore:acquire()
      assert.equal("timeout", select(2, semaphore:acquire(0.01)))
      semaphore:release()
      assert.error_matches(function() semaphore:release() end, "more often than acquire")
      assert.error_matches(function() lastcall.semaphore(0) end, "1 or more")
    end)
  end)
end)
