--- A server of events that are numbered by a clock which all such servers share: 50 a second.
-- ticks.lua ADDRESS PLACE, one of two.
local http = require "lastcall.http"
local lastcall = require "lastcall"

local RATE = 50

local function newest() return math.floor(lastcall.now() * RATE) end

--- Sends what is due, until no more can be sent.
local function events(_, response)
  local stream = response:events { retry = 0.1 }
  local last = math.tointeger(tonumber(stream.last_id)) or newest()
  while not stream:draining() do
    while last < newest() do
      last = last + 1
      if not stream:send { id = last, data = last } then return end
    end
    stream:wait(1 / RATE)
  end
end

local report = lastcall.run(function()
  local server = lastcall.assert(lastcall.listen(arg[1], { reuseport = { index = tonumber(arg[2]), of = 2 } }))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(function(request, response)
    if request.path == "/events" then return events(request, response) end
    return 200, { ["Content-Type"] = "text/html" }, ""
  end))
end, { log = function() end })
print(report.clean and "clean" or tostring(report))
