-- One client at a time, until it goes; the others wait in the queue.

local answer = require "spec.support.programs.loops.answers"
local server = require "spec.support.programs.loops.listener"(...)

for client in function() return (server:accept()) end do
  for line in function() return (client:receive()) end do client:send(answer(line)) end
  client:close()
end
