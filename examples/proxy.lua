-- A TCP proxy: passes the bytes of each side to the other, and the end too. Usage: lua proxy.lua ADDRESS UPSTREAM
--
-- It passes a half-close on, so that a client which has finished asking still gets its answer. Any other end becomes
-- a reset, also for a client without an upstream: half an answer, or none, must not look like a whole one.
--
-- A proxy of bytes cannot know where a request ends. During a drain, lastcall.pipe takes a client as done if it is
-- silent and the upstream spoke last; it waits for a client that waits for its answer.

local lastcall = require "lastcall"

local address, target = arg[1], arg[2]
if not target or arg[3] then
  io.stderr:write("usage: lua proxy.lua ADDRESS UPSTREAM\n")
  os.exit(2)
end

local function relay(client)
  local upstream <close>, code, message = lastcall.connect(target, { timeout = 5 })
  if not upstream then
    io.stderr:write(("proxy: no upstream: %s (%s)\n"):format(message, code))
    return client:abort()
  end
  local done, why, reason, _, _, failed = lastcall.pipe(client, upstream)
  if not done and failed == upstream then
    io.stderr:write(("proxy: the upstream has failed: %s (%s)\n"):format(reason, why))
  end
end

local report = lastcall.run(function()
  local server = lastcall.assert(lastcall.listen(address))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(relay)
end)

print(report)
os.exit(report.ok)
