--- WSAPI applications as handlers of requests. An application is a function(env) that returns a status, headers, and a
-- function that gives pieces of the body.

local escapes = require "lastcall.http.escapes"
local misuse = require "lastcall.misuse"
local stderr = require "lastcall.stderr"

local LINES = { -- what the library's own lines say
  connection = true, ["keep-alive"] = true, ["transfer-encoding"] = true, status = true,
}

--- The body of a request, as a file that is read.
local function input_of(request)
  local input = {}
  --- Reads `n` bytes, fewer at the end of the body, nil behind it; all that is left without `n`.
  function input.read(_, n)
    n = tonumber(n) or math.huge
    if n <= 0 then return nil end
    local pieces, left = {}, n
    while left > 0 do
      local piece, code, message = request:read(math.tointeger(math.min(left, 65536)))
      if not piece and code then misuse.raise("input:read: %s", message) end
      if not piece then break end
      pieces[#pieces + 1] = piece
      left = left - #piece
    end
    return #pieces > 0 and table.concat(pieces) or nil
  end
  return input
end

local errors = { write = function(_, ...) stderr.say(table.concat({ ... })) end }

--- Host and port of "host:port", "[v6]:port" or either without a port.
local function parts_of(host)
  local name, port = host:match "^(.-):(%d*)$"
  if not name or name:find("^[^%[].*:") then return host, nil end
  return name, port ~= "" and port or nil
end

--- The variables that every request has.
local function variables_of(request, path)
  local name, port = parts_of(request.host or "")
  local client, client_port = parts_of(request.peer)
  return {
    GATEWAY_INTERFACE = "CGI/1.1", SERVER_SOFTWARE = "lastcall", SERVER_PROTOCOL = "HTTP/" .. request.version,
    SERVER_NAME = name, SERVER_PORT = port or (request.scheme == "https" and "443" or "80"),
    REQUEST_METHOD = request.method, REQUEST_URI = request.target, SCRIPT_NAME = "", PATH_INFO = path,
    QUERY_STRING = request.query or "", HTTPS = request.scheme == "https" and "on" or "",
    REMOTE_ADDR = client:match "^%[(.*)%]$" or client, REMOTE_PORT = client_port or "",
    CONTENT_TYPE = request.headers["content-type"] or "", CONTENT_LENGTH = request.headers["content-length"] or "",
    input = input_of(request), error = errors,
  }
end

--- Headers are looked up when they are asked for. A variable that does not exist is "". HTTP_PROXY is none: programs
-- take it for a setting of their own.
local function index_of(request)
  return function(env, name)
    local header = type(name) == "string" and name ~= "HTTP_PROXY" and name:match "^HTTP_(.+)$"
    local value = header and request.headers[(header:gsub("_", "-"))] or ""
    rawset(env, name, value)
    return value
  end
end

local function status_of(status)
  local number = math.tointeger(tonumber(type(status) == "string" and status:match "^%d+" or status))
  if not number then misuse.raise("http.wsapi: the application returned %s as its status", tostring(status)) end
  return number
end

local function value_of(value)
  if type(value) ~= "table" then return tostring(value) end
  local list = {}
  for i, one in ipairs(value) do list[i] = tostring(one) end
  return list
end

local function headers_of(headers)
  local ours = {}
  for name, value in pairs(headers or {}) do
    if not LINES[tostring(name):lower()] then ours[name] = value_of(value) end
  end
  return ours
end

local function nothing() return nil end

--- Makes a handler of an application: a function, or a table with the function `run`.
return function(app)
  local run = type(app) == "table" and app.run or app
  misuse.check_function(run, "http.wsapi", "the application")
  return function(request)
    local path = escapes.decode(request.path)
    if not path then return 400, "Bad Request\n" end
    local env = setmetatable(variables_of(request, path), { __index = index_of(request) })
    local status, headers, pieces = run(env)
    return status_of(status), headers_of(headers), pieces or nothing
  end
end
