--- socket.select: for any number of objects that have getfd, and `dirty` if they have a buffer of input.

local core = require "lastcall.core"
local object = require "lastcall.socket.object"

local raw = core.socket

local ENOUGH = 3

--- Whether a listener has ended. A caller learns of it ENOUGH times; if it still selects the listener, it waits.
local function has_ended(state)
  if raw.listener_fd(state.server) >= 0 then return false end
  state.told = (state.told or 0) + 1
  return state.told <= ENOUGH
end

--- Whether a read has something already: bytes in the object's own buffer, or its end.
local function has_input(one, fd)
  local dirty = fd >= 0 and one.dirty
  if dirty and dirty(one) then return true end
  local state = object.state(one)
  if not state then return false end
  if state.server then return raw.unclaimed(state.server) > 0 or has_ended(state) end
  return state.stream and raw.is_cut(state.stream)
end

--- Whether a send would fail at once, because the connection has ended.
local function has_failed(one)
  local state = object.state(one)
  return state and state.stream and raw.trouble(state.stream)
end

--- The descriptors of `list`, and for each descriptor its object. Objects for which `is_due` is true go to `due`
-- instead; connections of lastcall go to `streams` too.
local function collect(list, is_due, due, streams)
  local fds, owner, count = {}, {}, 0
  if not list then return fds, owner end
  local i = 1
  local one = list[i]
  while one ~= nil do
    if type(one) == "number" or type(one) == "boolean" then
      error(("attempt to index a %s value"):format(type(one)), 0)
    end
    local getfd = one.getfd
    local fd = getfd and getfd(one)
    fd = type(fd) == "number" and math.tointeger(fd // 1) or -1
    if is_due(one, fd) then
      due[#due + 1] = one
    elseif fd >= 0 then
      if owner[fd] == nil then
        count = count + 1
        fds[count] = fd
      end
      owner[fd] = one
      local state = streams and object.state(one)
      if state and state.stream then streams[#streams + 1] = state.stream end
    end
    i = i + 1
    one = list[i]
  end
  return fds, owner
end

--- Appends to `result` the objects whose descriptors are ready, and maps each object to its place there.
local function give(result, indices, fds, owner)
  local ready = {}
  for i, index in ipairs(indices) do ready[i] = fds[index] end
  table.sort(ready)
  for _, fd in ipairs(ready) do result[#result + 1] = owner[fd] end
  for i = 1, #result do result[result[i]] = i + 0.0 end
end

local function check_table(i, list)
  if list ~= nil and type(list) ~= "table" then raw.type_error(i, "table") end
end

--- One look, which waits until `limit` at most. Returns the two results, whether anything is ready, and whether
-- another look is worth while.
local function look(reading, writing, limit)
  local to_read, to_write, streams = {}, {}, {}
  local read_fds, readers = collect(reading, has_input, to_read, streams)
  local write_fds, writers = collect(writing, has_failed, to_write)
  if #to_read + #to_write > 0 then limit = 0 end
  local readable, writable, again = raw.select(read_fds, write_fds, limit, streams)
  if not readable then error("select failed: " .. writable, 0) end
  give(to_read, readable, read_fds, readers)
  give(to_write, writable, write_fds, writers)
  return to_read, to_write, #to_read + #to_write > 0, again
end

--- Returns the objects of `reading` that are readable and those of `writing` that are writable, and "timeout" if
-- there was none within `seconds`.
return function(reading, writing, seconds)
  seconds = object.number(3, seconds, -1) -- first, as LuaSocket does
  check_table(1, reading)
  check_table(2, writing)
  local limit = seconds >= 0 and core.now() + seconds or nil
  local readable, writable, some, again
  repeat
    readable, writable, some, again = look(reading, writing, limit)
  until some or not again
  if some then return readable, writable end
  return readable, writable, "timeout"
end
