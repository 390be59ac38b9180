--- Outbound connections.

local core = require "lastcall.core"
local address = require "lastcall.address"
local options = require "lastcall.options"
local tls = require "lastcall.tls"

--- How long one attempt runs alone before the next address is tried beside it (RFC 8305).
local STAGGER = 0.25

local function is_ipv6(numeric) return numeric:byte() == 0x5B end

--- The same addresses, ordered so that the first one's family and the other alternate while both last.
local function interleave(list)
  local families, ordered = { {}, {} }, {}
  for _, numeric in ipairs(list) do
    table.insert(families[is_ipv6(numeric) == is_ipv6(list[1]) and 1 or 2], numeric)
  end
  for i = 1, #list do
    ordered[#ordered + 1] = families[1][i]
    ordered[#ordered + 1] = families[2][i]
  end
  return ordered
end

--- The state of one call: the attempts under way, and the errors of those that failed.
local Race = {}
Race.__index = Race

--- Begins an attempt with the next address, if there is one and its time has come.
function Race:begin(given)
  local numeric = self.list[self.begun + 1]
  if not numeric or self.pending[1] and core.now() < self.next_at then return false end
  self.begun = self.begun + 1
  self.next_at = core.now() + STAGGER
  local conn, code, message = core.connect_begin(numeric, given)
  if conn then
    table.insert(self.pending, conn)
    self.addresses[conn] = numeric
  else
    self:failed(code, message)
  end
  return true
end

function Race:failed(code, message)
  self.code = self.code or code
  table.insert(self.messages, message)
end

--- Returns the first connection that is established, if any, and drops the attempts that failed.
function Race:winner()
  for i = #self.pending, 1, -1 do
    local conn = self.pending[i]
    local connected, code, message = core.connect_end(conn, self.addresses[conn])
    if connected == nil then self:failed(code, message) end
    if connected ~= false then table.remove(self.pending, i) end
    if connected then return conn end
  end
end

--- Returns nil, code, message. The message names the addresses that were tried, and the error of each.
function Race:lost(where, code, message)
  for _, conn in ipairs(self.pending) do
    table.insert(self.messages, self.addresses[conn] .. ": connect: no answer")
  end
  if where == self.list[1] then return nil, code or self.code, message or self.messages[1] end
  message = message or where .. ": connect"
  return nil, code or self.code, message .. ": " .. table.concat(self.messages, "; ")
end

function Race:run(where, given, deadline)
  while true do
    local conn = self:winner()
    if conn then return conn end
    if not self:begin(given) then
      if not self.pending[1] then return self:lost(where) end
      local until_when = self.list[self.begun + 1] and math.min(self.next_at, deadline) or deadline
      local fine, code, message = core.connect_wait(self.pending, until_when - core.now(), where)
      if not fine and (code ~= "timeout" or until_when == deadline) then return self:lost(where, code, message) end
    end
  end
end

--- Connects to `where` within one `timeout`. When the addresses of a name are slow, it tries several at once.
-- Returns the connection, or nil, code, message.
return function(where, given)
  given = options.check("connect", given, options.connect)
  local endpoint = address.check("connect", where)
  local transport, code, message
  if given.tls then
    transport, code, message = tls.of_client("connect", given.tls, endpoint.host)
    if not transport then return nil, code, message end
    given = setmetatable({ transport = transport }, { __index = given })
  end
  local deadline = core.now() + (given.timeout == nil and 10 or given.timeout or math.huge)
  local list
  list, code, message = address.resolve(where, endpoint, deadline - core.now())
  if not list then return nil, code, message end
  local race = setmetatable({
    list = interleave(list), begun = 0, next_at = 0, pending = {}, addresses = {}, messages = {},
  }, Race)
  local conn
  conn, code, message = race:run(where, given, deadline)
  for _, other in ipairs(race.pending) do core.connect_drop(other) end
  if not conn then return nil, code, message end
  if given.heartbeat then conn:heartbeat(given.heartbeat) end
  return conn
end
