--- socket.unix: stream and datagram sockets whose addresses are paths.

local core = require "lastcall.core"
local datagram = require "lastcall.socket.datagram"
local object = require "lastcall.socket.object"
local options = require "lastcall.socket.options"
local stream = require "lastcall.socket.stream"

local raw = core.socket
local expect = object.expect

local ANY, MASTER, CLIENT = "unixstream{any}", "unixstream{master}", "unixstream{client}"
local DGRAM, CONNECTED, UNCONNECTED = "unixdgram{any}", "unixdgram{connected}", "unixdgram{unconnected}"

--- Checks `self`, which is of `group`, and a path. Returns the state and the address, or nil and the error.
local function with_path(self, group, path)
  local state = expect(self, group)
  local address = raw.unix_address(object.string(2, path))
  if not address then return nil, "path too long" end
  return state, address
end

local function getsockname(group, descriptor)
  return function(self) return raw.sockname(descriptor(expect(self, group))) end
end

-- ------------------------------------------------------------------- streams

local function stream_bind(self, path)
  local state, address = with_path(self, MASTER, path)
  if not state then return nil, address end
  local fine, problem = stream.bind_shared(state, "unix:" .. path, function()
    return raw.bind(state.fd or -1, address)
  end)
  if fine then return 1.0 end
  stream.drop(state)
  return nil, problem
end

local function stream_connect(self, path)
  local state, address = with_path(self, MASTER, path)
  if not state then return nil, address end
  if not state.fd then return nil, "closed" end
  local fine, problem, why = stream.connect(state, "unix", address)
  if not fine then
    stream.drop(state)
    return object.failed(why, problem)
  end
  object.become(self, CLIENT)
  return 1.0
end

object.family("unixstream", { "master", "client", "server" }, {
  accept = stream.accept("unixstream"), answered = stream.answered(CLIENT),
  bind = stream_bind, close = stream.close(ANY), connect = stream_connect,
  dirty = stream.dirty(ANY), getfd = stream.getfd(ANY), getsockname = getsockname(ANY, object.descriptor),
  getstats = stream.getstats(CLIENT), setstats = stream.setstats(CLIENT), listen = stream.listen("unixstream"),
  receive = stream.receive(CLIENT), send = stream.send(CLIENT), setfd = stream.setfd(ANY),
  setoption = options.setter(ANY, options.unixstream), setpeername = stream_connect,
  setsockname = stream_bind, settimeout = object.settimeout(ANY), shutdown = stream.shutdown(CLIENT),
})

-- ----------------------------------------------------------------- datagrams

local function sendto(self, data, path)
  local state = expect(self, UNCONNECTED)
  data = object.string(2, data)
  local address = raw.unix_address(object.string(3, path))
  if not address then return nil, "path too long" end
  return datagram.send_to(state, data, address)
end

local function dgram_bind(self, path)
  local state, address = with_path(self, UNCONNECTED, path)
  if not state then return nil, address end
  local fine, problem = raw.bind(state.fd or -1, address)
  if fine then return 1.0 end
  datagram.drop(state)
  return nil, problem
end

local function dgram_connect(self, path)
  local state, address = with_path(self, DGRAM, path)
  if not state then return nil, address end
  if not state.fd then return nil, "closed" end
  local fine, problem = raw.connect(state.fd, address)
  if not fine then
    datagram.drop(state)
    return nil, problem
  end
  object.become(self, CONNECTED)
  return 1.0
end

object.family("unixdgram", { "connected", "unconnected" }, {
  bind = dgram_bind, close = datagram.close(DGRAM), connect = dgram_connect, dirty = datagram.dirty(DGRAM),
  getfd = datagram.getfd(DGRAM), send = datagram.send(CONNECTED), sendto = sendto,
  receive = datagram.receive(DGRAM), receivefrom = datagram.receivefrom(UNCONNECTED),
  setfd = datagram.setfd(DGRAM), setoption = options.setter(DGRAM, options.unixdgram),
  setpeername = dgram_connect, setsockname = dgram_bind,
  getsockname = getsockname(DGRAM, function(state) return state.fd or -1 end),
  settimeout = object.settimeout(DGRAM), gettimeout = object.gettimeout(DGRAM),
})

-- -------------------------------------------------------------------- module

local function create(class, kind)
  return function()
    local state = { family = "unix", fd = false }
    local self, fd, problem = object.new(class, state), raw.open("unix", kind) -- so lack of memory loses none
    if not fd then return nil, problem end
    state.fd = fd
    return self
  end
end

local unix = {}

unix.stream, unix.dgram = create(MASTER, "stream"), create(UNCONNECTED, "dgram")
unix.tcp, unix.udp = unix.stream, unix.dgram

--- `unix()` makes a stream, as in earlier versions of LuaSocket.
function unix.__call() return unix.stream() end

return setmetatable(unix, unix)
