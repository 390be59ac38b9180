--- A storm of clients over TLS, under which the server is stopped:
--
--   tls_storm_client.lua ADDRESS PID SIGNAL [RATE [SECONDS]]
--
-- RATE clients a second (400) connect, shake hands, send a request, and hear the reply; in the middle the process PID
-- gets the signal. A client is lost when its connect() has succeeded and no whole reply came.

local lastcall = require "lastcall"

local address, pid, signal = arg[1], arg[2], arg[3]
local rate, seconds = tonumber(arg[4] or 400), tonumber(arg[5] or 1.5)
local connected, lost = 0, 0

local function ask(conn)
  if not conn:starttls { verify = false } then return false end
  if not conn:write "GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n" then return false end
  local reply = conn:read "a"
  return reply and reply:find "^HTTP/1%.1 200 " and reply:find "hello\n$" and true or false
end

local function one()
  local conn = lastcall.connect(address)
  if not conn then return end
  connected = connected + 1
  if not ask(conn) then lost = lost + 1 end
  conn:close()
end

lastcall.run(function()
  while true do -- until it listens
    local conn = lastcall.connect(address)
    if conn then
      assert(ask(conn), "the server answers nobody")
      conn:close()
      break
    end
    lastcall.sleep(0.05)
  end
  local began, tasks, is_stopped = lastcall.now(), {}, false
  for i = 1, math.floor(rate * seconds) do
    tasks[i] = lastcall.go(one)
    lastcall.sleep(math.max(0, began + i / rate - lastcall.now()))
    if not is_stopped and lastcall.now() - began > seconds / 2 then
      is_stopped = true
      assert(os.execute(("kill -%s %s"):format(signal, pid)))
    end
  end
  for _, task in ipairs(tasks) do task:wait() end
end, { log = function() end })

print(("connected %d lost %d"):format(connected, lost))
