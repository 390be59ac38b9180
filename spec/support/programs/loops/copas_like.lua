-- A coroutine for each client, on a scheduler in the manner of copas.

local coroutines = require "spec.support.programs.loops.coroutines"
local answer = require "spec.support.programs.loops.answers"
local server = require "spec.support.programs.loops.listener"(...)

coroutines.add(server, function(client)
  for line in function() return client:receive() end do client:send(answer(line)) end
  client:close()
end)
coroutines.loop()
