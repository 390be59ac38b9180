-- The same server with the three lines of doc/from-luasocket.md: every client has a task of its own, and
-- SIGTERM drains the server.
require("lastcall.socket").install()
local socket = require "socket"

local server = assert(socket.bind("127.0.0.1", tonumber(arg[1]) or 7000))
print("listening " .. table.concat({ server:getsockname() }, ":", 1, 2))
io.stdout:flush()

local function handle(client)
  for line in function() return (client:receive()) end do
    client:send("you said: " .. line .. "\n")
  end
end

local report = require("lastcall.socket").serve(server, handle)
print(report)
os.exit(report.ok)
