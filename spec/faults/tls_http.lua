--- HTTP over TLS: replies, an upload, a file, a WebSocket, a certificate replaced, and a drain at the end.
-- CERTIFICATES = {certificate =, key =, ca =} is there.
local http = require "lastcall.http"
local life = require "spec.faults.life"
local try = life.try

local OF = CERTIFICATES -- luacheck: globals CERTIFICATES

local function serve(request, response)
  if request.path == "/file" then
    return try(response:file "spec/faults/life.lua") or not response.begun and 503 or nil
  end
  local ws = request.path == "/chat" and http.websocket(request, response)
  if not ws then return ("x"):rep(70000) .. (try(request:body()) or "") end
  for text in ws:messages() do try(ws:send(text)) end
end

life.live(function()
  local tls = { certificate = OF.certificate, key = OF.key, alpn = { "http/1.1" } }
  local server = life.serve("127.0.0.1:0", http.handler(serve), { tls = tls, handshake_timeout = 2, write_timeout = 2 })
  if not server then return end
  local address = server:addresses()[1]
  local options = { ca = OF.ca, name = "localhost" }
  local client = http.client { tls = options, timeout = 5 }
  for i, path in ipairs { "/post", "/file", "/post" } do
    local reply = try(client:post(("https://%s%s"):format(address, path), ("y"):rep(30000)))
    local body = reply and try(reply:body())
    if body and path == "/post" and #body ~= 100000 then error("a reply of " .. #body) end
    if i == 2 then try(server:set_tls(tls)) end
  end
  local ws = try(http.connect_websocket(("wss://%s/chat"):format(address), { tls = options, timeout = 5 }))
  if ws and try(ws:send(("z"):rep(40000))) then
    local text = try(ws:read())
    if text and #text ~= 40000 then error("a message of " .. #text) end
  end
  if ws then ws:close() end
  client:close()
end)
