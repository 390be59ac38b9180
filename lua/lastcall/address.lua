--- Addresses as scripts write them: "host:port", "[::1]:80", ":80", "unix:/path".

local core = require "lastcall.core"

local address = {}

--- Raises at the caller's caller, with what would be right, unless `text` is an address.
function address.check(what, text, level)
  if type(text) ~= "string" then
    error(("%s: an address is a string such as \"127.0.0.1:7000\", not a %s"):format(what, type(text)),
      (level or 1) + 2)
  end
  local endpoint, problem = core.endpoint(text)
  if not endpoint then
    error(("%s: %q is not an address: %s"):format(what, text, problem), (level or 1) + 2)
  end
  return endpoint
end

--- A list of addresses that need no look-up, or nil, code, message. In a task it waits, at most
-- `seconds`, without holding up the loop.
function address.resolve(text, endpoint, seconds)
  if endpoint.numeric then return { text } end
  return core.resolve(endpoint.host, endpoint.port, seconds)
end

return address
