--- A server with hardly any descriptors: its clients take them all, and then there is one again.
-- Run under a small RLIMIT_NOFILE (ulimit -n).

local core = require "lastcall.core"
local lastcall = require "lastcall"
local socket = require "socket"

local function echo(conn)
  for line in conn:lines() do conn:write(line, "\n") end
end

local function log(_, event, fields)
  print(event .. " " .. tostring(fields.cause))
end

local function line_of(client)
  client:settimeout(0)
  for _ = 1, 1000 do
    local line, err, rest = client:receive("*l")
    if line then return line end
    assert(err == "timeout" and rest == "", err)
    lastcall.sleep(0.005)
  end
end

local report = lastcall.run(function()
  -- More connections than descriptors: it is accept that finds out.
  local server = assert(lastcall.listen("127.0.0.1:0", { max_connections = 1000, log = log }))
  lastcall.spawn(function() server:serve(echo) end)
  local port = tonumber(server:addresses()[1]:match ":(%d+)$")
  local clients = {}
  repeat -- each client takes a descriptor here, and one more when it is accepted
    local one = socket.tcp()
    local connected = one and one:connect("127.0.0.1", port)
    if connected then clients[#clients + 1] = one end
    lastcall.sleep(0.005)
  until not connected
  lastcall.sleep(0.05)
  local before = core.loop_stats().turns
  lastcall.sleep(1)
  print(("turns %d"):format(core.loop_stats().turns - before))
  clients[1]:send("x\n")
  if line_of(clients[1]) == "x" then print "served while paused" end
  for _, client in ipairs(clients) do
    client:send("y\n")
    assert(line_of(client) == "y")
    client:close()
    lastcall.sleep(0)
  end
  print "all served"
  lastcall.shutdown()
end, { log = log, drain = 5 })
print(report)
os.exit(report.ok)
