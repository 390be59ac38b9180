--- The HTTP server of keepalive.sh: http_server.lua ADDRESS [OPTION=SECONDS...], options of its drain.
-- At its end it prints how many connections it counted as late.

local http = require "lastcall.http"
local lastcall = require "lastcall"

local drain = { timeout = 25 }
for i = 2, #arg do
  local name, seconds = arg[i]:match "^(%l+)=([%d.]+)$"
  drain[name] = tonumber(seconds)
end

local report = lastcall.run(function()
  local server = lastcall.assert(lastcall.listen(arg[1]))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(function() return "hello\n" end))
end, { drain = drain })

print("late " .. report.late)
os.exit(report.ok)
