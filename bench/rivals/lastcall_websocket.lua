-- The echo over WebSocket that is measured, with all that is on by default.

local http = require "lastcall.http"
local lastcall = require "lastcall"

local function echo(request, response)
  local ws = http.websocket(request, response)
  if not ws then return end
  for text in ws:messages() do ws:send(text) end
end

local report = lastcall.run(function()
  local server = assert(lastcall.listen "127.0.0.1:0")
  print(server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(echo))
end, { log = function() end, drain = 5 })
os.exit(report.ok)
