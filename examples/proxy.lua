-- A TCP proxy: what one side says the other hears, and so it does the end. Usage: lua proxy.lua ADDRESS UPSTREAM
--
-- A half-close is passed on, so that a client which has finished asking still gets its answer. So is a
-- reset, and no upstream is told as one: half an answer, or none, must not look like a whole one.

local lastcall = require "lastcall"

local address, target = arg[1], arg[2]
if not target or arg[3] then
  io.stderr:write("usage: lua proxy.lua ADDRESS UPSTREAM\n")
  os.exit(2)
end

-- Seconds of silence both ways after which, while draining, a connection is taken to be done: a proxy
-- of bytes cannot know where a request ends.
local QUIET = 1

local function relay(client)
  local upstream <close>, code, message = lastcall.connect(target, { timeout = 5 })
  if not upstream then
    io.stderr:write(("proxy: no upstream: %s (%s)\n"):format(message, code))
    return client:abort()
  end
  client.data.upstream = upstream
  lastcall.pipe(client, upstream)
end

-- Tells a silent upstream that its client has finished; it still answers what it owes, then closes.
local function part(client)
  while not client.data.upstream or client:stats().quiet < QUIET do
    if not lastcall.sleep(QUIET / 4) then return end -- it is over
  end
  client.data.upstream:shutdown("write")
end

local report = lastcall.run(function()
  local server = assert(lastcall.listen(address, { on_drain = part }))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(relay)
end)

print(report)
os.exit(report.ok)
