-- A task for each client of an accept loop, over TLS, whose calls wait.

local lastcall, socket = require "lastcall", require "socket"
local base = require "spec.support.programs.tls.base"

local function serve(client)
  client = base.wrap(client, nil)
  if client:dohandshake() then
    for line in function() return (client:receive()) end do
      if line == "busy" or line == "wait" then socket.sleep(0.5) end
      client:send((line == "big" and ("x"):rep(base.BIG) or "you said: " .. line) .. "\n")
    end
  end
  client:close()
end

local server = base.listen(arg[1])
while true do
  local client, problem = server:accept()
  if not client then
    print(problem)
    break
  end
  lastcall.go(serve, client)
end
