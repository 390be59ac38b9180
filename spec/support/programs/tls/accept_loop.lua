-- A server that serves one client after the other, over TLS.

local base = require "spec.support.programs.tls.base"

local server = base.listen(arg[1])
while true do
  local client = server:accept()
  if not client then break end
  client = base.wrap(client, nil)
  if client:dohandshake() then
    for line in function() return (client:receive()) end do client:send("you said: " .. line .. "\n") end
  end
  client:close()
end
