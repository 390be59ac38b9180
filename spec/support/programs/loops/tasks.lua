-- A task for each client.

local lastcall = require "lastcall"
local answer = require "spec.support.programs.loops.answers"
local server = require "spec.support.programs.loops.listener"(...)

local function serve(client)
  for line in function() return (client:receive()) end do client:send(answer(line)) end
  client:close()
end

for client in function() return (server:accept()) end do lastcall.go(serve, client) end
