-- What TLS costs beside nginx: lua5.4 bench/tls.lua [ROUNDS [SECONDS]]
--
-- The same key (P-256), protocol (TLS 1.3) and number of processes (one). Requests: wrk over 64 keep-alive connections.
-- Handshakes: openssl s_time, four at once, none resumed. The servers have one processor and take turns in each round,
-- the clients the other. A figure is the server's processor time, divided by its requests or handshakes; a rate is its
-- inverse. Then the memory of idle connections, each after one request.

package.path = "bench/?.lua;" .. package.path
local machine = require "machine"
local server = require "server"
local statistics = require "statistics"

local rounds, seconds = math.tointeger(tonumber(arg[1] or 7)), math.tointeger(tonumber(arg[2] or 2))
if not rounds or not seconds or arg[3] then
  io.stderr:write("usage: lua5.4 bench/tls.lua [ROUNDS [SECONDS]]\n")
  os.exit(2)
end

local IDLE = 1000 -- connections
local NGINX = [[
daemon off; master_process off; error_log /dev/null; pid %s/pid;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600; default_type text/plain;
  server {
    listen 127.0.0.1:%d ssl; ssl_certificate %s/cert.pem; ssl_certificate_key %s/key.pem; ssl_protocols TLSv1.3;
    location / { return 200 "hello world\n"; }
  }
}
]]
local OURS = [[
local lastcall, http = require "lastcall", require "lastcall.http"
local tls = { certificate = "%s/cert.pem", key = "%s/key.pem", min_version = "1.3" }
lastcall.run(function()
  local server = assert(lastcall.listen("127.0.0.1:0", { tls = tls }))
  print(server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(function() return "hello world\n" end, { keepalive_timeout = 600 }))
end, { log = function() end, drain = 1 })
]]

local folder = os.tmpname()
os.remove(folder)
os.execute(("mkdir %s && cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 " ..
  "-subj /CN=localhost -keyout key.pem -out cert.pem 2>/dev/null"):format(folder, folder))

local function write(name, text)
  local file = assert(io.open(folder .. "/" .. name, "w"))
  file:write(text)
  file:close()
  return folder .. "/" .. name
end

local function nginx_config(port) return write("nginx.conf", NGINX:format(folder, port, folder, folder)) end

local function memory(one)
  local file = assert(io.open(("/proc/%d/status"):format(one.pid)))
  local kilobytes = file:read("a"):match "RssAnon:%s*(%d+)"
  file:close()
  return kilobytes * 1024
end

--- Microseconds of processor time that a request, or a handshake, takes.
local measures = {
  requests = function(one, time) return server.time_of_request(one, "https://" .. one.address .. "/", time) end,
  handshakes = function(one, time)
    local before, count = server.processor_time(one), 0
    local client = ("taskset -c 1 openssl s_time -connect %s -new -time %d 2>/dev/null"):format(one.address, time)
    local said = server.output_of(("(%s & %s & %s & %s & wait)"):format(client, client, client, client))
    for number in said:gmatch "(%d+) connections in %d+ real" do count = count + tonumber(number) end
    assert(count > 0, "openssl s_time has counted nothing")
    return (server.processor_time(one) - before) / count * 1e6
  end,
}

--- Bytes for each of IDLE connections, each after one request.
local function idle_memory(one)
  local before = memory(one)
  local holder = write("holder.lua", ([[
local lastcall = require "lastcall"
lastcall.run(function()
  local held = {}
  for i = 1, %d do
    held[i] = assert(lastcall.connect("%s", { tls = { verify = false } }))
    held[i]:write "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    held[i]:flush()
    assert(held[i]:read_until "world\n")
  end
  print "held"
  io.stdout:flush()
  lastcall.sleep(2)
  os.exit(true, false)
end, { log = function() end })
]]):format(IDLE, one.address))
  local pipe = io.popen("exec taskset -c 1 lua5.4 " .. holder)
  assert(pipe:read() == "held")
  local bytes = (memory(one) - before) / IDLE
  pipe:close()
  return bytes
end

for _, tool in ipairs { "wrk", "openssl" } do
  if not server.has(tool) then
    print(("There is no %s here: nothing is measured."):format(tool))
    os.exit(0)
  end
end

local ours = write("ours.lua", OURS:format(folder, folder))
local servers = { { name = "lastcall", at = server.start("lua5.4 " .. ours) } }
if server.has "nginx" then servers[2] = { name = "nginx", at = server.start_nginx(nginx_config) }
else print "There is no nginx here: its lines are left out." end

local function measure_all()
  for _, one in ipairs(servers) do
    one.idle = idle_memory(one.at)
    one.figures = { requests = {}, handshakes = {} }
    measures.requests(one.at, 1)
  end
  for round = 1, rounds do
    for what, measure in pairs(measures) do
      for _, one in ipairs(servers) do one.figures[what][round] = measure(one.at, seconds) end
    end
  end
end

local function print_all()
  print(machine.describe())
  print(("Median of %d rounds, and quartiles. Rate: ours divided by the server's, by processor time.\n"):format(rounds))
  print "| what | server | µs each | our rate by theirs |\n|---|---|---|---|"
  for _, what in ipairs { "requests", "handshakes" } do
    for _, one in ipairs(servers) do
      local cost = statistics.summary(one.figures[what])
      local rate = statistics.ratio(one.figures[what], servers[1].figures[what])
      print(("| %s | %s | %.1f (%.1f to %.1f) | %.2f (%.2f to %.2f) |"):format(what, one.name, cost.median, cost.low,
        cost.high, rate.median, rate.low, rate.high))
    end
  end
  print ""
  for _, one in ipairs(servers) do
    print(("%s: %.1f KB for each of %d idle connections, after one request"):format(one.name, one.idle / 1024, IDLE))
  end
end

measure_all()
for _, one in ipairs(servers) do
  server.stop(one.at)
end
os.execute("rm -r " .. folder)
print_all()
