-- A TLS client that says a word, and then selects for ever.

local socket, ssl = require "socket", require "ssl"

local server = assert(socket.connect("127.0.0.1", tonumber(arg[1])))
server = assert(ssl.wrap(server, assert(ssl.newcontext { mode = "client", protocol = "any", verify = "none" })))
assert(server:dohandshake())
server:send "hello\n"
server:settimeout(0)
while true do
  for _, one in ipairs((socket.select({ server }, nil))) do print(one:receive()) end
end
