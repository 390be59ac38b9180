--- Connections of our own making.

local core = require "lastcall.core"
local address = require "lastcall.address"
local options = require "lastcall.options"

--- Connects to `where`, trying each address of a name in turn within one `timeout`. Returns the
-- connection, or nil, code, message.
return function(where, given)
  given = options.check("connect", given, options.connect)
  local endpoint = address.check("connect", where)
  local deadline = core.now() + (given.timeout == nil and 10 or given.timeout or math.huge)
  local list, code, message = address.resolve(where, endpoint, deadline - core.now())
  if not list then return nil, code, message end
  local conn
  for _, numeric in ipairs(list) do
    local left = deadline - core.now()
    if left <= 0 then return nil, "timeout", ("%s: connect: its time is over"):format(where) end
    local one = setmetatable({ timeout = left }, { __index = given })
    conn, code, message = core.connect(numeric, one)
    if conn then
      if given.heartbeat then conn:heartbeat(given.heartbeat) end
      return conn
    end
    if code == "canceled" then break end
  end
  return nil, code, message
end
