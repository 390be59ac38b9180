--- TCP: socket.tcp, tcp4, tcp6, connect.

local core = require "lastcall.core"
local object = require "lastcall.socket.object"
local options = require "lastcall.socket.options"
local stream = require "lastcall.socket.stream"

local raw = core.socket
local expect = object.expect

local tcp = {}

local ANY, MASTER, CLIENT = "tcp{any}", "tcp{master}", "tcp{client}"

--- Tries each address of `list` until one succeeds, or is still under way when the time is over.
local function try_each(state, list, try)
  local fine, problem, why
  for i, one in ipairs(list) do
    fine, problem, why = try(state, one.family, one.address)
    if problem == "closed" and i > 1 then -- this is still the end of the attempt before
      fine, problem, why = try(state, one.family, one.address)
    end
    if fine or problem == "timeout" then break end
  end
  return fine, problem, why
end

local function find(state, host, port, passive)
  return raw.addresses(host, port, state.family, "stream", false, passive)
end

local function connect(self, host, port)
  local state = expect(self, ANY)
  host, port = object.string(2, host), object.string(3, port)
  local family = state.family
  local list, problem = find(state, host, port)
  local fine, why
  if list then fine, problem, why = try_each(state, list, stream.connect) end
  if not fine and problem ~= "timeout" then state.family = family end -- the next attempt takes a new descriptor
  object.become(self, CLIENT) -- even after a failure: the connect may still succeed
  if not fine then return object.failed(why, problem) end
  return 1.0
end

--- `listens`: the socket is to listen. Without it a socket with port 0 may be one that connects.
local function bind(self, host, port, listens)
  local state = expect(self, MASTER)
  host, port = object.string(2, host), object.string(3, port)
  local written = host .. ":" .. port
  if host == "*" then host = nil end
  local list, problem = find(state, host, port, true)
  local fine
  local function try()
    if list then fine, problem = try_each(state, list, stream.bind) end
    return fine, problem
  end
  if list and (listens == true or port ~= "0") then
    state.family = state.family or list[1].family
    fine, problem = stream.bind_shared(state, written, try)
  else
    fine, problem = try()
  end
  if not fine then return nil, problem end
  return 1.0
end

local function getpeername(self)
  local state = expect(self, ANY)
  local fd = object.descriptor(state)
  if fd < 0 and state.stream then return nil, stream.NOT_CONNECTED end -- the peer has ended it
  return raw.peername(fd)
end

local function getsockname(self)
  return raw.sockname(object.descriptor(expect(self, ANY)))
end

local function getfamily(self)
  return expect(self, ANY).family == "inet6" and "inet6" or "inet4"
end

object.family("tcp", { "master", "client", "server" }, {
  accept = stream.accept("tcp"), answered = stream.answered(CLIENT), bind = bind, close = stream.close(ANY),
  connect = connect,
  dirty = stream.dirty(ANY), getfamily = getfamily, getfd = stream.getfd(ANY),
  getoption = options.getter(ANY, options.tcp), getpeername = getpeername, getsockname = getsockname,
  getstats = stream.getstats(CLIENT), setstats = stream.setstats(CLIENT), listen = stream.listen("tcp"),
  receive = stream.receive(CLIENT), send = stream.send(CLIENT), setfd = stream.setfd(ANY),
  setoption = options.setter(ANY, options.tcp), setpeername = connect, setsockname = bind,
  settimeout = object.settimeout(ANY), gettimeout = object.gettimeout(ANY), shutdown = stream.shutdown(CLIENT),
})

--- Makes the object first, with room for the descriptor, so that lack of memory loses no descriptor.
local function create(family)
  local state = { family = family, fd = false }
  local self = object.new(MASTER, state)
  if family then
    local fd, problem = raw.open(family, "stream")
    if not fd then return nil, problem end
    state.fd = fd
  end
  return self
end

function tcp.tcp() return create(nil) end
function tcp.tcp4() return create("inet") end
function tcp.tcp6() return create("inet6") end

local FAMILIES = { inet = "inet", inet6 = "inet6", unspec = false }

--- Returns a client connected to host and port, from a local address if one is given.
function tcp.connect(host, port, local_host, local_port, family)
  host, port = object.string(1, host), object.string(2, port)
  if local_host ~= nil then local_host = object.string(3, local_host) end
  if local_port ~= nil then local_port = object.string(4, local_port) end
  local name = object.string(5, family, "unspec")
  if FAMILIES[name] == nil then raw.argument_error(5, ("invalid option '%s'"):format(name)) end
  local state = { family = FAMILIES[name] or nil }
  local self = object.new(CLIENT, state)
  local fine, problem, why = true, nil, nil
  if local_host then
    local list
    list, problem = find(state, local_host, local_port, true)
    fine = list
    if list then fine, problem = try_each(state, list, stream.bind) end
  else
    state.family = nil -- as in LuaSocket, the family is that of the local address
  end
  if fine then
    local list
    list, problem = find(state, host, port)
    fine = list
    if list then fine, problem, why = try_each(state, list, stream.connect) end
  end
  if fine then return self end
  stream.drop(state)
  return object.failed(why, problem)
end

return tcp
