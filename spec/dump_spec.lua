local helper = require "spec.helper"
local lastcall = require "lastcall"

local function signal_ourselves(name)
  os.execute(("kill -%s %d"):format(name, helper.pid()))
end

local function hold(conn) conn:read() end

describe("lastcall.dump", function()
  it("names servers, connections and tasks, where each is blocked, and for how long", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, hold)
      local conn = assert(lastcall.connect(address))
      server:go(function() lastcall.sleep(60) end)
      local waiter = lastcall.go(function() lastcall.channel():receive() end)
      lastcall.sleep(0.2)
      local text = lastcall.dump()
      assert.truthy(text:find("^1 server, 1 connection, %d tasks\nserver " .. address:gsub("%p", "%%%0")), text)
      assert.truthy(text:find("\n  connection %d+ from 127%.0%.0%.1:%d+, %a+, 0%.%d s old, silent for"), text)
      assert.truthy(text:find("\n    task %d+, in read for 0%.%d s, at spec/dump_spec.lua:8 "), text)
      assert.truthy(text:find("\n  task %d+, in sleep for 0%.%d s, at spec/dump_spec.lua:%d+"), text)
      assert.truthy(text:find("\nprocess, serving\n", 1, true), text)
      assert.truthy(text:find("task %d+, in [%w:]*receive for 0%.%d s, at spec/dump_spec.lua"), text)
      assert.truthy(text:find("task %d+, running, at spec/dump_spec.lua:%d+"), text)
      waiter:cancel()
      conn:close()
    end, { drain = 0.5 })
  end)

  it("finds the line in the innermost coroutine; a task's traceback shows them all", function()
    helper.task(function()
      local function inner() lastcall.sleep(60) end
      local task = lastcall.go(function()
        coroutine.wrap(function() coroutine.wrap(inner)() end)()
      end)
      lastcall.sleep(0.05)
      local line = debug.getinfo(inner, "S").linedefined
      assert.truthy(lastcall.dump():find(("in sleep for 0%%.%%d s, at spec/dump_spec.lua:%d "):format(line)))
      local _, resumed = task:traceback():gsub("\nresumed by\n", "")
      assert.equal(2, resumed)
      task:cancel()
    end)
  end)

  it("works outside of a run, and with nothing there", function()
    assert.equal("0 servers, 0 connections, 0 tasks\nprocess, serving", lastcall.dump())
  end)

  it("is put into the log by SIGUSR1, unless the script has its own use for it", function()
    local texts, own = {}, 0
    helper.task(function()
      signal_ourselves "USR1"
      lastcall.sleep(0.1)
      assert.equal(1, #texts)
      assert.truthy(texts[1]:find("task %d+, in sleep for"), texts[1])
      local stop = lastcall.on_signal("USR1", function() own = own + 1 end)
      signal_ourselves "USR1"
      lastcall.sleep(0.1)
      assert.equal(1, own)
      assert.equal(1, #texts)
      stop()
      signal_ourselves "USR1"
      lastcall.sleep(0.1)
      assert.equal(2, #texts)
      assert.equal(1, own)
    end, { signals = {}, log = function(_, event, fields)
      if event == "dump" then texts[#texts + 1] = fields.text end
    end })
  end)

  it("leaves SIGUSR1 alone where it begins the shutdown", function()
    local report = lastcall.run(function()
      signal_ourselves "USR1"
      lastcall.sleep(60)
    end, { signals = { "USR1" }, drain = 2, log = function() end })
    assert.is_true(report.ok)
    assert.is_true(report.elapsed < helper.seconds(1))
  end)

  it("tells of a task that waits, however many coroutines deep", function()
    helper.task(function()
      local function nest(depth)
        if depth == 0 then return lastcall.sleep(60) end
        return (lastcall.coroutine.wrap(nest)(depth - 1))
      end
      for _, depth in ipairs { 9, 12, 40, 120 } do
        local task = lastcall.go(nest, depth)
        lastcall.sleep(0)
        assert.truthy(lastcall.dump():find("dump_spec.lua", 1, true))
        local _, levels = task:traceback():gsub("resumed by", "")
        assert.equal(depth, levels)
        task:cancel()
        task:wait()
      end
    end)
  end)

  it("tells of what holds the loop, or has to be ended by force, however many coroutines deep", function()
    local traces = {}
    local report = lastcall.run(function()
      local function nest(depth)
        if depth > 0 then return (lastcall.coroutine.wrap(nest)(depth - 1)) end
        local began = lastcall.now()
        while lastcall.now() < began + 0.3 do end
        while true do lastcall.sleep(60) end
      end
      lastcall.go(nest, 60)
      lastcall.sleep(0.01)
      lastcall.shutdown()
    end, { drain = 0.5, signals = false, max_block = 0.05, exit_when_stuck = false,
      log = function(_, event, fields) if event == "loop blocked" then traces[1] = fields.traceback end end })
    assert.truthy(traces[1]:find("dump_spec.lua", 1, true))
    local _, levels = report.stragglers[1].traceback:gsub("resumed by", "")
    assert.equal(60, levels)
  end)
end)
