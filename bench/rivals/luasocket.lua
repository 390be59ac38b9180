-- An echo server on LuaSocket alone: one loop around socket.select. Usage: lua luasocket.lua

local socket = require "socket"

local server = assert(socket.bind("127.0.0.1", 0, 4096))
server:settimeout(0)
print((select(2, server:getsockname())))
io.stdout:flush()

local watched = { server }

local function forget(client)
  for i, other in ipairs(watched) do
    if other == client then table.remove(watched, i) break end
  end
  client:close()
end

while true do
  for _, ready in ipairs(socket.select(watched)) do
    if ready == server then
      local client = server:accept()
      if client then
        client:setoption("tcp-nodelay", true)
        client:settimeout(0)
        watched[#watched + 1] = client
      end
    else
      local data, code, partial = ready:receive(65536)
      local got = data or partial
      if #got > 0 then ready:send(got) end
      if code == "closed" then forget(ready) end
    end
  end
end
