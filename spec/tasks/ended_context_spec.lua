local helper = require "spec.helper"

describe("a context that has ended", function()
  --- Runs `body(lastcall, ended, q)` with a context that `how` has ended, and a channel that holds 1, 2, 3.
  local function with_ended(how, body)
    helper.task(function(lastcall, ctx)
      local q = lastcall.channel(10)
      for i = 1, 3 do q:send(i) end
      local ended, cancel = lastcall.context.with_cancel(ctx)
      if how == "timeout" then
        ended = lastcall.context.with_timeout(ctx, 0)
      elseif how == "draining" then
        ended = ctx:until_drain()
        lastcall.shutdown()
        ended:wait()
      else
        cancel()
      end
      body(lastcall, ended, q)
    end)
  end

  for how, code in pairs { canceled = "canceled", timeout = "timeout", draining = "canceled" } do
    it(("[9] takes nothing from a channel (%s)"):format(how), function()
      with_ended(how, function(lastcall, ended, q)
        helper.failure(code, ended:call(q.receive, q))
        helper.failure(code, ended:call(q.receive, q, 0))
        helper.failure(code, ended:call(lastcall.select, { q }))
        helper.failure(code, ended:call(lastcall.select, { lastcall.channel(), q, timeout = 1 }))
        ended:call(function()
          for _ in q:iter() do error "a value was taken" end
        end)
        assert.equal(3, q:count())
      end)
    end)
  end

  it("[9] takes nothing from a sender that waits, and lets a closed channel keep what it has", function()
    with_ended("canceled", function(lastcall, ended, q)
      local meeting, sent = lastcall.channel(), nil
      local sender = lastcall.go(function() sent = meeting:send "here" end)
      lastcall.sleep(0)
      helper.failure("canceled", ended:call(meeting.receive, meeting))
      helper.failure("canceled", ended:call(lastcall.select, { meeting }))
      assert.is_nil(sent)
      assert.equal("here", meeting:receive())
      sender:wait()
      q:close()
      helper.failure("canceled", ended:call(q.receive, q))
      assert.equal(3, q:count())
    end)
  end)

  it("[9] ends an iteration in a task that is canceled before it runs", function()
    with_ended("canceled", function(lastcall, _, q)
      local count = 0
      local task = lastcall.go(function()
        for _ in q:iter() do count = count + 1 end
      end)
      task:cancel()
      task:wait()
      assert.equal(0, count)
      assert.equal(3, q:count())
    end)
  end)

  it("[9] takes no permit", function()
    with_ended("canceled", function(lastcall, ended)
      local permits = lastcall.semaphore(1)
      helper.failure("canceled", ended:call(permits.acquire, permits))
      local group = lastcall.group(ended)
      group:set_limit(1)
      helper.failure("canceled", ended:call(group.go, group, function() end))
      assert.is_true(permits:acquire(0))
      permits:release()
    end)
  end)

  it("[9] still sends what need not wait", function()
    with_ended("canceled", function(lastcall, ended, q)
      assert.is_true(ended:call(q.send, q, "result"))
      assert.equal(2, (ended:call(lastcall.select, { q, { q, "another" } })))
      assert.equal(5, q:count())
      local meeting, got = lastcall.channel(), nil
      local receiver = lastcall.go(function() got = meeting:receive() end)
      lastcall.sleep(0)
      assert.is_true(ended:call(meeting.send, meeting, "met"))
      receiver:wait()
      assert.equal("met", got)
      helper.failure("canceled", ended:call(meeting.send, meeting, "nobody"))
    end)
  end)

  it("lets the others run while a task asks it again and again", function()
    with_ended("canceled", function(lastcall, ended, q)
      local others = false
      lastcall.go(function() others = true end)
      while not others do ended:call(q.receive, q) end
      assert.equal(3, q:count())
    end)
  end)
end)
