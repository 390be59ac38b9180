--- Names to addresses.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"

local function check(name)
  if type(name) ~= "string" then misuse.raise("resolve: a host name is a string, not a %s", type(name)) end
  local is_ipv6 = name:find(":", 1, true)
  local endpoint, problem = core.endpoint(is_ipv6 and "[" .. name .. "]:0" or name .. ":0")
  if is_ipv6 and problem then problem = "a host name has neither a port nor brackets, as in \"example.org\"" end
  if endpoint and (not endpoint.host or endpoint.host == "") then problem = "it names no host" end
  if problem then misuse.raise("resolve: %q is not a host name: %s", name, problem) end
end

--- Returns the addresses of a host from the system's resolver, or nil, code, message.
return function(name, given)
  check(name)
  given = options.check("resolve", given, options.resolve)
  local seconds = given.timeout == nil and 10 or given.timeout or nil
  return core.resolve(name, nil, seconds)
end
