--- LuaSec on lastcall.socket: a wait of its objects suspends the task.
--
-- LuaSec gets a duplicate of the descriptor, and never waits itself: its timeout is always 0, and on "wantread" or
-- "wantwrite" the task waits on the connection. The connection keeps its place in the registry, its states and its
-- drain. Only LuaSec sees the bytes, so this file tells the connection how many it has moved. At the end LuaSec sends
-- its close_notify first; then the connection closes in order.

local core = require "lastcall.core"
local object = require "lastcall.socket.object"

local raw = core.socket
local deadline = object.deadline

local tls = {}

local links = setmetatable({}, { __mode = "k" }) -- LuaSec's object -> the state of its socket
local original = {} -- LuaSec's own methods

local WAITS = { wantread = "r", timeout = "r", wantwrite = "w" }

--- Waits for the readiness that `problem` asks for: returns true, or the word with which the operation fails.
local function wait(link, problem, limit)
  local fine, word = raw.wait_stream(link.conn, WAITS[problem], limit)
  if fine then return true end
  return false, word == "timeout" and problem or word
end

local methods = {}

function methods.dohandshake(self)
  local link = links[self]
  if not link or link.block == 0 then return original.dohandshake(self) end
  local _ <close> = link.conn:work() -- a handshake under way is work
  local limit = deadline(link)
  while true do
    local fine, problem = original.dohandshake(self)
    if fine or not WAITS[problem] then return fine, problem end
    fine, problem = wait(link, problem, limit)
    if not fine then return false, problem end
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
    local data, problem, partial = original.receive(self, rest(pattern, got))
    local piece = data or partial or ""
    parts[#parts + 1] = piece
    got = got + #piece
    raw.note(link.conn, #piece, 0)
    if data then return table.concat(parts), nil, nil end
    if not WAITS[problem] or link.block == 0 then
      local all = got > #prefix and problem == "closed" and tostring(pattern):sub(1, 2) == "*a"
      if all then return table.concat(parts), nil, nil end
      return nil, problem, table.concat(parts)
    end
    limit = limit or deadline(link)
    local fine, word = wait(link, problem, limit)
    if not fine then return nil, word, table.concat(parts) end
  end
end

function methods.receive(self, pattern, prefix)
  local link = links[self]
  if not link then return original.receive(self, pattern, prefix) end
  prefix = prefix == nil and "" or tostring(prefix)
  if pattern == nil then pattern = "*l" end
  local size = rest(pattern, #prefix)
  if prefix ~= "" and type(size) == "number" and size <= 0 then return prefix, nil, nil end
  -- The bytes that LuaSec holds have arrived, too.
  if not self:dirty() and not raw.admitted(link.conn) then return nil, "closed", prefix end
  return collect(self, link, pattern, prefix)
end

--- Says that the bytes received need no answer.
function methods.answered(self)
  local link = links[self]
  if link then raw.answered(link.conn) end
  return 1.0
end

function methods.send(self, data, first, last)
  local link = links[self]
  if not link then return original.send(self, data, first, last) end
  local limit
  first = first or 1
  while true do
    local sent, problem, partial = original.send(self, data, first, last)
    local upto = sent or partial or 0
    raw.note(link.conn, 0, math.max(0, math.tointeger(upto - first + 1) or 0))
    if sent or not WAITS[problem] or link.block == 0 then return sent, problem, partial end
    first = math.tointeger(upto) + 1
    limit = limit or deadline(link)
    local fine, word = wait(link, problem, limit)
    if not fine then return nil, word, partial end
  end
end

function methods.settimeout(self, seconds, mode)
  local link = links[self]
  if not link then return original.settimeout(self, seconds, mode) end
  local value = seconds == nil and -1.0 or seconds + 0.0
  if (mode or "b"):sub(1, 1) == "b" then link.block = value else link.total = value end
  return 1.0
end

local function has_room(fd, limit)
  local _, writable = raw.select({}, { fd }, limit)
  return writable and #writable > 0
end

--- Closes LuaSec's side. LuaSec blocks while it sends close_notify, so this is done only when there is room for it.
function methods.close(self)
  local link = links[self]
  if not link then return original.close(self) end
  links[self] = nil
  local conn, fd = link.conn, math.tointeger(original.getfd(self))
  if not raw.trouble(conn) and not has_room(fd, core.now()) then
    if not has_room(fd, core.now() + (link.state.linger or 3)) then conn:abort() end
  end
  raw.wake(fd)
  original.close(self)
  if link.state.linger == 0 then conn:abort() else conn:close("background") end
end

local function patch(ssl)
  local class = debug.getregistry()["SSL:Connection"]
  local known = class and class.__index
  if type(known) ~= "table" or original.receive then return ssl end
  for name, method in pairs(methods) do
    original[name] = known[name]
    known[name] = method
  end
  original.getfd, original.wrap = known.getfd, ssl.wrap
  class.__close = methods.close

  --- Replaces LuaSec's wrap; `sock` cannot be used afterwards, as in LuaSec.
  function ssl.wrap(sock, config)
    local state = raw.state(sock)
    local conn = state and state.stream
    if not conn then return original.wrap(sock, config) end
    local fd, problem = raw.duplicate(raw.stream_fd(conn))
    if not fd then return nil, problem end
    local wrapped
    wrapped, problem = original.wrap({ getfd = function() return fd end, setfd = function() end }, config)
    if not wrapped then
      raw.close(fd)
      return nil, problem
    end
    original.settimeout(wrapped, 0)
    links[wrapped] = { conn = conn, state = state, block = state.block, total = state.total }
    state.stream, state.tls = nil, wrapped
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
