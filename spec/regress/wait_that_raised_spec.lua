local helper = require "spec.helper"

-- coroutine.create as Lua has it: lastcall does not know what is made with it.
local create, resume = coroutine.create, coroutine.resume

--- Runs `wait`, which raises, because it is called where nothing can wait.
local function in_vain(wait)
  local fine, message = resume(create(wait))
  assert.is_false(fine)
  assert.is_truthy(message:find("cannot wait", 1, true), message)
end

describe("a wait that raised", function()
  it("takes no value that is sent to the channel later", function()
    helper.task(function(lastcall)
      local channel = lastcall.channel()
      in_vain(function() channel:receive() end)
      in_vain(function() lastcall.select { channel } end)
      assert.is_false((pcall(table.sort, { 1, 2 }, function() channel:receive() end)))
      assert.equal("timeout", select(2, channel:send("lost?", 0)))
      lastcall.go(function() channel:send("found") end)
      assert.equal("found", channel:receive(helper.seconds(1)))
    end)
  end)

  it("sends nothing", function()
    helper.task(function(lastcall)
      local channel = lastcall.channel()
      in_vain(function() channel:send("unheard") end)
      assert.equal("timeout", select(2, channel:receive(0)))
    end)
  end)

  it("takes no permit of a semaphore", function()
    helper.task(function(lastcall)
      local semaphore = lastcall.semaphore(1)
      semaphore:acquire()
      in_vain(function() semaphore:acquire() end)
      semaphore:release()
      assert.is_true(semaphore:acquire(0))
    end)
  end)
end)
