-- scripts/test: fast clock
local helper = require "spec.helper"
local system = require "spec_system"

--- The straggler that is task, or waits in, `what`.
local function straggler(report, what)
  for _, one in ipairs(report.stragglers) do
    if one.waits_for == what then return one end
  end
end

--- One task was cut, in `what`, by the process's shutdown; the report names it, and is not clean.
local function assert_cut(report, what)
  local text = tostring(report)
  assert.is_true(report.ok, text)
  assert.is_false(report.clean, text)
  assert.equal(1, report.tasks_canceled, text)
  local one = assert(straggler(report, what), text)
  assert.equal("canceled", one.fate)
  assert.matches("cut_spec.lua:%d+", one.traceback)
  assert.matches("1 task canceled", text)
end

describe("a task that a shutdown cancels at work", function()
  local WORK = {
    sleep = function(lastcall) lastcall.sleep(60) end,
    ["channel:send"] = function(lastcall) lastcall.channel():send "result" end,
    select = function(lastcall) lastcall.select { { lastcall.channel(), "result" }, lastcall.channel() } end,
    ["waitgroup:wait"] = function(lastcall)
      local pending = lastcall.waitgroup()
      pending:add()
      pending:wait()
    end,
    ["task:wait"] = function(lastcall)
      lastcall.go(function() lastcall.channel():receive() end):wait()
    end,
  }
  for what, work in pairs(WORK) do
    it(("is counted and listed: one of the process, in %s"):format(what), function()
      local report = helper.task(function(lastcall)
        lastcall.spawn(work, lastcall)
        lastcall.sleep(0.05)
      end, { drain = { timeout = 3, quiet = 0.05 } })
      assert_cut(report, what)
    end)
  end

  it("is counted and listed: run's own function, and one in a generator", function()
    local report = require "lastcall".run(function()
      local lastcall = require "lastcall"
      lastcall.spawn(function() lastcall.shutdown() end)
      for _ in coroutine.wrap(function() lastcall.sleep(60) end) do error "no value" end
    end, { signals = false })
    assert_cut(report, "sleep")
  end)

  it("is counted and listed: one of a server, in the server's report too", function()
    local mine
    local report = helper.task(function(lastcall)
      local server = helper.serve(lastcall, helper.echo)
      server:go(function() lastcall.sleep(60) end)
      lastcall.sleep(0)
      server:shutdown(1)
      mine = server:wait()
    end)
    assert_cut(mine, "sleep")
    assert_cut(report, "sleep")
  end)

  it("is counted and listed: one of a connection that the drain closes as idle", function()
    local report = helper.task(function(lastcall)
      local _, address = helper.serve(lastcall, function(conn)
        for line in conn:lines() do
          lastcall.go(function() lastcall.sleep(60) end)
          conn:write(line, "\n")
        end
      end)
      local client = helper.spoken(address)
      lastcall.shutdown()
      assert.is_nil(client:read())
      client:close()
    end)
    assert_cut(report, "sleep")
    assert.equal(1, report.closed_idle)
  end)

  it("is counted and listed: one of such a connection, in a context of the task's own", function()
    local report = helper.task(function(lastcall)
      local _, address = helper.serve(lastcall, function(conn, ctx)
        local narrower = lastcall.context.with_timeout(ctx, 50)
        for line in conn:lines() do
          narrower:go(function() lastcall.sleep(60) end)
          conn:write(line, "\n")
        end
      end)
      local client = helper.spoken(address)
      lastcall.shutdown()
      assert.is_nil(client:read())
      client:close()
    end)
    assert_cut(report, "sleep")
  end)

  it("is counted as left when it has to be killed, at rest or not, and the report is not ok", function()
    local report = helper.task(function(lastcall)
      local apart = lastcall.context.without_cancel()
      apart:go(function() lastcall.sleep(60) end)
      apart:go(function() lastcall.channel():receive() end)
      lastcall.sleep(0)
    end, { drain = 1 })
    assert.is_false(report.ok)
    assert.equal(0, report.tasks_canceled)
    assert.equal(2, report.tasks_left)
    for _, what in ipairs { "sleep", "channel:receive" } do
      assert.equal("killed", assert(straggler(report, what)).fate)
    end
  end)
end)

