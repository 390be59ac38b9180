-- An echo server on copas: a coroutine for each connection, on LuaSocket's select. Usage: lua copas.lua

local copas = require "copas"
local socket = require "socket"

local server = assert(socket.bind("127.0.0.1", 0, 4096))
print((select(2, server:getsockname())))
io.stdout:flush()

copas.addserver(server, function(client)
  client:setoption("tcp-nodelay", true)
  while true do
    local data, code, partial = copas.receivePartial(client, 65536)
    local got = data or partial
    if got and #got > 0 then copas.send(client, got) end
    if code == "closed" then break end
  end
  client:close()
end)
copas.loop()
