--- Keep-alive clients of an HTTP server that is stopped under them:
--
--   keepalive_client.lua ADDRESS PID SIGNAL PAUSE [COUNT]
--
-- Each connection sends a request, hears the reply, and pauses: PAUSE seconds on the average, exponentially
-- distributed. Then the process PID gets the signal. A connection whose reply says "Connection: close", or that ends
-- while it pauses, is done. It has lost a request when it has sent one and no reply came.

local lastcall = require "lastcall"

local address, pid, signal, pause, count = arg[1], arg[2], arg[3], tonumber(arg[4]), tonumber(arg[5] or 200)
local REQUEST = "GET / HTTP/1.1\r\nHost: lab\r\n\r\n"
local served, lost, begun = 0, 0, 0

local function connect()
  for _ = 1, 200 do
    local conn = lastcall.connect(address)
    if conn then return conn end
    lastcall.sleep(0.02)
  end
  error "nobody listens"
end

--- A whole reply: whether another may follow. Nothing when none came.
local function reply(conn)
  local status = conn:read()
  if not status or not status:find "^HTTP/1%.1 200 " then return nil end
  local length, goes_on = nil, true
  for line in conn:lines() do
    line = line:lower():gsub("\r$", "")
    if line == "" then return length and conn:read(length) and true, goes_on end
    length = tonumber(line:match "^content%-length: (%d+)$") or length
    if line:find "^connection: close" then goes_on = false end
  end
end

local function talk(conn)
  repeat
    local _, code = conn:await(-pause * math.log(1 - math.random()))
    if code ~= "timeout" then return end
    if not (conn:write(REQUEST) and conn:flush()) then return end
    local is_whole, goes_on = reply(conn)
    if is_whole then served = served + 1 else lost = lost + 1 end
  until not (is_whole and goes_on)
end

lastcall.run(function()
  math.randomseed(tonumber(pid), math.floor(lastcall.now() * 1000))
  local tasks = {}
  for i = 1, count do
    tasks[i] = lastcall.go(function()
      local conn = connect()
      assert(conn:write(REQUEST))
      assert(reply(conn))
      begun = begun + 1
      talk(conn)
      conn:close()
    end)
  end
  while begun < count do lastcall.sleep(0.01) end
  lastcall.sleep(0.5 + pause + math.random() / 5)
  assert(os.execute(("kill -%s %s"):format(signal, pid)))
  for _, task in ipairs(tasks) do task:wait() end
end, { log = function() end })

print(("served %d lost %d"):format(served, lost))
