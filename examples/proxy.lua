-- A TCP proxy: what one side says the other hears, and so it does the end. Usage: lua proxy.lua ADDRESS UPSTREAM
--
-- A half-close is passed on, so that a client which has finished asking still gets its answer. What ends in any
-- other way is reset, and so is a client without an upstream: half an answer, or none, must not look like a whole one.
--
-- A proxy of bytes cannot know where a request ends. While draining, lastcall.pipe takes a client to be done that is
-- silent, and to whom the upstream spoke last; one that waits for its answer is waited for.

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
  lastcall.pipe(client, upstream)
end

local report = lastcall.run(function()
  local server = lastcall.assert(lastcall.listen(address))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(relay)
end)

print(report)
os.exit(report.ok)
