--- UDP: socket.udp, udp4, udp6.

local core = require "lastcall.core"
local datagram = require "lastcall.socket.datagram"
local object = require "lastcall.socket.object"
local options = require "lastcall.socket.options"

local raw = core.socket
local expect = object.expect

local udp = {}

local ANY, CONNECTED, UNCONNECTED = "udp{any}", "udp{connected}", "udp{unconnected}"

local function try_each(state, host, port, passive, call)
  local list, problem = raw.addresses(host, port, state.family, "dgram", false, passive)
  if not list then return nil, problem end
  local fine
  for _, one in ipairs(list) do
    fine, problem = datagram.open(state, one.family)
    if fine then fine, problem = call(state.fd, one.address) end
    if fine then return 1.0 end
  end
  return nil, problem
end

local function sendto(self, data, host, port)
  local state = expect(self, UNCONNECTED)
  data, host, port = object.string(2, data), object.string(3, host), object.string(4, port)
  local list, _, problem = raw.addresses(host, port, state.family, "dgram", true)
  if not list then return nil, problem end
  if not state.fd and not state.family then
    local fine
    fine, problem = datagram.open(state, list[1].family)
    if not fine then return nil, problem end
  end
  return datagram.send_to(state, data, list[1].address)
end

local function setpeername(self, host, port)
  local state = expect(self, ANY)
  host = object.string(2, host)
  if host == "*" then
    raw.disconnect(state.fd or -1)
    object.become(self, UNCONNECTED)
    return 1.0
  end
  local fine, problem = try_each(state, host, object.string(3, port), false, raw.connect)
  if not fine then return nil, problem end
  object.become(self, CONNECTED)
  return 1.0
end

local function setsockname(self, host, port)
  local state = expect(self, UNCONNECTED)
  host, port = object.string(2, host), object.string(3, port)
  return try_each(state, host ~= "*" and host or nil, port, true, raw.bind)
end

local function getpeername(self) return raw.peername(expect(self, CONNECTED).fd or -1) end
local function getsockname(self) return raw.sockname(expect(self, ANY).fd or -1) end

local function getfamily(self) return expect(self, ANY).family == "inet6" and "inet6" or "inet4" end

object.family("udp", { "connected", "unconnected" }, {
  close = datagram.close(ANY), dirty = datagram.dirty(ANY), getfamily = getfamily, getfd = datagram.getfd(ANY),
  getoption = options.getter(ANY, options.udp), getpeername = getpeername, getsockname = getsockname,
  receive = datagram.receive(ANY), receivefrom = datagram.receivefrom(UNCONNECTED),
  send = datagram.send(CONNECTED), sendto = sendto, setfd = datagram.setfd(ANY),
  setoption = options.setter(ANY, options.udp), setpeername = setpeername, setsockname = setsockname,
  settimeout = object.settimeout(ANY), gettimeout = object.gettimeout(ANY),
})

--- Makes the object first, with room for the descriptor, so that lack of memory loses no descriptor.
local function create(family)
  local state = { family = family, fd = false }
  local self = object.new(UNCONNECTED, state)
  if family then
    local fine, problem = datagram.open(state, family)
    if not fine then return nil, problem end
  end
  return self
end

function udp.udp() return create(nil) end
function udp.udp4() return create("inet") end
function udp.udp6() return create("inet6") end

return udp