describe("a task that a shutdown cancels at rest", function()
  local REST = {
    receive = function(lastcall) return lastcall.channel():receive() end,
    iter = function(lastcall) for _ in lastcall.channel():iter() do error "no value" end end,
    select = function(lastcall, ctx) return lastcall.select { lastcall.channel(), ctx, timeout = 60 } end,
    acquire = function(lastcall)
      local permits = lastcall.semaphore(1)
      permits:acquire()
      return permits:acquire()
    end,
    ["ctx:wait"] = function(_, ctx) return ctx:wait() end,
    poll = function(lastcall, _, fd) return lastcall.poll(fd) end,
    ["poll for a time"] = function(lastcall) return lastcall.poll { timeout = 60 } end,
    every = function(lastcall) return lastcall.every(60, function() end) end,
    on_signal = function(lastcall) return lastcall.on_signal("USR2", function() end) end,
  }

  --- Runs each of them in a task that `start(lastcall, server)` starts.
  local function all_at_rest(start)
    local lastcall = require "lastcall"
    return helper.task(function(_, ctx)
      local server = helper.serve(lastcall, helper.echo)
      local reading, writing = system.pipe()
      for _, wait in pairs(REST) do start(server, wait, lastcall, ctx, reading) end
      lastcall.sleep(0.05)
      lastcall.shutdown(2)
      server:wait()
      lastcall.on_shutdown("close the pipe", function()
        system.close(reading)
        system.close(writing)
      end)
    end)
  end

  it("cuts nothing: of the process", function()
    local report = all_at_rest(function(_, ...) require "lastcall".spawn(...) end)
    assert.equal(0, report.tasks_canceled + report.tasks_left + #report.stragglers, tostring(report))
    assert.is_true(report.ok)
  end)

  it("cuts nothing: of a server", function()
    local report = all_at_rest(function(server, ...) server:go(...) end)
    assert.equal(0, report.tasks_canceled + report.tasks_left + #report.stragglers, tostring(report))
    assert.is_true(report.ok)
  end)

  it("cuts nothing: of a connection, in accept, and with a server that is closed at once", function()
    local report = helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, function(conn)
        for line in conn:lines() do
          lastcall.go(function() lastcall.channel():receive() end)
          conn:write(line, "\n")
        end
      end)
      local by_hand = assert(lastcall.listen "127.0.0.1:0")
      by_hand:go(function() by_hand:accept() end)
      by_hand:go(function() lastcall.channel():receive() end)
      local client = helper.spoken(address)
      by_hand:close()
      server:shutdown(2)
      assert.is_nil(client:read())
      client:close()
      assert.is_true(by_hand:wait().ok, tostring(by_hand:report()))
      helper.assert_clean(server:wait())
    end)
    assert.equal(0, report.tasks_canceled + report.tasks_left + #report.stragglers, tostring(report))
  end)

  it("is cut all the same when it has been handed something a moment before", function()
    local report = helper.task(function(lastcall)
      local server = helper.serve(lastcall, helper.echo)
      local jobs = lastcall.channel()
      server:go(function()
        jobs:receive()
        lastcall.sleep(60)
      end)
      lastcall.sleep(0)
      jobs:send "job"
      server:shutdown(0)
      server:wait()
    end)
    assert.is_false(report.clean)
    assert.equal(1, report.tasks_canceled)
  end)

  -- A program reads from a source, which has said `piece` and stays there, until it is told to stop.
  local function stopped_reader(reads, piece)
    return helper.task(function(lastcall)
      local source, address = helper.serve(lastcall, function(conn)
        if piece then conn:write(piece) end
        local fd, _, ticket = conn:detach()
        lastcall.on_shutdown("close the source", function() system.close(fd) end)
        ticket:done()
      end)
      lastcall.spawn(reads, assert(lastcall.connect(address)))
      lastcall.sleep(0.05)
      lastcall.shutdown(2)
      source:wait()
    end)
  end

  it("cuts nothing: in await on a connection that the script has opened, or adopted", function()
    local function subscribe(conn)
      while conn:await() do conn:read() end
    end
    local function subscribe_after_some(conn)
      conn:read()
      conn:await(60)
    end
    for _, one in ipairs { { subscribe }, { subscribe_after_some, "news\n" } } do
      local report = stopped_reader(table.unpack(one))
      assert.equal(0, report.tasks_canceled + report.tasks_left + #report.stragglers, tostring(report))
    end
    local reading, writing = system.pipe()
    local report = helper.task(function(lastcall)
      local input = lastcall.adopt(reading)
      lastcall.spawn(input.await, input)
      lastcall.sleep(0.05)
      lastcall.shutdown(2)
    end)
    system.close(writing)
    assert.equal(0, report.tasks_canceled + #report.stragglers, tostring(report))
  end)

  it("is cut in a read, and once a piece has begun", function()
    for _, one in ipairs {
      { function(conn) conn:read() end },
      { function(conn)
        conn:await()
        conn:read()
      end, "half a line" },
    } do
      assert.equal(1, stopped_reader(table.unpack(one)).tasks_canceled)
    end
  end)
end)
