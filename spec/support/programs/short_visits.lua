-- Connects, says a word and closes, many times, to a server that leaves its clients in the queue: how often it failed.

local socket = require "socket"

local server = assert(socket.tcp4())
assert(server:bind("127.0.0.1", 0))
assert(server:listen(400))
local _, port = server:getsockname()

local failures = 0
for _ = 1, 300 do
  local client = socket.connect("127.0.0.1", port)
  if client then
    client:send "a word"
    client:close()
  else
    failures = failures + 1
  end
end
print("failures", failures)
