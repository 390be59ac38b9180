--- Requests as they are sent: checked once, then written for each connection that they are sent on.

local authorization = require "lastcall.http.client.authorization"
local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local url = require "lastcall.http.client.url"

local message = {}

local IDEMPOTENT = { GET = true, HEAD = true, OPTIONS = true, PUT = true, DELETE = true, TRACE = true }
local WITH_LENGTH = { POST = true, PUT = true, PATCH = true } -- a length is expected even of no body

local function check_method(what, method)
  if type(method) ~= "string" then misuse.raise("%s: the method is a string, not a %s", what, type(method)) end
  if not method:find "^[%w!#$%%&'*+%-.^_`|~]+$" then misuse.raise("%s: %q is no method", what, method) end
  if method == "CONNECT" then misuse.raise("%s: CONNECT is for proxies: use lastcall.connect", what) end
  return method
end

local function check_url(what, text)
  if type(text) ~= "string" then misuse.raise("%s: the URL is a string, not a %s", what, type(text)) end
  local parts, problem = url.parse(text)
  if not parts then misuse.raise("%s: %q %s", what, text, problem) end
  return parts
end

--- One table of headers out of several: a later one replaces those of its names, in any case.
local function merged(what, ...)
  local result, names = {}, {}
  for i = 1, select("#", ...) do
    for name, value in pairs(select(i, ...) or {}) do
      if type(name) ~= "string" then
        misuse.raise("%s: the name of a header is a string, not a %s", what, type(name))
      end
      local lower = name:lower()
      if names[lower] then result[names[lower]] = nil end
      names[lower] = value ~= false and name or nil
      if value ~= false then result[name] = value end
    end
  end
  if names.expect then misuse.raise("%s: Expect is lastcall's: use the option expect", what) end
  return result, names
end

local function length_of_list(what, list)
  local length = 0
  for i, piece in ipairs(list) do
    if type(piece) ~= "string" then
      misuse.raise("%s: piece %d of the body is a string, not a %s", what, i, type(piece))
    end
    length = length + #piece
  end
  return length
end

--- The body, and its length if it is known before it is sent.
local function check_body(what, body)
  if body == nil then return nil, nil end
  if type(body) == "number" then body = tostring(body) end
  if type(body) == "string" then return body, #body end
  if type(body) == "table" then return body, length_of_list(what, body) end
  if type(body) == "function" then return body, nil end
  misuse.raise("%s: the body is a string, a list of strings or a function, not a %s", what, type(body))
end

--- Checks what a script asks for. `what` names the function that it called, and `defaults` are the client's headers. A
-- redirection gives `place`, a URL in parts.
function message.new(what, given, defaults)
  local method = check_method(what, given.method or "GET")
  local headers, names = merged(what, defaults, given.headers)
  local body, length = check_body(what, given.body)
  local one = {
    what = what, method = method, url = given.place or check_url(what, given.url), headers = headers, names = names,
    body = body, length = length, auth = given.auth, retry = given.retry, expects = given.expect and body ~= nil,
  }
  one.is_idempotent = given.retry == nil and IDEMPOTENT[method] or given.retry == true
  one.lines = {}
  message.check_headers(one)
  return one
end

--- The lines of the script's own headers: they raise here, before anything is connected.
function message.check_headers(one)
  local declared
  one.lines, declared, one.closes = core.http_header_lines(one.what, one.headers)
  if declared and not one.body and declared > 0 then
    misuse.raise("%s: Content-Length is %d, and there is no body", one.what, declared)
  end
  if declared and one.length and declared ~= one.length then
    misuse.raise("%s: Content-Length is %d, and the body has %d bytes", one.what, declared, one.length)
  end
  one.length = one.length or declared
end

--- Whether the body can be sent a second time: a function that gives pieces cannot be called again.
function message.is_repeatable(one) return type(one.body) ~= "function" end

--- Whether the reply may be compressed, for all that the script says. A part of compressed bytes cannot be undone.
function message.may_be_compressed(one) return not (one.names["accept-encoding"] or one.names.range) end

function message.has_large_body(one)
  return type(one.body) == "function" or one.length and one.length > 65536
end

local function framing(one)
  if one.body and not one.length then return "Transfer-Encoding: chunked\r\n" end
  if one.body or WITH_LENGTH[one.method] then return ("Content-Length: %d\r\n"):format(one.length or 0) end
  return ""
end

--- The head, as it goes to the server itself or through a proxy.
function message.head(one, through)
  local target = through and url.text(one.url) or one.url.target
  local lines = { ("%s %s HTTP/1.1\r\n"):format(one.method, target) }
  if not one.names.host then lines[#lines + 1] = ("Host: %s\r\n"):format(one.url.authority) end
  local secret = one.auth and authorization.basic(one.auth) or authorization.of_user(one.url.user)
  if secret and not one.names.authorization then lines[#lines + 1] = ("Authorization: %s\r\n"):format(secret) end
  if through and through.authorization then
    lines[#lines + 1] = ("Proxy-Authorization: %s\r\n"):format(through.authorization)
  end
  lines[#lines + 1] = framing(one)
  if one.decodes then lines[#lines + 1] = "Accept-Encoding: gzip\r\n" end
  if one.expects then lines[#lines + 1] = "Expect: 100-continue\r\n" end
  if one.closes then lines[#lines + 1] = "Connection: close\r\n" end
  lines[#lines + 1] = one.lines .. "\r\n"
  return table.concat(lines)
end

return message
