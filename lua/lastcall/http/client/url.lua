--- URLs of http and https: in parts, and one relative to another.

local url = {}

local PORTS = { http = 80, https = 443 }

--- The host in the brackets of an IPv6 address, or a name, and the port behind it.
local function host_and_port(text)
  local host, port = text:match "^(%[[%x:.]+%]):?(%d*)$"
  if not host then host, port = text:match "^([%w._~-]+):?(%d*)$" end
  if not host then return nil end
  return host:lower(), port
end

local function port_of(text, scheme)
  if text == "" then return PORTS[scheme] end
  local port = #text <= 5 and math.tointeger(tonumber(text)) or 0
  return port >= 1 and port <= 65535 and port or nil
end

--- The parts {scheme, host, port, authority, target, user}: the target is what a request names, the authority is what
-- Host says, and the user is "name:password" as it was sent. Or nil, and what is wrong.
function url.parse(text)
  if text:find "[^\x21-\x7e]" then return nil, "has a byte that no URL may have" end
  local scheme, rest = text:match "^(%a[%w+.-]*)://([^#]*)"
  scheme = scheme and scheme:lower()
  if not scheme then return nil, "has no scheme and host, such as http://example.org/" end
  if not PORTS[scheme] then return nil, ("has the scheme %s; there are http and https"):format(scheme) end
  local authority, target = rest:match "^([^/?]*)(.*)$"
  local user, where = authority:match "^(.*)@([^@]*)$"
  local host, digits = host_and_port(where or authority)
  if not host then return nil, "has no valid host" end
  local port = port_of(digits, scheme)
  if not port then return nil, "has no valid port" end
  return {
    scheme = scheme, host = host, port = port, user = user,
    authority = port == PORTS[scheme] and host or ("%s:%d"):format(host, port),
    target = target:sub(1, 1) == "/" and target or "/" .. target,
  }
end

--- The whole of it, without the user: a message must not show a password.
function url.text(parts) return parts.scheme .. "://" .. parts.authority .. parts.target end

--- Whether both have one scheme, host and port: what is for one of them may be told to the other.
function url.same_origin(a, b) return a.scheme == b.scheme and a.host == b.host and a.port == b.port end

--- A path without its parts "." and "..".
local function without_dots(path)
  local parts = {}
  for part in path:gmatch "/([^/]*)" do
    if part == ".." then parts[#parts] = nil
    elseif part ~= "." then parts[#parts + 1] = part end
  end
  if path:find "/%.%.?$" then parts[#parts + 1] = "" end
  return "/" .. table.concat(parts, "/")
end

--- What `reference` means in a document at `base` (RFC 3986, section 5.2). Bytes that no URL may have are escaped.
-- Returns the parts, or nil and what is wrong.
function url.join(base, reference)
  reference = reference:gsub("#.*", ""):gsub("[^\x21-\x7e]", function(byte) return ("%%%02X"):format(byte:byte()) end)
  if reference:find "^%a[%w+.-]*:" then return url.parse(reference) end
  if reference:find "^//" then return url.parse(base.scheme .. ":" .. reference) end
  local path, query = reference:match "^([^?]*)(.*)$"
  local base_path, base_query = base.target:match "^([^?]*)(.*)$"
  if path == "" then
    path, query = base_path, query ~= "" and query or base_query
  else
    if path:sub(1, 1) ~= "/" then path = base_path:match "^.*/" .. path end
    path = without_dots(path)
  end
  return url.parse(base.scheme .. "://" .. base.authority .. path .. query)
end

return url
