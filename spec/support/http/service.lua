--- The HTTP service of scripts/demo: service.lua ADDRESS SECONDS, the second being those that a shutdown may take.

local http = require "lastcall.http"
local lastcall = require "lastcall"

local pages = {}

pages["/quick"] = function() return "hello\n" end

pages["/report"] = function()
  lastcall.sleep(2)
  return "all is well\n"
end

pages["/large"] = function()
  local piece, count = ("x"):rep(1 << 16), 0
  return 200, function()
    count = count + 1
    return count <= 32 and piece or nil
  end
end

pages["/upload"] = function(request)
  local size = 0
  for piece in request:chunks() do size = size + #piece end
  return size .. "\n"
end

pages["/hour"] = function()
  if not lastcall.sleep(3600) then return 503, "not in time\n" end -- it is canceled
  return "done\n"
end

local report = lastcall.run(function()
  local server = lastcall.assert(lastcall.listen(arg[1]))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(function(request)
    local page = pages[request.path]
    if not page then return 404, "nothing is here\n" end
    return page(request)
  end, { ready = "/ready" }))
end, { drain = tonumber(arg[2]), log = function() end, progress = true })

print(report)
os.exit(report.ok)
