--- socket.dns: the system's resolver. For a task it runs off the loop.

local core = require "lastcall.core"
local object = require "lastcall.socket.object"

local raw = core.socket

local dns = {}

--- Returns the first address of a name, and all that is known of it.
function dns.toip(name)
  local known, problem = raw.host(object.string(1, name))
  if not known then return nil, problem end
  return known.ip[1], known
end

--- Returns the canonical name of a name or an address, and all that is known of it.
function dns.tohostname(name)
  local known, problem = raw.host(object.string(1, name))
  if not known then return nil, problem end
  return known.name, known
end

--- Returns a list of {family=, addr=}.
function dns.getaddrinfo(name)
  local list, problem = raw.addresses(object.string(1, name))
  if not list then return nil, problem end
  for _, one in ipairs(list) do one.address = nil end
  return list
end

--- Returns the names of a host's addresses; with a service, its name too.
function dns.getnameinfo(name, service)
  if name ~= nil then name = object.string(1, name) end
  if service ~= nil then service = object.string(2, service) end
  if not name and not service then error("host and serv cannot be both nil", 0) end
  local names, second = raw.names(name, service)
  if not names then return nil, second end
  if service then return names, second end
  return names
end

function dns.gethostname() return raw.hostname() end

for name, fn in pairs(dns) do dns[name] = raw.method(fn, "socket.dns." .. name) end

return dns
