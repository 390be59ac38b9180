--- A server for very many connections; build/clients' echo is all it knows. At the stop it prints how
-- many there are, what each costs in memory, and the longest turns of the loop.
-- Usage: lua idle_server.lua ADDRESS DRAIN_SECONDS

local core = require "lastcall.core"
local lastcall = require "lastcall"

local function resident_bytes()
  collectgarbage()
  collectgarbage()
  for line in io.lines "/proc/self/status" do
    local kilobytes = line:match "^VmRSS:%s+(%d+)"
    if kilobytes then return tonumber(kilobytes) * 1024 end
  end
end

local function echo(conn)
  for line in conn:lines() do conn:write((line:gsub("^echo ", "")), "\n") end
end

local report = lastcall.run(function()
  local server = assert(lastcall.listen(arg[1]))
  local before = resident_bytes()
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  lastcall.before_shutdown("measure", function()
    local count = server:count()
    local longest = core.loop_stats().longest_turn
    print(("%d connections, %d bytes each; longest turn while accepting %.1f ms"):format(
      count, (resident_bytes() - before) // math.max(1, count), longest * 1000))
    lastcall.sleep(0) -- its own turn is no part of the drain
    core.loop_stats(true)
  end)
  server:serve(echo)
  print(("longest turn while draining %.1f ms"):format(core.loop_stats().longest_turn * 1000))
end, { drain = tonumber(arg[2]), log = function() end })
print(report)
os.exit(report.ok)
