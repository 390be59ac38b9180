-- scripts/test: early
local helper = require "spec.helper"
local process = require "spec.support.process"

local TIMEOUT = 1.5

-- What each client does once it is connected; nothing returns before the server has gone.
local CLIENTS = {
  { "a handler that ignores everything", "ignore" },
  { "a handler that spins", "spin" },
  { "a handler that spins in pcall", "spin_protected" },
  { "a handler that starts tasks for ever", "spawn" },
  { "a peer that never sends", "wait" },
  { "a peer that reads a byte a second", "large", function(lastcall, conn)
    repeat lastcall.sleep(1) until not conn:read(1)
  end },
  { "a peer that floods and reads nothing", "wait", function(_, conn)
    local block = ("x"):rep(65536)
    repeat until not conn:write(block)
  end },
  { "a busy pipelining client", "echo", function(_, conn)
    local lines = ("line\n"):rep(500)
    repeat until not conn:write(lines) or not conn:read(#lines)
  end },
}

local function stop_with(kind, act)
  local server = process.start(("lua5.4 spec/support/stubborn_server.lua 127.0.0.1:0 %g"):format(TIMEOUT))
  local address = server:address()
  local output
  helper.task(function(lastcall)
    local conn = assert(lastcall.connect(address))
    conn:write(kind, "\n")
    conn:flush()
    local client = lastcall.go(act or function(_, one) one:read() end, lastcall, conn)
    lastcall.sleep(0.2)
    server:signal("TERM")
    client:wait()
    conn:abort()
    output = server:finish()
  end, { on_error = function() end })
  return output
end

describe("a whole shutdown, hooks included, is over on time with", function()
  for _, client in ipairs(CLIENTS) do
    local name, kind, act = table.unpack(client)
    it(name, function()
      local output = stop_with(kind, act)
      local seconds, hook = output:match("over ([%d.]+) ([%a ]+)")
      assert.is_truthy(seconds, output)
      helper.figure("%-40s %.2f s of %.2f s", name, seconds, TIMEOUT)
      assert.equal("hook", hook, output)
      assert.is_true(tonumber(seconds) < TIMEOUT + helper.seconds(0.7), output)
    end)
  end
end)
