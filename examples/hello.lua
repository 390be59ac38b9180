-- The smallest service over HTTP. Usage: lua hello.lua [ADDRESS]
--
--   curl 127.0.0.1:7011/world

local http = require "lastcall.http"

local report = http.serve(arg[1] or "127.0.0.1:7011", function(request)
  return "hello, " .. request.path .. "\n"
end, { ready = "/ready" })

print(report)
os.exit(report.ok)
