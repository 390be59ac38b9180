--- WebSocket: the handshake of a server, and messages to many.

local check = require "lastcall.http.arguments"
local core = require "lastcall.core"
local options = require "lastcall.options"

local websocket = { broadcast = core.broadcast }

local VERSION = "13"

--- The words of a header that is a list, without the white space around them.
local function words(text)
  local list = {}
  for word in (text or ""):gmatch "[^,]+" do list[#list + 1] = word:match "^%s*(.-)%s*$" end
  return list
end

local function has_word(text, wanted)
  for _, word in ipairs(words(text)) do
    if word:lower() == wanted then return true end
  end
  return false
end

--- Answers, so that the handler has nothing more to do. Returns nil, code, message.
local function refuse(response, status, headers, message)
  response.status = status
  for name, value in pairs(headers) do response.headers[name] = value end
  response.headers["Content-Type"] = "text/plain; charset=utf-8"
  response:write(message, "\n")
  core.http_end(response)
  return nil, "invalid", "http.websocket: " .. message
end

--- What is wrong with a request: a status, headers, a message.
local function fault_of(request, given)
  local headers = request.headers
  if not has_word(headers["upgrade"], "websocket") then
    return 426, { Upgrade = "websocket" }, "this address speaks WebSocket only"
  end
  if request.method ~= "GET" then return 405, { Allow = "GET" }, "a WebSocket begins with GET" end
  if request.version ~= "1.1" then return 400, {}, "a WebSocket needs HTTP/1.1" end
  if not has_word(headers["connection"], "upgrade") then return 400, {}, "Connection does not say Upgrade" end
  if headers["sec-websocket-version"] ~= VERSION then
    return 426, { Upgrade = "websocket", ["Sec-WebSocket-Version"] = VERSION }, "only version 13 is spoken here"
  end
  if not core.websocket_accept(headers["sec-websocket-key"] or "") then
    return 400, {}, "Sec-WebSocket-Key is not 16 bytes in base64"
  end
  if given.origins and not given.origins(headers["origin"], request) then
    return 403, {}, "this origin may not connect"
  end
end

--- The first of the server's subprotocols that the client offers.
local function choose(offered, known)
  for _, protocol in ipairs(known or {}) do
    for _, offer in ipairs(words(offered)) do
      if offer == protocol then return protocol end
    end
  end
end

--- A list of origins as a function. Browsers send the origin in lower case.
local function judge_of(origins)
  if type(origins) ~= "table" then return origins end
  return function(origin)
    for _, one in ipairs(origins) do
      if origin and origin:lower() == one:lower() then return true end
    end
    return false
  end
end

--- Takes the connection of a request over to WebSocket. Returns the WebSocket; or nil, code, message, and has answered.
function websocket.accept(request, response, given)
  given = options.check("http.websocket", given, options.websocket)
  check("http.websocket", request, response)
  given = options.pick(given, options.websocket)
  given.origins = judge_of(given.origins)
  local status, headers, message = fault_of(request, given)
  if status then return refuse(response, status, headers, message) end
  local protocol = choose(request.headers["sec-websocket-protocol"], given.protocols)
  local conn, code, why = request:upgrade("websocket", {
    ["Sec-WebSocket-Accept"] = core.websocket_accept(request.headers["sec-websocket-key"]),
    ["Sec-WebSocket-Protocol"] = protocol,
  })
  if not conn then return nil, code, why end
  given.protocol, given.label = protocol, ("WebSocket %s %s"):format(request.method, request.path)
  return core.websocket_begin(conn, given)
end

return websocket
