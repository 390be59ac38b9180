--- setoption and getoption: the options of each class, and their types.

local core = require "lastcall.core"
local object = require "lastcall.socket.object"

local raw = core.socket
local descriptor = object.descriptor

local options = {}

--- To set an option of a connection that its peer has ended has no effect, and is no failure.
local function set_option(state, name, value)
  local fd = descriptor(state)
  if fd < 0 and state.stream then return 1.0 end
  return raw.set_option(fd, name, value)
end

-- A type is a pair of functions: get(state, name) and set(state, name, value).

local function get_number(state, name)
  local value, problem = raw.get_option(descriptor(state), name)
  if not value then return nil, problem end
  return value + 0.0
end

local boolean = {
  set = function(state, name, value)
    if type(value) ~= "boolean" then raw.type_error(3, "boolean") end
    return set_option(state, name, value and 1 or 0)
  end,
  get = function(state, name)
    local value, problem = raw.get_option(descriptor(state), name)
    if not value then return nil, problem end
    return value ~= 0
  end,
}

local number = {
  set = function(state, name, value)
    value = (type(value) == "number" or type(value) == "string") and tonumber(value) or 0
    return set_option(state, name, math.tointeger(value // 1) or 0)
  end,
  get = get_number,
}

-- Seconds here, milliseconds in the kernel.
local seconds = {
  set = function(state, name, value)
    return set_option(state, name, math.ceil(object.number(3, value) * 1000))
  end,
  get = function(state, name)
    local value, problem = get_number(state, name)
    if not value then return nil, problem end
    return value / 1000
  end,
}

local device = {
  set = function(state, name, value)
    return set_option(state, name, object.string(3, value))
  end,
  get = function(state, name) return raw.get_device(descriptor(state), name) end,
}

local failure = {
  get = function(state, name)
    local value, problem = raw.get_option(descriptor(state), name)
    if not value then return nil, problem end
    return raw.error_text(value)
  end,
}

-- The time that close() may take in the background. It never sets the kernel's SO_LINGER, which would block the
-- whole process.
local linger = {
  set = function(state, _, value)
    if type(value) ~= "table" then raw.type_error(3, "table") end
    if type(value.on) ~= "boolean" then raw.argument_error(3, "boolean 'on' field expected") end
    local time = (type(value.timeout) == "number" or type(value.timeout) == "string") and tonumber(value.timeout)
    if not time then raw.argument_error(3, "number 'timeout' field expected") end
    if descriptor(state) < 0 and not state.stream then return nil, "setsockopt failed" end
    if value.on then state.linger_time = time // 1 & 0xffff end -- off leaves the time, as the kernel does
    state.linger = value.on and state.linger_time or nil
    if state.stream then state.stream:set_linger(state.linger or 3) end
    return 1.0
  end,
  get = function(state)
    if descriptor(state) < 0 then return nil, "getsockopt failed" end
    return { on = state.linger ~= nil, timeout = state.linger_time or 0 }
  end,
}

local interface = {
  set = function(state, name, value)
    local result, problem = raw.set_interface(descriptor(state), name, object.string(3, value))
    if result == nil and not problem then raw.argument_error(3, "ip expected") end
    if result then return result end
    return nil, problem
  end,
  get = function(state, name) return raw.get_interface(descriptor(state), name) end,
}

local function membership(call, check_interface)
  return {
    set = function(state, name, value)
      if type(value) ~= "table" then raw.type_error(3, "table") end
      local group = value.multiaddr
      if type(group) ~= "string" and type(group) ~= "number" then
        raw.argument_error(3, "string 'multiaddr' field expected")
      end
      check_interface(value.interface)
      local result, problem = call(descriptor(state), name, group, value.interface)
      if result == false then raw.argument_error(3, ("invalid '%s' ip address"):format(problem)) end
      if result then return result end
      return nil, problem
    end,
  }
end

local membership4 = membership(raw.set_membership, function(value)
  if type(value) ~= "string" and type(value) ~= "number" then
    raw.argument_error(3, "string 'interface' field expected")
  end
end)

local membership6 = membership(raw.set_membership6, function(value)
  if value ~= nil and not tonumber(value) then raw.argument_error(3, "number 'interface' field expected") end
end)

local function only(kind, direction) return { [direction] = kind[direction] } end

options.tcp = {
  keepalive = boolean, reuseaddr = boolean, reuseport = boolean, ["tcp-nodelay"] = boolean,
  ["tcp-keepidle"] = number, ["tcp-keepcnt"] = number, ["tcp-keepintvl"] = number, bindtodevice = device,
  ["ipv6-v6only"] = only(boolean, "set"), linger = linger,
  ["recv-buffer-size"] = number, ["send-buffer-size"] = number, ["tcp-defer-accept"] = only(number, "set"),
  ["tcp-fastopen"] = only(number, "set"), ["tcp-fastopen-connect"] = only(number, "set"), error = failure,
  ["tcp-user-timeout"] = seconds,
}

options.udp = {
  dontroute = boolean, broadcast = boolean, reuseaddr = boolean, reuseport = boolean,
  ["ip-multicast-if"] = interface, ["ip-multicast-ttl"] = only(number, "set"), ["ip-multicast-loop"] = boolean,
  ["ip-add-membership"] = membership4, ["ip-drop-membership"] = membership4,
  ["ipv6-unicast-hops"] = number, ["ipv6-multicast-hops"] = number, ["ipv6-multicast-loop"] = boolean,
  ["ipv6-add-membership"] = membership6, ["ipv6-drop-membership"] = membership6, ["ipv6-v6only"] = boolean,
  ["recv-buffer-size"] = number, ["send-buffer-size"] = number, error = failure,
}

options.unixstream = {
  keepalive = only(boolean, "set"), reuseaddr = only(boolean, "set"), linger = only(linger, "set"),
}

options.unixdgram = { reuseaddr = only(boolean, "set") }

local function method(group, known, direction)
  return function(self, name, value)
    local state = object.expect(self, group)
    name = object.string(2, name)
    local kind = known[name]
    local act = kind and kind[direction]
    if not act then raw.argument_error(2, ("unsupported option `%s'"):format(name:sub(1, 35))) end
    return act(state, name, value)
  end
end

function options.setter(group, known) return method(group, known, "set") end
function options.getter(group, known) return method(group, known, "get") end

return options
