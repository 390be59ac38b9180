-- A web server on a scheduler in the manner of xavante: a client asks again and again on one connection.

local coroutines = require "spec.support.programs.loops.coroutines"
local http = require "spec.support.programs.loops.http"
local server = require "spec.support.programs.loops.listener"(...)

coroutines.add(server, function(client)
  for path in http.request, client do client:send(http.response(path, "keep-alive")) end
  client:close()
end)
coroutines.loop()
