--- lastcall's own subject: master.lua ADDRESS all|rolling. Two workers with http_server.lua, and a reload at SIGHUP.

local lastcall = require "lastcall"

lastcall.run(function()
  local service = lastcall.assert(lastcall.supervise {
    script = "spec/lab/http_server.lua", args = { arg[1] }, way = arg[2], workers = 2, probation = 0.1,
  })
  os.exit(service:wait().ok, true)
end, { signals = false })
