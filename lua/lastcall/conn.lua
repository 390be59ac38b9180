--- Connections: the methods that take a table. This file checks the table.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"
local tls = require "lastcall.tls"

local methods = core.connection_methods
local detach, set_keepalive, heartbeat = methods.detach, methods.set_keepalive, methods.heartbeat
local send_fds = methods.send_fds

--- Hands over the descriptor, the bytes already read, and a ticket; the new owner calls its `done` after closing.
function methods:detach(given)
  methods.state(self) -- raises when it is no connection
  options.check("conn:detach", given, options.detach)
  if tls.describe(self) then
    return nil, "eopnotsupp", "conn:detach: an encrypted connection has keys, which no descriptor hands over"
  end
  return detach(self, given)
end

-- Objects such as those of lastcall.socket tell their descriptor by getfd. The rest is known to the core.
local function descriptor_of(one)
  local kind = type(one)
  if kind ~= "table" and kind ~= "userdata" or io.type(one) then return one end
  local getfd = one.getfd
  return getfd and math.tointeger(getfd(one)) or one
end

--- Sends descriptors beside the first byte of `bytes`, in the order of all that is written.
function methods:send_fds(list, bytes)
  methods.state(self)
  if type(list) ~= "table" then
    misuse.raise("conn:send_fds: expected a list of descriptors, not %s", list == nil and "nothing" or tostring(list))
  end
  local all = {}
  for i = 1, #list do all[i] = descriptor_of(list[i]) end
  return send_fds(self, all, bytes)
end

--- Asks the peer for a sign of life. After `interval` (15) seconds without a byte from it, the connection sends `send`,
-- a string or the result of `send(conn)`. Without a byte in the next `timeout` (10) seconds the peer is lost.
function methods:heartbeat(given)
  methods.state(self)
  if given ~= false then
    if type(given) ~= "table" then
      misuse.raise("conn:heartbeat: expected a table {interval=, timeout=, send=}, or false to turn it off, not %s",
        given == nil and "nothing" or tostring(given))
    end
    options.check("conn:heartbeat", given, options.heartbeat)
  end
  return heartbeat(self, given)
end

--- Sets keepalive and the user timeout that belongs to it. Fields that are not given stay as they are.
function methods:set_keepalive(given)
  methods.state(self)
  if given ~= false then
    if type(given) ~= "table" then
      misuse.raise("conn:set_keepalive: expected a table {idle=, interval=, count=}, or false to turn it off, not %s",
        given == nil and "nothing" or tostring(given))
    end
    options.check("conn:set_keepalive", given, options.keepalive)
  end
  return set_keepalive(self, given)
end

--- Goes over to TLS in the middle of a connection: as the server where it was accepted, else as the client.
function methods:starttls(given)
  methods.state(self)
  local is_server = methods.server(self) ~= nil
  if is_server and given == nil then misuse.raise "conn:starttls: a server needs a certificate: { certificate = … }" end
  options.check("conn:starttls", { tls = given == nil and not is_server or given },
    { tls = is_server and tls.is_server or tls.is_client })
  local transport, code, message
  if is_server then transport, code, message = tls.of_server("conn:starttls", given)
  else transport, code, message = tls.of_client("conn:starttls", given or true)
  end
  if not transport then return nil, code, message end
  return core.conn_set_transport(self, transport)
end

function methods:tls()
  methods.state(self)
  return tls.describe(self)
end
