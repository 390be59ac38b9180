-- scripts/test: busy
local helper = require "spec.helper"
local process = require "spec.support.process"
local lastcall = require "lastcall"

-- Prints how a shutdown went that began while the tasks of `START` ran.
local PROGRAM = [[
  local lastcall, socket = require "lastcall", require "lastcall.socket"
  local server = socket.bind("127.0.0.1", 0)
  local begun, done, began = 0, 0, nil
  local function compute(seconds)
    local ends = os.clock() + seconds
    while os.clock() < ends do end
  end
  local function spin() while true do end end
  local function go(fn) -- when the shutdown has begun
    lastcall.go(function()
      lastcall.sleep(0.05)
      fn()
    end)
  end
  local function closing(fn) return setmetatable({}, { __close = fn }) end
  local report = lastcall.run(function()
    START
    lastcall.sleep(0.01)
    began = lastcall.now()
    lastcall.shutdown()
  end, { drain = DRAIN, signals = false, log = function() end })
  print(("begun %d, done %d, killed %d, took %.2f"):format(begun, done, report.tasks_left, lastcall.now() - began))
  print(report)
  server:close()
]]

local function outcome(drain, start)
  local output, fine, status = helper.run_script((PROGRAM:gsub("%u%u%u+", { START = start, DRAIN = tostring(drain) })))
  local begun, done, killed, took = output:match("begun (%d+), done (%d+), killed (%d+), took ([%d.]+)")
  return {
    begun = tonumber(begun), done = tonumber(done), killed = tonumber(killed), took = tonumber(took), output = output,
  }, fine, status
end

describe("beside processes that keep every processor busy, a shutdown", function()
  local busy = {}

  setup(function()
    local processors = helper.run "nproc"
    for i = 1, tonumber(processors) do busy[i] = process.start("lua5.4 -e 'while true do end'", 120) end
  end)

  teardown(function()
    for _, one in ipairs(busy) do
      one:signal "TERM"
      one:finish()
    end
  end)

  -- So many tasks that at the kill some have been let run and have come to their call again.
  for name, call in pairs {
    select = "socket.select({}, nil, 1)", sleep = "socket.sleep(1)", accept = "server:accept()",
  } do
    it("ends tasks in endless loops of LuaSocket calls where each waits, without force: " .. name, function()
      local seen, fine = outcome("{ timeout = 15, grace = 0.2 }", ([[
        for _ = 1, 100 do
          lastcall.go(function()
            while true do
              %s
              compute(0.003)
            end
          end)
        end
      ]]):format(call))
      assert.is_true(fine, seen.output)
      assert.is_truthy(seen.output:find("shutdown ok", 1, true), seen.output)
      assert.equal(0, seen.killed, seen.output)
    end)
  end

  -- A <close> variable may compute for 25 ms.
  for name, endless in pairs {
    ["that were suspended"] = "spin()",
    ["that could not be suspended"] = "table.sort({ 3, 2, 1 }, spin)",
    ["in a pcall of a callback"] = "table.sort({ 3, 2, 1 }, function() pcall(spin) spin() end)",
  } do
    it("leaves the <close> variables their time, of tasks ended by force " .. name, function()
      local seen, fine = outcome(0.3, ([[
        for _ = 1, 3 do
          go(function()
            begun = begun + 1
            local _ <close> = closing(function()
              compute(0.015)
              done = done + 1
            end)
            %s
          end)
        end
      ]]):format(endless))
      assert.is_true(fine, seen.output)
      assert.is_true(seen.begun > 0, seen.output)
      assert.equal(seen.begun, seen.done, seen.output)
    end)
  end

  it("still ends what spins, in a task and in a <close> variable", function()
    local seen, fine = outcome(0.3, [[
      for _ = 1, 2 do
        go(function()
          local _ <close> = closing(spin)
          spin()
        end)
      end
    ]])
    assert.is_true(fine, seen.output)
    assert.equal(2, seen.killed, seen.output)
    assert.is_true(seen.took < helper.seconds(5), seen.output)
  end)

  it("still ends the process for what is blocked in C", function()
    local began = lastcall.now()
    local seen, _, status = outcome(0.3, [[go(function() os.execute("exec sleep 20 >/dev/null 2>&1") end)]])
    assert.equal(70, status, seen.output)
    assert.is_truthy(seen.output:find("that cannot be interrupted", 1, true), seen.output)
    assert.is_true(lastcall.now() - began < helper.seconds(8), seen.output)
  end)
end)
