-- scripts/test: busy
--- Lua's collector and allocator while a run is under way.

local faults = require "spec_faults"
local core = require "lastcall.core"
local helper = require "spec.helper"

local function mode()
  local before = collectgarbage "incremental"
  if before == "generational" then collectgarbage "generational" end
  return before
end

--- Megabytes of garbage, without anything that is left of it.
local function litter(megabytes)
  for _ = 1, megabytes * 16 do string.rep("x", 65536) end
end

describe("the collector", function()
  local before
  before_each(function() before = mode() end)
  after_each(function() collectgarbage(before) end)

  --- Prints the mode in a run and after it; and what is left of a table that nobody holds, as the last act of the
  -- run, where a collection of the whole heap comes after it.
  local ENDING = [[
    local lastcall = require "lastcall"
    local function mode()
      local before = collectgarbage "incremental"
      if before == "generational" then collectgarbage "generational" end
      return before
    end
    local heap, dropped = {}, setmetatable({}, { __mode = "v" })
    for i = 1, %d do heap[i] = { {} } end
    collectgarbage "%s"
    local inside
    lastcall.run(function()
      lastcall.on_shutdown("last", function() dropped[1] = {} end)
      %s
      inside = mode()
    end, { signals = false })
    print(dropped[1] and "kept" or "collected", inside)
    print(mode(), #heap)
  ]]

  local function ending(tables, outside, chosen)
    local output = helper.run_script(ENDING:format(tables, outside, chosen or ""))
    local dropped, inside, after = output:match "(%l+)\t(%l+)\n(%l+)\t%d+\n$"
    assert.is_truthy(after, output)
    return dropped, inside, after
  end

  it("is incremental in a run, and as it was before when that ends", function()
    for _, outside in ipairs { "generational", "incremental" } do
      local _, inside, after = ending(1, outside)
      assert.equal("incremental", inside)
      assert.equal(outside, after)
    end
  end)

  it("does not go through a large heap at the end of a run, and stays incremental there", function()
    for _, outside in ipairs { "generational", "incremental" } do
      local dropped, _, after = ending(200000, outside)
      assert.equal("kept", dropped)
      assert.equal("incremental", after)
    end
  end)

  it("does not either where the script has chosen the generational mode, which it keeps", function()
    local dropped, _, after = ending(200000, "incremental", 'collectgarbage "generational"')
    assert.equal("kept", dropped)
    assert.equal("generational", after)
  end)

  --- Whether the collector runs when `act` looks, in a shutdown of so many seconds, and when that is over.
  local LOOKING = [[
    local lastcall = require "lastcall"
    local seen
    local function look() seen = collectgarbage "isrunning" end
    %s
    lastcall.run(function()
      %s
      lastcall.shutdown()
    end, { signals = false, drain = %s, max_block = false, log = function() end })
    print(seen, collectgarbage "isrunning")
  ]]

  local function looking(before_run, act, seconds)
    local output = helper.run_script(LOOKING:format(before_run, act, seconds))
    local seen, after = output:match "^(%l+)\t(%l+)\n$"
    assert.is_truthy(seen, output)
    return seen == "true", after == "true"
  end

  it("rests when the deadline of a shutdown is near, and goes on after the run", function()
    local of_process = [[
      lastcall.spawn(function()
        local _ <close> = lastcall.work()
        lastcall.sleep(60)
        look()
      end)
    ]]
    local of_connection = [[
      local server = assert(lastcall.listen "127.0.0.1:0")
      lastcall.spawn(server.serve, server, function(conn)
        conn:read()
        lastcall.sleep(60)
        look()
      end)
      local client = assert(lastcall.connect(server:addresses()[1]))
      client:write "x\n"
      client:flush()
      while server:count "active" == 0 do lastcall.sleep(0.01) end
    ]]
    for _, act in ipairs { of_process, of_connection } do -- canceled a tenth of a second before the end
      local seen, after = looking("", act, 1)
      assert.is_false(seen, act)
      assert.is_true(after)
    end
  end)

  it("rests the longer, the more is in use", function()
    -- How long before its deadline a shutdown of two seconds finds it at rest.
    local function left(heap)
      local output = helper.run_script(([[
        local lastcall = require "lastcall"
        %s
        local left
        lastcall.run(function()
          local ends = lastcall.now() + 2
          lastcall.on_shutdown("look", function()
            while collectgarbage "isrunning" and lastcall.sleep(0.005) do end
            left = ends - lastcall.now()
          end)
          lastcall.shutdown()
        end, { signals = false, drain = 2, log = function() end })
        io.write(left)
      ]]):format(heap))
      return assert(tonumber(output), output)
    end
    local small, large = left "", left "heap = {} for i = 1, 1e6 do heap[i] = { { i } } end"
    assert.is_true(small <= 0.15 and large > 0.15, ("%.3f, %.3f"):format(small, large))
  end)

  it("goes on in a hook that has time, and stays as the script has stopped it", function()
    local hook = 'lastcall.on_shutdown("last", look)'
    assert.same({ true, true }, { looking("", hook, 20) })
    assert.same({ false, false }, { looking('collectgarbage "stop"', hook, 20) })
    assert.same({ false, false }, { looking('collectgarbage "stop"', hook, 0.1) })
  end)

  it("ends no run late that has made much garbage in a large heap", function()
    local output = helper.run_script [[
      local lastcall = require "lastcall"
      local heap = {}
      for i = 1, 5e5 do heap[i] = { {} } end
      local function litter_until(time)
        while lastcall.now() < time do heap[#heap % 1000 + 1] = { {} } end
      end
      local report = lastcall.run(function()
        local began = lastcall.now()
        lastcall.go(function()
          lastcall.sleep(0.1)
          litter_until(began + 0.85)
          lastcall.context.background():call(lastcall.sleep, 60)
        end)
        lastcall.sleep(0.05)
        lastcall.shutdown()
      end, { signals = false, drain = 1, max_block = false, log = function() end })
      io.write(report.elapsed)
    ]]
    local elapsed = tonumber(output)
    assert.is_truthy(elapsed, output) -- or it was ended with status 70
    assert.is_true(elapsed < helper.seconds(1.05), output)
  end)

  it("stays generational when the script chooses so in the run", function()
    collectgarbage "incremental"
    local later
    helper.task(function(lastcall)
      collectgarbage "generational"
      litter(3)
      lastcall.sleep(0.05)
      later = mode()
    end)
    assert.equal("generational", later)
    assert.equal("generational", mode())
  end)

  --- The modes in a loop that never sleeps, with a small heap, with a large one, with a small one, and at the end.
  local function modes(chosen)
    local output = helper.run("lua5.4 spec/support/busy_heap.lua " .. (chosen or ""))
    local list = {}
    for word in output:gmatch "(%l+al)" do list[#list + 1] = word end
    return list
  end

  it("is generational in a loop without time while the heap is small", function()
    assert.same({ "generational", "incremental", "generational", "generational" }, modes())
  end)

  it("stays incremental where the script chose that when it was generational", function()
    assert.same({ "generational", "incremental", "incremental", "generational" }, modes "incremental")
  end)

  it("collects what has come together when the loop would sleep, and then lets it sleep", function()
    helper.task(function(lastcall)
      collectgarbage()
      lastcall.sleep(0.05)
      local found = setmetatable({ {} }, { __mode = "v" })
      local kept = {} -- no allocation of ours brings the collector this far
      for i = 1, 40 do kept[i] = string.rep(tostring(i), 32768) end
      lastcall.sleep(helper.seconds(0.3))
      assert.is_nil(found[1])
      local turns = core.loop_stats().turns
      lastcall.sleep(0.1)
      assert.is_true(core.loop_stats().turns - turns < 10)
      assert.equal(40, #kept)
    end)
  end)

  it("does nothing where the script has stopped it", function()
    helper.task(function(lastcall)
      collectgarbage "stop"
      local found = setmetatable({ {} }, { __mode = "v" })
      litter(3)
      local turns = core.loop_stats().turns
      lastcall.sleep(0.1)
      assert.is_table(found[1])
      assert.is_true(core.loop_stats().turns - turns < 10)
      collectgarbage "restart"
    end)
  end)
end)

--- A state of its own makes small strings in rounds, with a collection behind each.
local function rounds(where)
  return faults.run(([[
    package.path = "./?.lua;" .. package.path
    local faults = require "spec_faults"
    local lastcall = require "lastcall"
    local function work()
      faults.arm()
      for round = 1, 10 do
        for i = 1, 2000 do local _ = ("%%0" .. 50 + i %% 50 .. "d"):format(i) end
        collectgarbage()
      end
    end
    %s
  ]]):format(where))
end

local IN_A_RUN = "lastcall.run(work, { signals = false })"

describe("the allocator", function()
  it("is asked for small blocks once in a run, not again and again, and has all of them back", function()
    local outside, inside = rounds "work()", rounds(IN_A_RUN)
    assert.is_true(outside.ok, outside.message)
    assert.is_true(inside.ok, inside.message)
    assert.is_true(outside.allocations > 20000)
    assert.is_true(inside.allocations < outside.allocations / 3 or helper.is_slow)
    assert.equal(0, inside.bytes)
  end)

  it("has the blocks of strings that were received in their place back too", function()
    local large = faults.run([[
      local lastcall = require "lastcall"
      lastcall.run(function()
        local server = assert(lastcall.listen("127.0.0.1:0"))
        lastcall.go(server.serve, server, function(conn)
          while conn:write(conn:read_some() or "") and not conn:error() do end
        end)
        local conn = assert(lastcall.connect(server:addresses()[1]))
        local text = ("0123456789"):rep(30000)
        for _ = 1, 5 do
          lastcall.go(conn.write, conn, text)
          assert(conn:read(#text) == text)
        end
        conn:close()
        server:shutdown()
      end, { signals = false })
    ]])
    assert.is_true(large.ok, large.message)
    assert.equal(0, large.bytes)
  end)

  it("has all of them back when a run fails, and when the state is closed in the midst of one", function()
    local failed = rounds "lastcall.run(function() work() error 'enough' end, { signals = false })"
    assert.matches("enough", failed.message)
    assert.equal(0, failed.bytes)
    local output, _, status = helper.run([[lua5.4 -e '
      require("lastcall").run(function()
        for i = 1, 1000 do local _ = ("%099d"):format(i) end
        collectgarbage()
        os.exit(7, true)
      end)' ]])
    assert.equal("", output)
    assert.equal(7, status)
  end)
end)
