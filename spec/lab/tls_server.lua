--- The server of tls_storm.sh: tls_server.lua ADDRESS CERTIFICATE KEY.

local http = require "lastcall.http"
local lastcall = require "lastcall"

local report = lastcall.run(function()
  local server = lastcall.assert(lastcall.listen(arg[1], { tls = { certificate = arg[2], key = arg[3] } }))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(function() return "hello\n" end))
end, { drain = 25, log = function() end })

print(report)
os.exit(report.ok)
