--- A program for LuaSocket: a server and its client in tasks, datagrams, select, names.
local life = require "spec.faults.life"
local socket = require "lastcall.socket"

--- LuaSocket's failures are nil and a text of its own.
local function try(value, text, ...)
  if not value and type(text) ~= "string" then error("nothing is said of a failure", 2) end
  return value, text, ...
end

life.live(function(lastcall)
  local server = try(socket.bind("127.0.0.1", 0)) or try(socket.bind("127.0.0.1", 0))
  if not server then return end
  local _, port = server:getsockname()
  if not port then return end
  server:settimeout(3)
  local serving = lastcall.spawn(function()
    for _ = 1, 2 do
      local client = try(server:accept())
      if client then
        client:settimeout(3)
        local line = try(client:receive())
        if line then try(client:send(line .. "\n")) end
        client:close()
      end
    end
  end)
  for _ = 1, 2 do
    local client = try(socket.connect("127.0.0.1", port))
    if client then
      client:settimeout(3)
      if try(client:send "hello\n") then try(client:receive()) end
      try(client:setoption("tcp-nodelay", true))
      client:close()
    end
  end
  serving:wait()
  local here, there = try(socket.udp()), try(socket.udp())
  if here and there and try(here:setsockname("127.0.0.1", 0)) then
    local _, to = here:getsockname()
    if to then
      try(there:sendto("words", "127.0.0.1", to))
      here:settimeout(1)
      try(socket.select({ here }, nil, 1))
      try(here:receive())
    end
  end
  try(socket.dns.toip "localhost")
end)
