--- lastcall's own subject: master.lua ADDRESS all|rolling. Two workers with http_server.lua, and a reload at SIGHUP.
-- At SIGWINCH it says how much memory is in use, without garbage.

local lastcall = require "lastcall"

local function tell_memory()
  collectgarbage()
  collectgarbage()
  io.stderr:write(("memory in use: %d\n"):format(collectgarbage "count" * 1024 // 1))
end

lastcall.run(function()
  lastcall.on_signal("WINCH", tell_memory)
  local service = lastcall.assert(lastcall.supervise {
    script = "spec/lab/http_server.lua", args = { arg[1] }, way = arg[2], workers = 2, probation = 0.1,
  })
  os.exit(service:wait().ok, true)
end, { signals = false })
