-- A server written for LuaSocket, unchanged: one client at a time, and it never ends by itself.
--   lua5.4 examples/luasocket_echo.lua 7000            on LuaSocket, as usual
--   lastcall examples/luasocket_echo.lua 7000          on lastcall: SIGTERM lets the client finish
local socket = require "socket"

local server = assert(socket.bind("127.0.0.1", tonumber(arg[1]) or 7000))
print("listening " .. table.concat({ server:getsockname() }, ":", 1, 2))
io.stdout:flush()

local function handle(client)
  for line in function() return (client:receive()) end do
    client:send("you said: " .. line .. "\n")
  end
end

while true do
  local client = server:accept()
  if not client then break end
  handle(client)
  client:close()
end
