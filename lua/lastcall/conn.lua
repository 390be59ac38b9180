--- Connections: the methods that take a table. This file checks the table.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"

local methods = core.connection_methods
local detach, set_keepalive, heartbeat = methods.detach, methods.set_keepalive, methods.heartbeat

--- Hands over the descriptor, the bytes already read, and a ticket; the new owner calls its `done` after closing.
function methods:detach(given)
  methods.state(self) -- raises when it is no connection
  options.check("conn:detach", given, options.detach)
  return detach(self, given)
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
