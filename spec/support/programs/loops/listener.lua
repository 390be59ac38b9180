--- For the loops of this folder: a socket that listens on loopback, or on the unix-domain path of the first argument.
-- The address is printed as the first line.

local socket = require "socket"

local function tcp()
  local server = assert(socket.bind("127.0.0.1", 0))
  return server, ("%s:%d"):format(server:getsockname())
end

local function unix(path)
  local server = assert(require("socket.unix").stream())
  assert(server:bind(path))
  assert(server:listen())
  return server, "unix:" .. path
end

return function(path)
  local server, address
  if path then server, address = unix(path) else server, address = tcp() end
  print("listening " .. address)
  io.stdout:flush()
  return server
end
