-- The same on copas itself, which is found by LUA_PATH.

local copas = require "copas"
local answer = require "spec.support.programs.loops.answers"
local server = require "spec.support.programs.loops.listener"(...)

copas.addserver(server, function(client)
  for line in function() return copas.receive(client) end do copas.send(client, answer(line)) end
  client:close()
end)
copas.loop()
