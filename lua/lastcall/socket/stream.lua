--- Streams: what TCP and unix-domain stream sockets have in common.
--
-- A socket's state first has `fd` (a descriptor of its own: not connected yet, or connecting), then `stream`
-- (a connection in lastcall's registry) or `server` (a listening server of lastcall).

local core = require "lastcall.core"
local inside = require "lastcall.supervise.inside"
local object = require "lastcall.socket.object"
local readiness = require "lastcall.readiness"
local server = require "lastcall.server"

local raw = core.socket
local now = core.now
local expect, deadline = object.expect, object.deadline

local stream = {}

local streams = setmetatable({}, { __mode = "v" }) -- connections, by the descriptors that they had first
local lent = setmetatable({}, { __mode = "v" }) -- and by the duplicates that LuaSec has
local listening = setmetatable({}, { __mode = "v" }) -- the states of listening sockets, by their descriptors

local function note(conn)
  streams[raw.stream_fd(conn)] = conn
  return conn
end

--- The connection that has this descriptor, if there is one.
function stream.by_descriptor(fd)
  local conn = streams[fd]
  return conn and raw.stream_fd(conn) == fd and conn or lent[fd]
end

--- The state of the listening socket that has this descriptor, if there is one.
function stream.listener_by_descriptor(fd)
  local state = listening[fd]
  return state and object.descriptor(state) == fd and state or nil
end

--- LuaSec uses `fd` for the connection from now on; without a connection, it does so no more.
function stream.lend(fd, conn) lent[fd] = conn end

--- A new socket with a connection.
function stream.object(class, family, conn)
  return object.new(class, { family = family, stream = note(conn) })
end

-- ----------------------------------------------------------------- connecting

local function adopt(state)
  local conn, problem = raw.adopt(state.fd)
  if not conn then return nil, problem end
  state.fd, state.stream = nil, note(conn)
  if state.linger then conn:set_linger(state.linger) end
  return conn
end

--- Waits until the connect under way has ended: returns the connection, or nil, a word and perhaps a reason.
local function finish_connect(state, limit)
  local waited = false
  while state.fd do
    local fine, word = raw.outcome(state.fd)
    if fine then return adopt(state) end
    if word ~= "again" then return nil, word end
    if state.block == 0 then return nil, "timeout" end
    if waited then return nil, "closed" end -- ready, and not connected: no connect is under way
    local why
    fine, word, why = raw.wait_descriptor(state.fd, "w", limit)
    if not fine then return nil, word, why end
    waited = true
  end
  return nil, "closed"
end

--- The connection of a socket; nil before it is connected.
function stream.connection(state)
  if state.stream or state.server then return state.stream end
  return (finish_connect(state, now()))
end

--- Makes sure that a socket that is not connected has a descriptor of `family`.
local function open(state, family)
  if state.fd and state.family ~= family then stream.drop(state) end
  if state.fd then return true end
  local fd, problem = raw.open(family, "stream")
  if not fd then return nil, problem end
  state.fd, state.family = fd, family
  return true
end

--- Connects a connected socket again. The kernel refuses this from the second time on; the first time it may mean to
-- ask for the result of a connect under way. A socket that its peer has reset can connect the next time.
local function connect_again(state, address)
  if state.server or not raw.trouble(state.stream) then return raw.connect(object.descriptor(state), address) end
  stream.drop(state)
  open(state, state.family)
  return nil, "closed"
end

--- Connects to one address, with the existing descriptor if it is of that family.
function stream.connect(state, family, address)
  local taken = state.stream or state.server
  if taken and state.family == family then return connect_again(state, address) end
  if taken then stream.drop(state) end
  local opened, problem = open(state, family)
  if not opened then return nil, problem end
  local limit = deadline(state)
  local fine, word = raw.connect(state.fd, address)
  if fine or word == "already connected" then return adopt(state) end
  if word ~= "again" then return nil, word end
  if state.block == 0 then return nil, "timeout" end
  local why
  fine, word, why = raw.wait_descriptor(state.fd, "w", limit)
  if not fine then return nil, word, why end
  return finish_connect(state, limit)
end

-- ------------------------------------------------------------------ receiving

local PATTERNS = { ["*l"] = "l", ["*a"] = "a" }

local function receive_pattern(pattern, prefix)
  if pattern == nil then return "l" end
  local size = (type(pattern) == "number" or type(pattern) == "string") and tonumber(pattern)
  if not size then
    local kind = PATTERNS[object.string(2, pattern):sub(1, 2)]
    return kind or raw.argument_error(2, "invalid receive pattern")
  end
  if size < 0 or size ~= size then raw.argument_error(2, "invalid receive pattern") end
  size = math.tointeger(size // 1) or math.maxinteger
  return "n", size - #prefix
end

local function receive_data(state, conn, kind, size, limit)
  local data, word, why = raw.receive(conn, kind, size, state.block == 0)
  if data or word ~= "again" then return data, word, why end
  if state.block == 0 then return nil, "timeout" end
  limit = limit or deadline(state)
  repeat
    local fine
    fine, word, why = raw.wait_stream(conn, "r", limit)
    if not fine then return nil, word, why end
    data, word, why = raw.receive_more(conn, kind, size)
  until word ~= "again"
  return data, word, why
end

function stream.receive(group)
  return function(self, pattern, prefix)
    local state = expect(self, group)
    prefix = prefix == nil and "" or object.string(3, prefix)
    local kind, size = receive_pattern(pattern, prefix)
    if kind == "n" and size <= 0 and prefix ~= "" then return prefix, nil, nil end
    local conn, limit = state.stream, nil
    if not conn then
      local problem, reason
      limit = deadline(state)
      conn, problem, reason = finish_connect(state, limit)
      if not conn then return object.failed(reason, problem, prefix) end
    end
    local data, word, why = receive_data(state, conn, kind, size, limit)
    if not data then return object.failed(why, word, prefix .. raw.partial(conn, kind)) end
    if kind == "a" and data == "" then return nil, "closed", prefix end
    if prefix ~= "" then data = prefix .. data end
    return data, nil, nil
  end
end

-- -------------------------------------------------------------------- sending

--- Where to begin and how many bytes, from arguments like those of string.sub.
local function range(size, first, last)
  if first == nil and last == nil then return 1, size end
  first, last = object.integer(3, first, 1), object.integer(4, last, -1)
  if first < 0 then first = size + first + 1 end
  if last < 0 then last = size + last + 1 end
  return math.max(first, 1), math.min(last, size)
end

-- The error of receive on a socket without a connect under way. For send such a socket is like a closed one.
stream.NOT_CONNECTED = "Transport endpoint is not connected"

local function send_data(state, data, first, last)
  local conn, limit = state.stream, nil
  if not conn then
    local problem, reason
    limit = deadline(state)
    conn, problem, reason = finish_connect(state, limit)
    if not conn then return 0, problem == stream.NOT_CONNECTED and "closed" or problem, reason end
  end
  local zero, sent, size = state.block == 0, 0, last - first + 1
  while true do
    local accepted, word, why = raw.send(conn, data, first - 1 + sent, size - sent, zero)
    if not accepted then return sent, word, why end
    sent = sent + accepted
    if sent == size then return sent end
    if zero then return sent, "timeout" end
    limit = limit or deadline(state)
    accepted, word, why = raw.wait_stream(conn, "w", limit)
    if not accepted then return sent, word, why end
  end
end

function stream.send(group)
  return function(self, data, first, last)
    local state = expect(self, group)
    data = object.string(2, data)
    first, last = range(#data, first, last)
    local sent, word, why = 0, nil, nil
    if first <= last then sent, word, why = send_data(state, data, first, last) end
    local index = sent + first - 1 + 0.0
    if word then return object.failed(why, word, index) end
    return index, nil, nil
  end
end

-- ------------------------------------------------------------------ listening

--- The options of servers made here: LuaSocket has no limits but its own timeouts. lastcall.socket.install may
-- change them.
stream.server_options = {
  keepalive = false, user_timeout = false, write_timeout = false, nodelay = false,
}

local PAUSE = 0.2 -- longer than a loop that has been told of the end is given to end by itself

--- Refuses to accept. A loop that ignores this must not keep the processor busy, unless it asked never to wait.
local function refuse(state, word, why)
  if word == "closed" and state.block ~= 0 then
    state.refusals = (state.refusals or 0) + 1
    if state.refusals > 3 then raw.sleep_until(now() + PAUSE, true) end
  end
  return object.failed(why, word)
end

--- Whether a client waits that the library has accepted during a stop. Takes it, so that accept has one when select has
-- said so, also if the drain closes the client meanwhile.
function stream.reserve(state)
  if not state.reserved and raw.unclaimed(state.server) > 0 then state.reserved = raw.accept(state.server) end
  return state.reserved
end

local function accept(state, limit)
  local listener = state.server
  if not listener then return nil, "closed" end
  local conn, word, why = state.reserved, nil, nil
  state.reserved = nil
  if not conn then conn, word, why = raw.accept(listener) end
  local in_vain = 0
  while word == "again" do
    if state.block == 0 then return nil, "timeout" end
    local fine
    fine, word, why = raw.wait_server(listener, limit)
    if not fine then return nil, word, why end
    -- Ready, but no client: the process is out of descriptors, or another process was faster. The pause comes before
    -- accept, not behind it: a client that comes in the pause wakes no task.
    in_vain = in_vain + 1
    if in_vain > 2 then raw.sleep_until(now() + 0.005) end
    conn, word, why = raw.accept(listener)
  end
  return conn, word, why
end

function stream.accept(family)
  local group, client = family .. "{server}", family .. "{client}"
  return function(self)
    local state = expect(self, group)
    readiness.begin()
    local conn, word, why = accept(state, deadline(state))
    if not conn then return refuse(state, word, why) end
    state.refusals = nil
    return stream.object(client, state.family, conn)
  end
end

function stream.listen(family)
  local group, class = family .. "{master}", family .. "{server}"
  return function(self, backlog)
    local state = expect(self, group)
    backlog = object.integer(2, backlog, 32)
    if server.is_too_late() then return raw.refuse() end -- as accept does then
    local fine, problem = raw.listen(state.fd or -1, backlog)
    if not fine then return nil, problem end
    local made, _, message = server.adopt(state.fd, stream.server_options, backlog)
    if not made then return nil, message end
    raw.by_hand(made)
    if state.shared then inside.note(state.shared, made, state.fd) end
    state.fd, state.server = nil, made
    listening[object.descriptor(state)] = state
    object.become(self, class)
    return 1.0
  end
end

--- Binds a socket that is to listen. In a worker the master has it, or gets a copy when `bind()` has bound it.
function stream.bind_shared(state, address, bind)
  if not inside.is_worker() then return bind() end
  local ticket, fd, message = inside.ask(address)
  if not ticket then return nil, message end
  state.shared = ticket
  if fd then
    if state.fd then raw.close(state.fd) end
    state.fd = fd
    return true
  end
  local fine, problem = bind()
  if fine then inside.opened(ticket, state.fd) else inside.failed(ticket, "error", problem) end
  return fine, problem
end

--- Binds to one of several addresses.
function stream.bind(state, family, address)
  local fine, problem = open(state, family)
  if not fine then return nil, problem end
  return raw.bind(state.fd, address)
end

-- --------------------------------------------------------------------- ending

--- How many bytes the script has received and sent. Bytes that the script has not read yet do not count.
local function counts(state)
  local received, sent = state.received or 0, state.sent or 0
  local conn = state.stream
  if not conn then return received, sent end
  local stats = conn:stats()
  return received + stats.received - raw.unread(conn), sent + stats.sent
end

--- Lets go of what the socket has: a connection closes in the background, a server stops listening at once.
function stream.drop(state)
  local conn, listener, fd = state.stream, state.server, state.fd
  state.received, state.sent = counts(state)
  raw.wake(object.descriptor(state))
  local reserved = state.reserved
  state.stream, state.server, state.fd, state.ticket, state.reserved = nil, nil, nil, nil, nil
  raw.turn()
  if conn then
    if state.linger == 0 then conn:abort() else conn:close("background") end
  end
  if reserved then reserved:abort() end
  if listener then raw.retire(listener) end
  if fd then raw.close(fd) end
  raw.turn()
end

function stream.close(group)
  return function(self)
    stream.drop(expect(self, group))
    return 1.0
  end
end

local DIRECTIONS = { receive = true, send = true, both = true }

function stream.shutdown(group)
  return function(self, how)
    local state = expect(self, group)
    how = object.string(2, how, "both")
    if not DIRECTIONS[how] then raw.argument_error(2, ("invalid option '%s'"):format(how)) end
    if state.stream and how ~= "receive" then raw.shut_write(state.stream) end
    if not state.stream or how ~= "send" then
      raw.shutdown(object.descriptor(state), state.stream and "receive" or how)
    end
    return 1.0
  end
end

--- Says that the bytes received need no answer: a drain may close the connection before the next request.
function stream.answered(group)
  return function(self)
    local state = expect(self, group)
    if state.stream then raw.answered(state.stream) end
    return 1.0
  end
end

-- -------------------------------------------------------------------- looking

function stream.dirty(group)
  return function(self)
    local state = expect(self, group)
    return state.stream ~= nil and raw.unread(state.stream) > 0
  end
end

function stream.getfd(group)
  return function(self) return object.descriptor(expect(self, group)) + 0.0 end
end

--- Gives the socket another descriptor. The old one stays open: it belongs to the code that asked for it with getfd.
-- A connection stays in the registry, as detached, as long as the object lives.
function stream.setfd(group)
  return function(self, fd)
    local state = expect(self, group)
    fd = object.integer(2, fd)
    raw.wake(object.descriptor(state))
    if state.stream then
      local _, _, ticket = state.stream:detach()
      state.stream, state.ticket = nil, ticket
    elseif state.server then
      raw.retire(state.server)
      state.server = nil
    end
    state.fd = fd >= 0 and fd or nil
  end
end

function stream.getstats(group)
  return function(self)
    local state = expect(self, group)
    local received, sent = counts(state)
    return received + 0.0, sent + 0.0, now() - state.born
  end
end

function stream.setstats(group)
  return function(self, received, sent, age)
    local state = expect(self, group)
    local have_received, have_sent = counts(state)
    local function change(i, value, field, have)
      if value ~= nil then state[field] = (state[field] or 0) + object.number(i, value) - have end
    end
    change(2, received, "received", have_received)
    change(3, sent, "sent", have_sent)
    if age ~= nil then state.born = now() - object.number(4, age) end
    return 1.0
  end
end

return stream
