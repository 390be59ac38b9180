--- Datagrams: what UDP and unix-domain datagram sockets have in common. They are no connections of lastcall;
-- a task that waits for one waits for its descriptor.

local core = require "lastcall.core"
local object = require "lastcall.socket.object"

local raw = core.socket
local expect, deadline = object.expect, object.deadline

local datagram = { SIZE = 8192 }

--- "closed" is for streams. Here it means that no socket receives what is sent.
local function told(word) return word == "closed" and "refused" or word end

local function insist(state, direction, attempt, ...)
  local limit
  while true do
    if not state.fd then return nil, "refused" end
    local result, second, third = attempt(state.fd, ...)
    if result or second ~= "again" then return result, second, third end
    if state.block == 0 then return nil, "timeout" end
    limit = limit or deadline(state)
    local fine, word, why = raw.wait_descriptor(state.fd, direction, limit)
    if not fine then return nil, told(word), why end
  end
end

function datagram.send_to(state, data, address)
  local sent, problem, why = insist(state, "w", raw.send_datagram, data, address)
  if not sent then return object.failed(why, told(problem)) end
  return sent + 0.0
end

function datagram.send(group)
  return function(self, data)
    local state = expect(self, group)
    return datagram.send_to(state, object.string(2, data), nil)
  end
end

function datagram.receive(group)
  return function(self, size)
    local state = expect(self, group)
    size = object.integer(2, size, datagram.SIZE)
    if not state.fd then return "" end -- as in LuaSocket, where this end is an empty datagram
    local data, problem, why = insist(state, "r", raw.receive_datagram, size)
    if not data then return object.failed(why, told(problem)) end
    return data
  end
end

function datagram.receivefrom(group)
  return function(self, size)
    local state = expect(self, group)
    if not state.fd and state.family == "unix" then return "", "" end
    if not state.fd then return nil, "ai_family not supported" end -- LuaSocket's word for no sender
    local data, host, port = insist(state, "r", raw.receive_datagram, object.integer(2, size, datagram.SIZE))
    if not data then return object.failed(port, told(host)) end -- these two are a word and a reason then
    if state.family == "unix" then return data, host end
    return data, host, port
  end
end

function datagram.drop(state)
  local fd = state.fd
  state.fd = nil
  if fd then raw.close(fd) end
end

function datagram.close(group)
  return function(self)
    datagram.drop(expect(self, group))
    return 1.0
  end
end

function datagram.dirty(group)
  return function(self)
    expect(self, group)
    return false
  end
end

function datagram.getfd(group)
  return function(self) return (expect(self, group).fd or -1) + 0.0 end
end

function datagram.setfd(group)
  return function(self, fd)
    local state = expect(self, group)
    fd = object.integer(2, fd)
    raw.wake(state.fd or -1)
    state.fd = fd >= 0 and fd or nil
  end
end

--- Returns a descriptor of `family`: the existing one if it is of that family.
function datagram.open(state, family)
  if state.fd and state.family ~= family then datagram.drop(state) end
  if state.fd then return true end
  local fd, problem = raw.open(family, "dgram")
  if not fd then return nil, problem end
  state.fd, state.family = fd, family
  return true
end

return datagram
