-- An echo server with LuaSec, on lastcall: each client has a task, and no client delays another, not even during its
-- handshake. SIGTERM drains the server; each client gets close_notify before its connection closes.
--   lua5.4 examples/luasocket_tls_echo.lua key.pem certificate.pem 7443
require("lastcall.socket").install()
local socket = require "socket"
local ssl = require "ssl"

local context = assert(ssl.newcontext {
  mode = "server", protocol = "any", key = assert(arg[1], "a key"), certificate = assert(arg[2], "a certificate"),
  options = { "all", "no_sslv2", "no_sslv3" },
})
local server = assert(socket.bind("127.0.0.1", tonumber(arg[3]) or 7443))
print("listening " .. table.concat({ server:getsockname() }, ":", 1, 2))
io.stdout:flush()

local report = require("lastcall.socket").serve(server, function(client)
  client = assert(ssl.wrap(client, context))
  client:settimeout(10)
  if not client:dohandshake() then return end
  for line in function() return (client:receive()) end do
    client:send("you said: " .. line .. "\n")
  end
  client:close()
end)
print(report)
os.exit(report.ok)
