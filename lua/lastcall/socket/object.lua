--- What all socket objects have in common: classes, argument checks, timeouts.

local core = require "lastcall.core"

local raw = core.socket
local now, state_of = core.now, raw.state
local huge = math.huge

local object = {}

local classes = {} -- name -> metatable
local members = {} -- "tcp{any}" -> set of class names

--- Makes the classes `family{role}`, all with the same methods, and the group `family{any}`.
function object.family(family, roles, methods)
  local group = family .. "{any}"
  members[group] = {}
  for _, role in ipairs(roles) do
    local name = ("%s{%s}"):format(family, role)
    local index = { class = name }
    for method, fn in pairs(methods) do index[method] = raw.method(fn) end
    local class = raw.class(name, index)
    class[group] = true
    class.__close = index.close
    classes[name], members[name], members[group][name] = class, { [name] = true }, true
  end
end

--- The states of sockets that LuaSec has wrapped, by LuaSec's objects.
object.wrapped = setmetatable({}, { __mode = "k" })

--- The state of a socket object, or of LuaSec's object around one; nil for anything else.
function object.state(one) return state_of(one) or object.wrapped[one] end

function object.new(class, state)
  state.block, state.total = -1.0, -1.0
  state.born = now()
  return raw.object(classes[class], state)
end

function object.become(self, class) raw.become(self, classes[class]) end

--- The descriptor of a socket in any of its states; -1 when there is none.
function object.descriptor(state)
  if state.stream then return raw.stream_fd(state.stream) end
  if state.server then return raw.listener_fd(state.server) end
  return state.fd or -1
end

--- The state of `self`, which must be of `group`; otherwise raises as LuaSocket does.
function object.expect(self, group)
  local state, class = state_of(self)
  if not state or not members[group][class] then raw.argument_error(1, group .. " expected") end
  return state
end

--- LuaSocket's results of a failure, and behind them, if there is one, the reason that lies on this side.
function object.failed(why, word, ...)
  if not why then return nil, word, ... end
  if select("#", ...) == 0 then return nil, word, why end
  return nil, word, ..., why
end

-- ------------------------------------------------------------------ arguments

--- The number at argument `i`, or a string that is a numeral.
function object.number(i, value, otherwise)
  if value == nil and otherwise then return otherwise end
  local kind = type(value)
  local number = (kind == "number" or kind == "string") and tonumber(value)
  return number or raw.type_error(i, "number")
end

--- The same, rounded towards zero to a whole number, as a cast in C does.
function object.integer(i, value, otherwise)
  local number = object.number(i, value, otherwise)
  local whole = math.modf(number)
  return math.tointeger(whole) or number > 0 and math.maxinteger or math.mininteger
end

--- The string at argument `i`, or a number.
function object.string(i, value, otherwise)
  if type(value) == "string" then return value end
  if type(value) == "number" then return tostring(value) end
  if value == nil and otherwise then return otherwise end
  return raw.type_error(i, "string")
end

-- ------------------------------------------------------------------- timeouts

--- The deadline of an operation that begins now, or nil if it may wait for ever.
function object.deadline(state)
  local block, total = state.block, state.total
  local seconds = block >= 0 and block or huge
  if total >= 0 and total < seconds then seconds = total end
  return seconds < huge and now() + seconds or nil
end

function object.settimeout(group)
  return function(self, seconds, mode)
    local state = object.expect(self, group)
    local value = seconds == nil and -1.0 or object.number(2, seconds) + 0.0
    local first = object.string(3, mode, "b"):sub(1, 1)
    if first == "b" then state.block = value
    elseif first == "r" or first == "t" then state.total = value
    else raw.argument_error(3, "invalid timeout mode") end
    return 1.0
  end
end

function object.gettimeout(group)
  return function(self)
    local state = object.expect(self, group)
    return state.block, state.total
  end
end

return object
