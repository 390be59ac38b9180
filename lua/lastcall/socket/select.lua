--- socket.select: for any number of objects that have getfd, and `dirty` if they have a buffer of input.

local core = require "lastcall.core"
local object = require "lastcall.socket.object"
local readiness = require "lastcall.readiness"
local stream = require "lastcall.socket.stream"

local raw = core.socket

local ENOUGH = 3

--- Whether accept has no client left to give. A caller learns of it ENOUGH times; if it still selects the listener,
-- it waits.
local function has_ended(state)
  if not raw.is_ended(state.server) then return false end
  state.told = (state.told or 0) + 1
  return state.told <= ENOUGH
end

-- What a script's own objects are around: connections, and the states of listening sockets.
local around, around_listeners = setmetatable({}, { __mode = "k" }), setmetatable({}, { __mode = "k" })

--- The connection behind an object: a socket, or a script's own object around one, which has the same descriptor.
-- Where the descriptor has ended meanwhile, the caller learns of it once.
local function connection_of(one, state, fd)
  if state then return state.stream end
  local conn = around[one]
  around[one] = fd >= 0 and stream.by_descriptor(fd) or nil
  return around[one] or fd < 0 and conn or nil
end

--- In the same way the state of a listening socket, which stays one when the ladder has ended its descriptor.
local function listener_of(one, state, fd)
  if not state then
    if fd >= 0 then around_listeners[one] = stream.listener_by_descriptor(fd) end
    state = around_listeners[one]
  end
  return state and state.server and state
end

--- The descriptor to wait for; negative when there is none.
local function descriptor_of(one)
  local getfd = one.getfd
  local fd = getfd and getfd(one)
  return type(fd) == "number" and math.tointeger(fd // 1) or -1
end

--- Whether a read has something already: bytes in the object's own buffer, or its end. `is_busy`: the script waits to
-- send to it, too.
local function has_input(one, fd, conn, listener, is_busy)
  local dirty = fd >= 0 and one.dirty
  if dirty and dirty(one) then return true end
  if listener then
    readiness.begin()
    return stream.reserve(listener) or has_ended(listener)
  end
  return conn and raw.is_over(conn, is_busy)
end

--- Whether a send would fail at once, because the connection has ended.
local function has_failed(_, _, conn) return conn and raw.trouble(conn) end

--- Whether another task has closed the object since an earlier look: each operation on it returns at once.
local function was_closed(seen, fd, listener)
  return fd < 0 and seen and not listener -- a listener that the ladder ends is not closed
end

--- One list of select's, for one call. `seen` has the objects that had a descriptor at a look of this call.
local function new_list(objects, is_due) return { objects = objects, is_due = is_due, seen = {} } end

--- Sorts the objects of a list anew. Those for which nothing has to be waited go to `due`. `fds` gets the descriptors
-- of the others, `owner` has for each descriptor its object, and `streams` the connections among them that may be
-- idle. `busy` has the descriptors to which the script waits to send.
local function sort(list, busy)
  local due, fds, owner, streams, count = {}, {}, {}, {}, 0
  list.due, list.fds, list.owner, list.streams = due, fds, owner, streams
  local objects, i = list.objects, 1
  local one = objects and objects[1]
  while one ~= nil do
    if type(one) == "number" or type(one) == "boolean" then
      error(("attempt to index a %s value"):format(type(one)), 0)
    end
    local state, fd = object.state(one), descriptor_of(one)
    local conn, listener = connection_of(one, state, fd), listener_of(one, state, fd)
    if list.is_due(one, fd, conn, listener, busy[fd]) or was_closed(list.seen[one], fd, listener) then
      due[#due + 1] = one
    elseif fd >= 0 then
      list.seen[one] = true
      if owner[fd] == nil then
        count = count + 1
        fds[count] = fd
      end
      owner[fd] = one
      if not busy[fd] then streams[#streams + 1] = conn end
    end
    i = i + 1
    one = objects[i]
  end
end

--- What is due, and the objects whose descriptors are ready; each object also maps to its place in the result.
local function result_of(list, indices)
  local result, ready = list.due, {}
  for i, index in ipairs(indices) do ready[i] = list.fds[index] end
  table.sort(ready)
  for _, fd in ipairs(ready) do result[#result + 1] = list.owner[fd] end
  for i = 1, #result do result[result[i]] = i + 0.0 end
  return result
end

local function check_table(i, list)
  if list ~= nil and type(list) ~= "table" then raw.type_error(i, "table") end
end

--- One look, which waits until `limit` at most. Returns the two results, and whether another look is worth while
-- because nothing is ready.
local function look(reading, writing, limit)
  sort(writing, {})
  sort(reading, writing.owner)
  if #reading.due + #writing.due > 0 then limit = 0 end
  local readable, writable, again = raw.select(reading.fds, writing.fds, limit, reading.streams)
  if not readable then error("select failed: " .. writable, 0) end
  local to_read, to_write = result_of(reading, readable), result_of(writing, writable)
  return to_read, to_write, again and #to_read + #to_write == 0
end

--- Returns the objects of `reading` that are readable and those of `writing` that are writable, and "timeout" if
-- there was none within `seconds`.
return function(reading, writing, seconds)
  seconds = object.number(3, seconds, -1) -- first, as LuaSocket does
  check_table(1, reading)
  check_table(2, writing)
  local limit = seconds >= 0 and core.now() + seconds or nil
  local to_read, to_write = new_list(reading, has_input), new_list(writing, has_failed)
  local readable, writable, again
  repeat
    readable, writable, again = look(to_read, to_write, limit)
  until not again
  if #readable + #writable > 0 then return readable, writable end
  return readable, writable, "timeout"
end
