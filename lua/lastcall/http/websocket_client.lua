--- WebSocket: the handshake of a client.

local connect = require "lastcall.connect"
local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"
local url = require "lastcall.http.client.url"

local WHAT = "http.connect_websocket"
local MOST_INTERIM = 16 -- replies 1xx before the 101

local function parse(text)
  if type(text) ~= "string" then misuse.raise("%s: the URL is a string, not a %s", WHAT, type(text)) end
  local scheme = text:match "^(%a+)://"
  if not scheme or not scheme:lower():find "^wss?$" then
    misuse.raise("%s: %q has not the scheme ws or wss", WHAT, text)
  end
  local parts, problem = url.parse("http" .. text:sub(3))
  if not parts then misuse.raise("%s: %q %s", WHAT, text, problem) end
  return parts
end

local OURS = {
  host = true, connection = true, upgrade = true, ["content-length"] = true,
  ["sec-websocket-key"] = true, ["sec-websocket-version"] = true, ["sec-websocket-protocol"] = true,
  ["sec-websocket-extensions"] = true,
}

--- The head of the request, without the key.
local function request_head(parts, given)
  for name in pairs(given.headers or {}) do
    local is_ours = type(name) == "string" and OURS[name:lower()]
    if is_ours then misuse.raise("%s: %s is lastcall's: leave it out", WHAT, name) end
  end
  local lines = core.http_header_lines(WHAT, given.headers or {})
  local protocols = given.protocols and given.protocols[1] and table.concat(given.protocols, ", ")
  return table.concat {
    ("GET %s HTTP/1.1\r\nHost: %s\r\n"):format(parts.target, parts.authority),
    "Connection: Upgrade\r\nUpgrade: websocket\r\n",
    protocols and ("Sec-WebSocket-Protocol: %s\r\n"):format(protocols) or "",
    lines, "Sec-WebSocket-Version: 13\r\n",
  }
end

local function is_among(list, wanted)
  for _, one in ipairs(list or {}) do
    if one == wanted then return true end
  end
  return false
end

--- What is wrong with the reply; nil when it is fine.
local function fault_of(reply, accept, given)
  local headers = reply.headers
  if reply.status ~= 101 then return ("the reply is %d %s"):format(reply.status, reply.reason) end
  if not (reply.upgrade and reply.upgrade:lower() == "websocket") then return "the reply has no Upgrade: websocket" end
  if headers["sec-websocket-accept"] ~= accept then return "the reply does not answer the key" end
  if headers["sec-websocket-extensions"] then return "the reply has an extension that was not offered" end
  local protocol = headers["sec-websocket-protocol"]
  local is_known = not protocol or is_among(given.protocols, protocol)
  if not is_known then return "the reply has a subprotocol that was not offered" end
end

--- Sends the request, and reads the reply. Returns the reply; or nil, code, message.
local function shake_hands(conn, parts, given, head, deadline)
  local key, code, message = core.random_key(WHAT)
  if not key then return nil, code, message end
  local fine
  fine, code, message = conn:write(head, "Sec-WebSocket-Key: ", key, "\r\n\r\n")
  if not fine then return nil, code, message end
  for _ = 1, MOST_INTERIM do
    local reply
    reply, code, message = core.http_read_reply(conn, {}, deadline)
    if not reply then return nil, code, message end
    if reply.status >= 200 or reply.status == 101 then
      message = fault_of(reply, core.websocket_accept(key), given)
      if message then return nil, "invalid", ("%s: %s"):format(url.text(parts), message) end
      return reply
    end
  end
  return nil, "invalid", ("%s: more than %d interim replies have come"):format(url.text(parts), MOST_INTERIM)
end

--- Connects to a server of WebSocket. Returns the WebSocket; or nil, code, message.
return function(text, given)
  given = options.check(WHAT, given, options.websocket_client)
  local parts = parse(text)
  local head = request_head(parts, given) -- which raises before anything is connected
  local timeout = given.timeout == nil and 10 or given.timeout
  local deadline = timeout and core.now() + timeout or nil
  local conn, code, message = connect(("%s:%d"):format(parts.host, parts.port), {
    timeout = timeout, bind = given.bind, tls = parts.scheme == "https" and (given.tls or true) or nil,
  })
  if not conn then return nil, code, message end
  local reply
  reply, code, message = shake_hands(conn, parts, given, head, deadline)
  if not reply then
    conn:close(0)
    return nil, code, message
  end
  given = options.pick(given, options.websocket_client)
  given.is_client, given.protocol = true, reply.headers["sec-websocket-protocol"]
  given.label = ("WebSocket to %s%s"):format(parts.authority, parts.target:match "^[^?]*")
  return core.websocket_begin(conn, given)
end
