--- LuaSec on lastcall.socket: a wait of its objects suspends the task.
--
-- LuaSec gets a duplicate of the descriptor, and never waits itself: its timeout is always 0, and on "wantread" or
-- "wantwrite" the task waits on the connection. The connection keeps its place in the registry, its states and its
-- drain. Only LuaSec sees the bytes, so this file tells the connection how many it has moved, and whether LuaSec holds
-- some that are not whole yet. At the end LuaSec sends its close_notify first; then the connection closes in order.

local core = require "lastcall.core"
local object = require "lastcall.socket.object"
local run = require "lastcall.run"
local stream = require "lastcall.socket.stream"

local raw = core.socket
local deadline, links = object.deadline, object.wrapped

local tls = {}

local original = {} -- LuaSec's own methods
local modes = setmetatable({}, { __mode = "k" }) -- context -> "server" or "client"

--- The link of LuaSec's object. A finalizer may use the object after its connection was collected.
local function link_of(wrapped)
  local link = links[wrapped]
  if link and not raw.is_there(link.stream) then link.is_closed = true end
  return link
end

local WAITS = { wantread = "r", timeout = "r", wantwrite = "w" }

--- Waits for the readiness that `problem` asks for: returns true; or false, the word with which the operation fails,
-- and perhaps a reason. An operation that must not wait learns here, too, that the ladder has dismissed the connection.
local function wait(link, problem, limit)
  local direction = WAITS[problem]
  if link.block == 0 then return false, direction == "r" and raw.is_over(link.stream) and "closed" or problem end
  local fine, word, why = raw.wait_stream(link.stream, direction, limit)
  if fine then return true end
  return false, word == "timeout" and problem or word, why
end

--- How many bytes the script has received and sent.
local function counts(self)
  local received, sent = original.getstats(self)
  return math.tointeger(received), math.tointeger(sent)
end

local function is_readable(self)
  local readable = raw.select({ math.tointeger(original.getfd(self)) }, {}, core.now())
  return readable and #readable > 0
end

--- Calls a method of LuaSec's that receives, and tells the connection what it has done. What had come and gave the
-- script nothing is part of a handshake or of a record. A server that waits for the first byte does not call it: a
-- hello that came during the call would be taken unseen, and its client look silent.
local function take(self, link, method, pattern)
  if link.is_closed then return false, "closed" end
  if link.awaits_hello and method == original.dohandshake then
    if not is_readable(self) then return false, "wantread" end
    link.awaits_hello = false
  end
  local came, before = raw.has_come(link.stream), counts(self)
  local result, problem, partial = method(self, pattern)
  local received = counts(self) - before
  raw.note(link.stream, received, 0)
  local waits = WAITS[problem] ~= nil
  link.has_part = waits and received == 0 and (came or link.has_part)
  if waits or method == original.dohandshake then raw.note_part(link.stream, link.has_part) end
  return result, problem, partial
end

local methods = {}

function methods.dohandshake(self)
  local link = link_of(self)
  if not link then return original.dohandshake(self) end
  local limit = deadline(link)
  while true do
    local fine, problem = take(self, link, original.dohandshake)
    if fine or not WAITS[problem] then return fine, problem end
    local why
    fine, problem, why = wait(link, problem, limit)
    if not fine then return false, select(2, object.failed(why, problem)) end
  end
end

--- What is still to receive after `got` bytes.
local function rest(pattern, got)
  local size = (type(pattern) == "number" or type(pattern) == "string") and tonumber(pattern)
  return size and size - got or pattern
end

