-- One echo server in several processes, renewed by SIGHUP and ended by SIGTERM.
-- Usage: lua prefork.lua [ADDRESS [PROCESSES [START [DRAIN]]]]
--
-- This process serves no clients: it starts workers, which run the same script, replaces those that end, and drains
-- them all at the end. Each worker has a queue of its own (SO_REUSEPORT), and the kernel deals the clients out: one for
-- each processor uses them all. START says when a handler begins: "accept", or "data" for many connected clients that
-- never send a byte. DRAIN is how many seconds a shutdown may take (25).

local lastcall = require "lastcall"

local address, count = arg[1] or "127.0.0.1:7008", math.tointeger(arg[2] or 2)
local start, drain = arg[3] or "accept", tonumber(arg[4] or 25)
if arg[5] or address:sub(1, 1) == "-" or not count or count < 1 or not drain then
  io.stderr:write "usage: lua prefork.lua [ADDRESS [PROCESSES [START [DRAIN]]]]\n"
  os.exit(2)
end

-- Probes of a million silent peers within half a minute are more packets than the kernel's queue holds
-- (net.core.netdev_max_backlog). The kernel would drop probes, and healthy peers would be given up.
local KEEPALIVE = { idle = 300, interval = 60, count = 3 }

local function echo(conn)
  for line in conn:lines "L" do conn:write(line) end
end

local function work()
  local options = { reuseport = true, start = start, keepalive = KEEPALIVE, drain = drain }
  local report = lastcall.serve(address, echo, options)
  print(report)
  os.exit(report.ok)
end

local function supervise()
  local service, _, problem = lastcall.supervise {
    script = arg[0], args = arg, workers = count, drain = drain, probation = 0,
  }
  if not service then
    print(problem)
    os.exit(false)
  end
  print(("%d processes, listening %s"):format(count, service:addresses()[1]))
  io.stdout:flush()
  local report = service:wait()
  print(report)
  os.exit(report.ok)
end

if lastcall.worker() then work() else lastcall.run(supervise, { signals = false }) end
