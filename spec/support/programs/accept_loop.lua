-- A server of one client at a time that goes on accepting, whatever accept says, as web servers do:
--   accept_loop.lua careless | careful

local socket = require "socket"

local server = assert(socket.bind("127.0.0.1", 0))
print("listening", (("%s:%d"):format(server:getsockname())))
io.stdout:flush()

while true do
  local client, problem = server:accept()
  if client or arg[1] == "careless" then
    client:settimeout(5)
    client:send("you said: " .. tostring(client:receive()) .. "\n")
    client:close()
  else
    io.stderr:write("cannot accept: ", problem, "\n")
  end
end
