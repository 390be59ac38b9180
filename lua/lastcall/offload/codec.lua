--- Values as bytes, for another process of this machine. It needs nothing of lastcall, because helpers use it too.
--
-- A value is a letter and what follows it:
--   z t f   nil, true, false
--   i d     an integer or a float, 8 bytes as they are in memory
--   s       its length in 8 bytes, then the bytes
--   T       a table: keys and values in turn, then E
--   R       a table that has come before: its number in 8 bytes, counted from 1
-- So a table that is in two places arrives as one table. A table within itself is refused.

local codec = {}

local MOST_DEEP = 1000

local pack, unpack = string.pack, string.unpack

local LITERAL = { ["nil"] = "z", [true] = "t", [false] = "f" }

--- The name of a place, such as argument 2.users[3].name.
local function path_of(keys)
  local names = {}
  for i, key in ipairs(keys) do
    if i == 1 then names[i] = key
    elseif type(key) == "string" and key:find "^[%a_][%w_]*$" then names[i] = "." .. key
    elseif type(key) == "string" then names[i] = ("[%q]"):format(key)
    else names[i] = ("[%s]"):format(tostring(key)) end
  end
  return table.concat(names)
end

local function refuse(state, reason)
  error({ problem = ("%s: %s"):format(path_of(state.keys), reason) }, 0)
end

local put

local function put_table(state, value)
  local out, keys = state.out, state.keys
  local number = state.numbers[value]
  if number == 0 then refuse(state, "the table is within itself") end
  if number then
    out[#out + 1] = "R" .. pack("=I8", number)
    return
  end
  if debug.getmetatable(value) then refuse(state, "a table with a metatable cannot go to another process") end
  if #keys > MOST_DEEP then refuse(state, ("tables are nested more than %d deep"):format(MOST_DEEP)) end
  state.count = state.count + 1
  local mine = state.count
  state.numbers[value] = 0
  out[#out + 1] = "T"
  for key, one in next, value do
    keys[#keys + 1] = key
    put(state, key)
    put(state, one)
    keys[#keys] = nil
  end
  out[#out + 1] = "E"
  state.numbers[value] = mine
end

function put(state, value)
  local out, kind = state.out, type(value)
  if kind == "string" then
    out[#out + 1] = "s" .. pack("=I8", #value)
    out[#out + 1] = value
  elseif kind == "number" then
    out[#out + 1] = math.type(value) == "integer" and "i" .. pack("=i8", value) or "d" .. pack("=d", value)
  elseif kind == "table" then
    put_table(state, value)
  elseif kind == "nil" or kind == "boolean" then
    out[#out + 1] = kind == "nil" and "z" or LITERAL[value]
  else
    refuse(state, ("a %s cannot go to another process"):format(kind))
  end
end

--- The bytes of `n` values, each of which `what` and its place name in a failure ("argument 2"); or nil and what is the
-- matter.
function codec.encode(what, n, ...)
  local state = { out = { pack("=I8", n) }, keys = {}, numbers = {}, count = 0 }
  local fine, err = pcall(function(...)
    for i = 1, n do
      state.keys[1] = ("%s %d"):format(what, i)
      put(state, (select(i, ...)))
    end
  end, ...)
  if fine then return table.concat(state.out) end
  if type(err) == "table" and err.problem then return nil, err.problem end
  error(err, 0)
end

local END = {} -- what closes a table

local get

local function get_table(state, at)
  local made = {}
  state.tables[#state.tables + 1] = made
  while true do
    local key, value
    key, at = get(state, at)
    if key == END then return made, at end
    value, at = get(state, at)
    made[key] = value
  end
end

function get(state, at)
  local bytes = state.bytes
  local kind = bytes:sub(at, at)
  at = at + 1
  if kind == "s" then return unpack("=s8", bytes, at) end
  if kind == "i" then return unpack("=i8", bytes, at) end
  if kind == "d" then return unpack("=d", bytes, at) end
  if kind == "T" then return get_table(state, at) end
  if kind == "E" then return END, at end
  if kind == "R" then
    local number
    number, at = unpack("=I8", bytes, at)
    return state.tables[number], at
  end
  if kind == "t" then return true, at end
  if kind == "f" then return false, at end
  if kind == "z" then return nil, at end
  error("offload: these bytes are no values", 0)
end

--- The values of these bytes, from `at` on: a list, and how many.
function codec.decode(bytes, at)
  local state, values = { bytes = bytes, tables = {} }, {}
  local n, place = unpack("=I8", bytes, at or 1)
  for i = 1, n do values[i], place = get(state, place) end
  return values, n
end

return codec
