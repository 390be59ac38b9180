--- Connections of descriptors that the script was given: sockets, ends of pipes, terminals.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"

--- Makes a connection of an open descriptor, which belongs to the connection from then on. Returns the connection; or
-- nil, code, message, and the descriptor stays the caller's.
return function(fd, given)
  if math.type(fd) ~= "integer" then
    misuse.raise("adopt: the first argument is the number of a descriptor, not %s",
      type(fd) == "number" and tostring(fd) or "a " .. type(fd))
  end
  given = options.check("adopt", given, options.connection)
  local conn, code, message = core.adopt(fd, given)
  if not conn then return nil, code, message end
  if given.heartbeat then conn:heartbeat(given.heartbeat) end
  return conn
end
