--- HTTP/1.1: a server that finishes every request. The API is described in lastcall/meta_http.lua.

local client = require "lastcall.http.client"
local handler = require "lastcall.http.handler"
local options = require "lastcall.options"
local run = require "lastcall.run"
local websocket = require "lastcall.http.websocket"
require "lastcall.http.request"
require "lastcall.http.response"

local http = {
  handler = handler.new, access_log = require "lastcall.http.access_log", wsapi = require "lastcall.http.wsapi",
  websocket = websocket.accept, broadcast = websocket.broadcast,
  connect_websocket = require "lastcall.http.websocket_client",
  files = require "lastcall.http.files", status = require "lastcall.http.status",
  client = client.client, request = client.request, get = client.get, post = client.post,
}

--- listen, serve and run in one, with options of all three and of http.handler.
function http.serve(where, fn, given)
  given = options.check("http.serve", given, options.http_serve)
  return run.serve(where, handler.new(fn, options.pick(given, options.http)), options.pick(given, options.serve))
end

return http
