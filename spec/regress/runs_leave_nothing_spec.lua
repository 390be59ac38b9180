local helper = require "spec.helper"
local lastcall = require "lastcall"

local quietly = { signals = false, log = function() end, drain = 1 }

describe("a run", function()
  it("lets no hook open a server, which would hold the next run", function()
    local code
    lastcall.on_shutdown("opens a server", function() code = select(2, lastcall.listen("127.0.0.1:0")) end)
    local report = lastcall.run(function() end, quietly)
    assert.equal("draining", code)
    assert.equal(0, #report.stop)
    local began = lastcall.now()
    assert.is_true(lastcall.run(function() end, quietly).ok)
    assert.is_true(lastcall.now() - began < helper.seconds(5))
  end)

  it("raises what main raised, false too", function()
    local fine, problem = pcall(lastcall.run, function() error(false) end, quietly)
    assert.is_false(fine)
    assert.is_false(problem)
  end)

  it("that is refused names the option of run, and no line of ours", function()
    local fine, problem = pcall(lastcall.run, function() end, { signals = { "nosuch" } })
    assert.is_false(fine)
    assert.is_truthy(problem:find("run: no signal named 'nosuch'", 1, true), problem)
    assert.is_nil(problem:find("signals.lua", 1, true), problem)
  end)
end)

describe("what a run keeps", function()
  local function grows(times, body)
    local function run()
      for _ = 1, times do body() end
      collectgarbage()
      collectgarbage()
      return collectgarbage "count" * 1024
    end
    run()
    local before = run()
    return (run() - before) / times
  end

  local RUNS = {
    ["that does nothing"] = function() end,
    ["with a hook and tasks"] = function()
      lastcall.on_shutdown("a hook", function() end)
      lastcall.spawn(lastcall.sleep, 0)
    end,
    ["with a server"] = function()
      local server = assert(lastcall.listen "127.0.0.1:0")
      server:close()
    end,
  }

  for what, main in pairs(RUNS) do
    it("is gone after it: one " .. what, function()
      local each = grows(200, function() lastcall.run(main, quietly) end)
      assert.is_true(each < 50, each)
    end)
  end
end)

describe("lastcall.serve", function()
  it("that is refused leaves no listener behind", function()
    helper.task(function()
      assert.error_matches(function() lastcall.serve("127.0.0.1:0", function() end) end, "server:serve in a task")
    end)
    local before = helper.descriptors()
    assert.is_false((pcall(lastcall.serve, "127.0.0.1:0", function() end, { signals = { "nosuch" } })))
    assert.equal(before, (helper.descriptors()))
  end)
end)

describe("server:serve", function()
  it("raises where the server has a handler already", function()
    helper.task(function()
      local server = helper.serve(lastcall, function() end)
      assert.error_matches(function() server:serve(function() end) end, "has a handler already")
      server:close()
    end)
  end)
end)
