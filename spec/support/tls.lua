--- Keys, and clients, for specs of LuaSec on lastcall.socket.

local helper = require "spec.helper"

local tls = { is_here = package.searchpath("ssl", package.path) ~= nil }

--- Makes a key and a certificate of localhost: their paths.
function tls.keys()
  local key, certificate = os.tmpname(), os.tmpname()
  local output, fine = helper.run(("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost " ..
    "-keyout %s -out %s"):format(key, certificate))
  assert(fine, output)
  return key, certificate
end

--- Runs `body(lastcall, socket, ssl, contexts)` as a task, with LuaSec on lastcall.socket.
function tls.task(body, options)
  local key, certificate = tls.keys()
  local socket = require "lastcall.socket"
  local before = socket.install()
  local ssl = require "ssl"
  local contexts = {
    server = assert(ssl.newcontext { mode = "server", protocol = "any", key = key, certificate = certificate }),
    client = assert(ssl.newcontext { mode = "client", protocol = "any", verify = "none" }),
    key = key, certificate = certificate,
  }
  local ran, report = pcall(helper.task, function(lastcall) body(lastcall, socket, ssl, contexts) end, options)
  for _, name in ipairs { "socket", "socket.core", "socket.unix" } do package.loaded[name] = nil end
  for name, module in pairs(before) do package.loaded[name] = module end
  os.remove(key)
  os.remove(certificate)
  if not ran then error(report, 0) end
  return report
end

-- ------------------------------------------------------------- between the two

local gate = {}
gate.__index = gate

--- Forwards what comes from the client. Of the next piece but `skip`, `hold` bytes go on, and the rest when the gate is
-- released.
function gate:pump(from, to)
  while true do
    local data = from:read_some()
    if not data then break end
    local keep = self.hold
    if keep and self.skip > 0 then
      self.skip = self.skip - 1
    elseif keep then
      self.hold = nil
      if keep > 0 then helper.send(to, data:sub(1, keep)) end
      self.held:send(true)
      self.opened:receive()
      data = data:sub(keep + 1)
    end
    if not to:write(data) or not to:flush() then break end
  end
  to:shutdown("write")
end

--- Forwards what comes from the server, unless the gate `is_deaf`: then when it is released.
function gate:pump_back(from, to)
  while true do
    local data = from:read_some()
    if self.is_deaf then
      self.is_deaf = false
      self.opened:receive()
    end
    if not data or not to:write(data) or not to:flush() then break end
  end
  to:shutdown("write")
end

function gate:await_held() assert(self.held:receive(helper.seconds(5)), "the gate has held nothing") end
function gate:release() self.opened:send(true) end

--- A way to the server at `address`, for one client, that can hold back a part of what the client sends: an object with
-- `port`, and the `task` that forwards.
function tls.gate(lastcall, address, hold, skip)
  local self = setmetatable({ hold = hold, skip = skip or 0 }, gate)
  self.held, self.opened = lastcall.channel(1), lastcall.channel(1)
  local listener = assert(lastcall.listen "127.0.0.1:0")
  self.port = tonumber(listener:addresses()[1]:match ":(%d+)$")
  self.task = lastcall.go(function()
    local here = assert(listener:accept(helper.seconds(5)))
    local there = assert(lastcall.connect(address))
    there:setsockopt("rcvbuf", 65536) -- what a deaf gate does not read stays with the server
    local back = lastcall.go(gate.pump_back, self, there, here)
    self:pump(here, there)
    back:wait()
    here:close()
    there:close()
    listener:close()
  end)
  return self
end

return tls
