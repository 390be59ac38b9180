--- Which proxy a request goes through, by the environment: http_proxy and no_proxy.

local authorization = require "lastcall.http.client.authorization"
local misuse = require "lastcall.misuse"
local url = require "lastcall.http.client.url"

local proxy = {}

--- {address =, authorization =} of the proxy at a URL such as "http://user:password@proxy:3128".
local function at(text, named_by)
  local parts, problem = url.parse(text:find "://" and text or "http://" .. text)
  if parts and parts.scheme ~= "http" then problem = "is not of the scheme http" end
  if problem then misuse.raise("%s: the proxy %q %s", named_by, text, problem) end
  return {
    address = ("%s:%d"):format(parts.host, parts.port), authorization = authorization.of_user(parts.user),
  }
end

local function is_named(host, port, list)
  for entry in list:gmatch "[^%s,]+" do
    local name, of_port = entry:match "^(.-):(%d+)$"
    if not name or name:find ":" then name, of_port = entry, nil end
    name = name:lower():gsub("^%*?%.", "")
    local is_it = entry == "*" or host == name or host:sub(-#name - 1) == "." .. name
    if is_it and (not of_port or tonumber(of_port) == port) then return true end
  end
  return false
end

--- Returns function(parts of a URL) -> the proxy, or nil for none. `given`: the option `proxy`.
function proxy.chooser(given)
  if given == false then return function() end end
  local text, exceptions = given, ""
  if not text then
    text = os.getenv "http_proxy"
    exceptions = os.getenv "no_proxy" or os.getenv "NO_PROXY" or ""
  end
  if not text or text == "" then return function() end end
  local one = at(text, given and "http.client" or "http_proxy")
  return function(parts)
    local host = parts.host:gsub("[%[%]]", "")
    if parts.scheme == "http" and not is_named(host, parts.port, exceptions) then return one end
  end
end

return proxy
