-- Peers that vanish, each while something else is going on. For vanish.sh. Usage: lua vanish_client.lua ADDRESS SECONDS

local lastcall = require "lastcall"

lastcall.run(function()
  local conns = {}
  for i, kind in ipairs { "idle", "flight", "window", "beat" } do
    conns[i] = assert(lastcall.connect(arg[1], { keepalive = false }))
    conns[i]:write(kind, "\n")
    conns[i]:flush()
  end
  lastcall.sleep(0.5) -- the window closes meanwhile
  for _, conn in ipairs(conns) do
    conn:write("now\n")
    conn:flush()
  end
  lastcall.sleep(0.1)
  local control = assert(io.open(os.getenv "LAB_CONTROL", "w"))
  control:write("block both\n")
  control:close()
  lastcall.sleep(tonumber(arg[2]))
  for _, conn in ipairs(conns) do conn:abort() end
end, { drain = 1 })
