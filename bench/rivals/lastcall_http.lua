-- The HTTP server that is measured, with all that is on by default. Usage: lua lastcall_http.lua [FOLDER], whose
-- files it serves then.

local http = require "lastcall.http"
local lastcall = require "lastcall"

lastcall.run(function()
  local server = assert(lastcall.listen "127.0.0.1:0")
  print(server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(arg[1] and http.files(arg[1]) or function() return "hello world\n" end))
end, { log = function() end, drain = 25 })
