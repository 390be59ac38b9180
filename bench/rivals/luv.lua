-- An echo server on luv: callbacks on libuv's streams. Usage: lua luv.lua

local uv = require "luv"

local server = uv.new_tcp()
assert(server:bind("127.0.0.1", 0))
assert(server:listen(4096, function()
  local client = uv.new_tcp()
  server:accept(client)
  client:nodelay(true)
  client:read_start(function(_, data)
    if data then client:write(data) else client:close() end
  end)
end))
print(server:getsockname().port)
io.stdout:flush()

local signal = uv.new_signal()
signal:start("sigterm", function() uv.stop() end)
uv.run()
