--- Which proxy a request goes through, by the environment: http_proxy, https_proxy and no_proxy.

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

--- What the environment says, under the first of these names.
local function named(...)
  for _, name in ipairs { ... } do
    local value = os.getenv(name)
    if value and value ~= "" then return value, name end
  end
end

--- Returns function(parts of a URL) -> the proxy, or nil for none. `given`: the option `proxy`.
function proxy.chooser(given)
  if given == false then return function() end end
  if given then
    local one = at(given, "http.client")
    return function() return one end
  end
  local exceptions = named("no_proxy", "NO_PROXY") or ""
  local chosen = {}
  for scheme, names in pairs { http = { "http_proxy" }, https = { "https_proxy", "HTTPS_PROXY" } } do
    local text, name = named(table.unpack(names))
    chosen[scheme] = text and at(text, name)
  end
  return function(parts)
    local host = parts.host:gsub("[%[%]]", "")
    return not is_named(host, parts.port, exceptions) and chosen[parts.scheme] or nil
  end
end

return proxy