local function collect(self, link, pattern, prefix)
  local parts, got, limit = { prefix }, #prefix, nil
  while true do
    local data, problem, partial = take(self, link, original.receive, rest(pattern, got))
    local piece = data or partial or ""
    parts[#parts + 1] = piece
    got = got + #piece
    if data then return table.concat(parts), nil, nil end
    if not WAITS[problem] then
      local all = got > #prefix and problem == "closed" and tostring(pattern):sub(1, 2) == "*a"
      if all then return table.concat(parts), nil, nil end
      return nil, problem, table.concat(parts)
    end
    limit = limit or deadline(link)
    local fine, word, why = wait(link, problem, limit)
    if not fine then return object.failed(why, word, table.concat(parts)) end
  end
end

function methods.receive(self, pattern, prefix)
  local link = link_of(self)
  if not link then return original.receive(self, pattern, prefix) end
  prefix = prefix == nil and "" or tostring(prefix)
  if pattern == nil then pattern = "*l" end
  local size = rest(pattern, #prefix)
  if prefix ~= "" and type(size) == "number" and size <= 0 then return prefix, nil, nil end
  if link.is_closed then return nil, "closed", prefix end
  -- The bytes that LuaSec holds have arrived, too.
  local admitted, word, why = self:dirty(), nil, nil
  if not admitted then admitted, word, why = raw.admitted(link.stream) end
  if not admitted then return object.failed(why, word, prefix) end
  return collect(self, link, pattern, prefix)
end

--- Says that the bytes received need no answer.
function methods.answered(self)
  local link = link_of(self)
  if link and not link.is_closed then raw.answered(link.stream) end
  return 1.0
end

function methods.send(self, data, first, last)
  local link = link_of(self)
  if not link then return original.send(self, data, first, last) end
  local limit
  first = first or 1
  while true do
    if link.is_closed then return nil, "closed", first - 1 end
    local _, before = counts(self)
    local sent, problem, partial = original.send(self, data, first, last)
    local _, after = counts(self)
    local waits = WAITS[problem] ~= nil
    raw.note(link.stream, 0, after - before)
    raw.note_rest(link.stream, waits)
    if not waits then return sent, problem, partial end
    first = math.tointeger(partial) + 1
    limit = limit or deadline(link)
    local fine, word, why = wait(link, problem, limit)
    if not fine then return object.failed(why, word, partial) end
  end
end

function methods.settimeout(self, seconds, mode)
  local link = link_of(self)
  if not link then return original.settimeout(self, seconds, mode) end
  local value = seconds == nil and -1.0 or seconds + 0.0
  if (mode or "b"):sub(1, 1) == "b" then link.block = value else link.total = value end
  return 1.0
end

function methods.dirty(self)
  local link = link_of(self)
  return not (link and link.is_closed) and original.dirty(self)
end

function methods.getfd(self)
  local link = link_of(self)
  return link and link.is_closed and -1.0 or original.getfd(self)
end

local function has_room(self, limit)
  local _, writable = raw.select({}, { math.tointeger(original.getfd(self)) }, limit)
  return writable and #writable > 0
end

--- From now on each operation says "closed".
local function mark_closed(self, link)
  link.is_closed = true
  stream.lend(math.tointeger(original.getfd(self)), nil)
end

--- The same, also to a task that waits.
local function shut(self, link)
  mark_closed(self, link)
  raw.wake(math.tointeger(original.getfd(self)))
end

--- Waits for room in the kernel, because close_notify follows what was sent.
local function leave(self, link)
  local conn = link.stream
  local is_over = raw.trouble(conn) or has_room(self, core.now())
  if not is_over and not has_room(self, core.now() + (link.state.linger or 3)) then conn:abort() end
  original.close(self) -- with a close_notify
  if link.state.linger == 0 then conn:abort() else conn:close("background") end
end

--- Closes at once for the script. Where the peer does not read, a task of its own waits until close_notify can be sent.
function methods.close(self)
  local link = link_of(self)
  if not link then return original.close(self) end
  if link.is_closed then return end
  shut(self, link)
  local conn = link.stream
  local _, in_task = core.running()
  if not in_task or raw.trouble(conn) or has_room(self, core.now()) then return leave(self, link) end
  local context = conn:context() -- a connection that the script opened has none
  if context then context:go(leave, self, link) else core.spawn(leave, self, link) end
end

--- For a connection that lastcall closes: it must not wait.
local function say_goodbye(self, link)
  if link.is_closed or not has_room(self, core.now()) then return end
  shut(self, link)
  original.close(self)
end

local function say_all_goodbyes()
  local all = {}
  for wrapped, link in pairs(links) do all[wrapped] = link end -- other tasks may wrap more meanwhile
  for wrapped, link in pairs(all) do say_goodbye(wrapped, link) end
end

--- Takes the place of a socket's stream: the connection that LuaSec's object has. Its timeouts are not the socket's, as
-- with LuaSec. A socket that its peer has reset has no descriptor, and gives an object that is closed.
local function link_up(wrapped, state, mode)
  local conn = state.stream
  local link = {
    stream = conn, state = state, block = -1.0, total = -1.0, has_part = false, awaits_hello = mode == "server",
  }
  link.is_closed = raw.trouble(conn) ~= nil
  original.settimeout(wrapped, 0)
  raw.note(conn, 0, 0) -- what comes from now on is LuaSec's
  conn:set_farewell(function() say_goodbye(wrapped, link) end) -- the ladder closes what no task reads
  links[wrapped] = link
  stream.lend(math.tointeger(original.getfd(wrapped)), conn)
  state.stream, state.tls = nil, wrapped
end

--- Some of LuaSec's methods crash once its object is closed, which the ladder may do before the script does.
local function guard(method)
  return function(self, ...)
    local link = link_of(self)
    if link and link.is_closed then return nil, "closed" end
    return method(self, ...)
  end
end

local function collected(self)
  local link = links[self]
  if link then mark_closed(self, link) end -- for finalizers of a script that use the object later
  return original.collect(self)
end

local function patch(ssl)
  local class = debug.getregistry()["SSL:Connection"]
  local known = class and class.__index
  if type(known) ~= "table" or original.receive then return ssl end
  for name, method in pairs(known) do
    original[name] = method
    known[name] = methods[name] or type(method) == "function" and guard(method) or method
  end
  known.answered = methods.answered
  original.wrap, original.newcontext, original.collect = ssl.wrap, ssl.newcontext, class.__gc
  class.__close, class.__gc = methods.close, collected
  run.before_closing(say_all_goodbyes)

  --- Notes what a context is for, because LuaSec does not tell later.
  function ssl.newcontext(config)
    local context, problem = original.newcontext(config)
    if context then modes[context] = config.mode end
    return context, problem
  end

  --- Replaces LuaSec's wrap; `sock` cannot be used afterwards, as in LuaSec.
  function ssl.wrap(sock, config)
    local state = raw.state(sock)
    local conn = state and stream.connection(state)
    if not conn then return original.wrap(sock, config) end
    local fd, problem = raw.stream_fd(conn), nil
    if fd >= 0 then fd, problem = raw.lend(fd) end
    if not fd then return nil, problem end
    local wrapped
    wrapped, problem = original.wrap({ getfd = function() return fd end, setfd = function() end }, config)
    if not wrapped then
      raw.close(fd)
      return nil, problem
    end
    link_up(wrapped, state, type(config) == "table" and config.mode or modes[config])
    return wrapped
  end

  return ssl
end

--- Changes LuaSec, whether it is loaded already or later.
function tls.install()
  if package.loaded.ssl then
    patch(package.loaded.ssl)
  elseif not package.preload.ssl then
    package.preload.ssl = function()
      package.preload.ssl = nil
      return patch(require "ssl")
    end
  end
end

return tls
