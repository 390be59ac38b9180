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
      assert.truthy(text:find "^1 server, 1 connection, %d tasks\nconnections: 1 %a+\ntasks: 1 in ", text)
      assert.truthy(text:find("\ntasks: 1 in read at spec/process/dump_spec.lua:8\n", 1, true), text)
      assert.truthy(text:find("\nserver " .. address .. ", serving\n", 1, true), text)
      assert.truthy(text:find("\n  connection %d+ from 127%.0%.0%.1:%d+, %a+, 0%.%d s old, silent for"), text)
      assert.truthy(text:find("\n    task %d+, in read for 0%.%d s, at spec/process/dump_spec.lua:8 "), text)
      assert.truthy(text:find("\n  task %d+, in sleep for 0%.%d s, at spec/process/dump_spec.lua:%d+"), text)
      assert.truthy(text:find("\nprocess, serving\n", 1, true), text)
      assert.truthy(text:find("task %d+, in [%w:]*receive for 0%.%d s, at spec/process/dump_spec.lua"), text)
      assert.truthy(text:find("task %d+, running, at spec/process/dump_spec.lua:%d+"), text)
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
      assert.truthy(lastcall.dump():find(("in sleep for 0%%.%%d s, at spec/process/dump_spec.lua:%d "):format(line)))
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
        local ends = os.clock() + 0.3 -- processor time: however little of it others leave
        while os.clock() < ends do end
        while true do lastcall.sleep(60) end
      end
      lastcall.go(nest, 60)
      lastcall.sleep(0.01)
      lastcall.shutdown()
    end, { drain = 0.5, signals = false, max_block = 0.05, exit_when_stuck = false,
      log = function(_, event, fields)
        -- On a busy machine, other pieces and whole turns take long, too; a turn has no traceback.
        if event == "loop blocked" then traces[#traces + 1] = fields.traceback end
      end })
    assert.truthy(table.concat(traces, "\n"):find("dump_spec.lua", 1, true))
    local _, levels = report.stragglers[1].traceback:gsub("resumed by", "")
    assert.equal(60, levels)
  end)

  describe("of many", function()
    local function lines_of(text) return select(2, text:gsub("\n", "")) + 1 end

    -- Counts the turns that another task gets while `fn` runs, whose result comes first.
    local function with_turns(fn)
      local turns, ended = 0, false
      lastcall.go(function()
        while not ended do
          lastcall.sleep(0)
          turns = turns + 1
        end
      end)
      lastcall.sleep(0)
      local before = turns
      local result = fn()
      ended = true
      return result, turns - before
    end

    it("connections counts them by state, and tells of a hundred, active ones first", function()
      helper.task(function()
        local clients = {}
        local server, address = helper.serve(lastcall, function(conn)
          if conn:read() == "work" then lastcall.sleep(60) end
          conn:await()
        end)
        for i = 1, 150 do clients[i] = helper.ask(address, i > 147 and "work" or "x") end
        while server:count "idle" < 147 or server:count "active" < 3 do lastcall.sleep(0.01) end
        local text = lastcall.dump()
        assert.truthy(text:find "^1 server, 150 connections, 1%d%d tasks\nconnections: 3 active, 147 idle\n", text)
        assert.truthy(text:find("\ntasks: 3 in sleep at spec/process/dump_spec.lua:%d+\n"), text)
        local states = {}
        for state in text:gmatch "\n  connection %d+ from [^,]+, (%a+)," do states[#states + 1] = state end
        assert.equal(100, #states)
        for i, state in ipairs(states) do assert.equal(i <= 3 and "active" or "idle", state) end
        assert.truthy(text:find("\nand 50 connections, 50 tasks more$"), text)
        for _, conn in ipairs(clients) do conn:abort() end
      end, { drain = 0.5 })
    end)

    it("connections at work tells of the oldest hundred, whichever server and place they have", function()
      helper.task(function()
        local function work(conn)
          conn:read()
          lastcall.sleep(60)
        end
        local one, address = helper.serve(lastcall, work)
        local other = assert(lastcall.listen("unix:" .. helper.socket_path()))
        lastcall.spawn(other.serve, other, work)
        local clients = {}
        local function add(to, count)
          local before = one:count() + other:count()
          for _ = 1, count do clients[#clients + 1] = helper.ask(to, "x") end
          while one:count "active" + other:count "active" < before + count do lastcall.sleep(0.01) end
        end
        add(address, 20)
        add(other:addresses()[1], 60)
        add(address, 60)
        for i = 1, 20 do clients[i]:abort() end
        while one:count() > 60 do lastcall.sleep(0.01) end
        add(address, 20) -- in the places of the first
        local ids = {}
        for _, server in ipairs { one, other } do
          for _, conn in ipairs(server:connections()) do ids[#ids + 1] = conn.id end
        end
        table.sort(ids)
        local told = {}
        for id in lastcall.dump():gmatch "\n  connection (%d+) from" do told[#told + 1] = math.tointeger(id) end
        table.sort(told)
        assert.same(table.move(ids, 1, 100, 1, {}), told)
        for _, conn in ipairs(clients) do conn:abort() end
      end, { drain = 0.5 })
    end)

    it("tasks tells of a hundred, those at work first, and lets others run meanwhile", function()
      helper.task(function()
        local channel, tasks = lastcall.channel(), {}
        for i = 1, 3000 do tasks[i] = lastcall.spawn(channel.receive, channel) end
        for i = 1, 4 do tasks[3000 + i] = lastcall.spawn(lastcall.sleep, 60) end
        lastcall.sleep(0)
        local text, turns = with_turns(lastcall.dump)
        assert.is_true(turns >= 3000 / 200)
        assert.truthy(text:find("\ntasks: 3000 in channel:receive", 1, true), text)
        local _, sleeping = text:gsub("\n  task %d+, in sleep for", "")
        assert.is_true(sleeping >= 4, text)
        assert.is_true(lines_of(text) < 130)
        local left_out = tonumber(text:match "\nand (%d+) tasks more$")
        assert.equal(tonumber(text:match ", (%d+) tasks\n") - 100, left_out)
        for _, task in ipairs(tasks) do task:cancel() end
      end)
    end)

    it("tasks of one connection tells of few, and of deep ones their innermost line", function()
      helper.task(function()
        local function nest(depth)
          if depth == 0 then return lastcall.sleep(60) end
          return (lastcall.coroutine.wrap(nest)(depth - 1))
        end
        local server, address = helper.serve(lastcall, function(conn)
          conn:read()
          for _ = 1, 300 do lastcall.go(nest, 20) end
          conn:read()
        end)
        local client = helper.ask(address, "x")
        while server:count "active" < 1 do lastcall.sleep(0.01) end
        lastcall.sleep(0.05)
        local text = lastcall.dump()
        assert.truthy(text:find "\ntasks: 300 in sleep at spec/process/dump_spec.lua:%d+\n", text)
        local _, told = text:gsub("\n    task ", "")
        assert.equal(3, told)
        client:abort()
      end, { drain = 0.5 })
    end)

    it("is the same for SIGUSR1, and in a task that has been canceled", function()
      local text
      helper.task(function()
        local tasks = {}
        for i = 1, 1000 do tasks[i] = lastcall.spawn(lastcall.sleep, 60) end
        lastcall.sleep(0)
        local _, turns = with_turns(function()
          signal_ourselves "USR1"
          while not text do lastcall.sleep(0) end
        end)
        assert.is_true(turns >= 1000 / 200)
        assert.truthy(text:find("\ntasks: 1000 in sleep", 1, true), text)
        assert.is_true(lines_of(text) < 130)
        local canceled = lastcall.go(function()
          lastcall.sleep(60)
          return lastcall.dump()
        end)
        lastcall.sleep(0)
        canceled:cancel()
        assert.truthy(canceled:wait():find("\ntasks: 1000 in sleep", 1, true))
        for _, task in ipairs(tasks) do task:cancel() end
      end, { signals = {}, log = function(_, event, fields) if event == "dump" then text = fields.text end end })
    end)
  end)
end)
