--- build/clients, as it storms a server for as long as reloads take; and what it has counted.

local lastcall = require "lastcall"
local machine = require "machine"

local PATIENCE = 20 -- seconds until a server answers the first client, and until the last have ended
local HOURS = 4 * 3600

local clients = {}

local Clients = {}
Clients.__index = Clients

local function words(around, list)
  return table.move(list, 1, #list, #around + 1, table.move(around, 1, #around, 1, {}))
end

local function program() return (os.getenv "BUILD" or "build") .. "/clients" end

--- Waits until the server answers.
function clients.wait_for(address, around)
  local deadline = lastcall.now() + PATIENCE
  while lastcall.now() < deadline do
    local argv = words(around, { program(), "--until", "2", address,
      "--storm", "flight=1,count=1,seconds=1,speak=http" })
    local child = lastcall.assert(lastcall.process { argv = argv, stdout = "pipe" })
    local output = child.stdout:read "a"
    child.stdout:close()
    child:wait()
    if output and output:find(" served=1 ", 1, true) then return end
    lastcall.sleep(0.05)
  end
  error("nobody answers at " .. address, 0)
end

--- `load`: {rate = connects a second, keepalive = clients that keep their connections}.
function clients.start(address, around, load, room)
  local times = room .. "/times"
  local argv = words(around, { program(), "--until", tostring(HOURS), "--sources", "8", "--times", times, address,
    "--storm", ("speak=http,rate=%d,seconds=%d,count=1e9"):format(load.rate, HOURS),
    "--keepalive", ("n=%d,seconds=%d"):format(load.keepalive, HOURS) })
  local child = lastcall.assert(lastcall.process { argv = argv, stdout = "pipe" })
  local self = setmetatable({ child = child, times = times }, Clients)
  child.stdout:set_read_timeout(PATIENCE)
  local line = child.stdout:read()
  if line ~= "READY" then error("the clients are not ready: " .. tostring(line), 0) end
  return self
end

--- Lets them finish. Returns the counts of both kinds: {storm = {...}, keepalive = {...}}.
function Clients:finish()
  machine.signal("USR2", self.child.pid)
  local counts = {}
  for line in self.child.stdout:lines() do
    local kind = line:match "^%l+"
    counts[kind] = setmetatable({}, { __index = function() return 0 end })
    for name, value in line:gmatch "([%w_.]+)=([%d.]+)" do counts[kind][name] = tonumber(value) end
  end
  self.child:wait()
  return counts
end

function Clients:__close()
  self.child.stdout:close()
  self.child:stop(0)
end

--- For each window {from, to}: what 99 of 100 clients that came in it took at most, in ms.
function Clients:percentiles(windows)
  local took = {}
  for i = 1, #windows do took[i] = {} end
  for line in io.lines(self.times) do
    local begun, ms = line:match "^(%S+) (%S+)$"
    begun = tonumber(begun)
    for i, window in ipairs(windows) do
      if begun >= window.from and begun < window.to then
        table.insert(took[i], tonumber(ms))
        break
      end
    end
  end
  for i, list in ipairs(took) do
    table.sort(list)
    took[i] = list[math.ceil(#list * 0.99)]
  end
  return took
end

return clients
