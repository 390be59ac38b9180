--- Addresses as scripts write them: "host:port", "[::1]:80", ":80", "unix:/path".

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"

local address = {}

--- Raises an error that says what would be right, unless `text` is an address.
function address.check(what, text)
  if type(text) ~= "string" then
    misuse.raise("%s: an address is a string such as \"127.0.0.1:7000\", not a %s", what, type(text))
  end
  local endpoint, problem = core.endpoint(text)
  if not endpoint then
    misuse.raise("%s: %q is not an address: %s", what, text, problem)
  end
  return endpoint
end

--- Returns a list of numeric addresses, or nil, code, message. In a task it waits `seconds` at most, and the loop
-- goes on meanwhile.
function address.resolve(text, endpoint, seconds)
  if endpoint.numeric then return { text } end
  return core.resolve(endpoint.host, endpoint.port, seconds)
end

return address
