-- A web server in the manner of pegasus under copas: its handler reads one request, sends the head and the body, and
-- closes the connection.

local coroutines = require "spec.support.programs.loops.coroutines"
local http = require "spec.support.programs.loops.http"
local server = require "spec.support.programs.loops.listener"(...)

coroutines.add(server, function(client)
  local path = http.request(client)
  if path then
    local head, body = http.response(path, "close"):match "^(.-\r\n\r\n)(.*)$"
    client:send(head)
    client:send(body)
  end
  client:close()
end)
coroutines.loop()
