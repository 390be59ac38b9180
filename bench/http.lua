-- What a small request costs beside others: lua5.4 bench/http.lua [ROUNDS [SECONDS]]
--
-- wrk asks over 64 keep-alive connections, on one processor; the servers have the other, and take turns in each round.
-- A figure is the server's processor time, divided by its requests; a ratio is taken within the round. Prints a table,
-- and another one about idle connections (http_idle.lua).

package.path = "bench/?.lua;" .. package.path
local idle = require "http_idle"
local machine = require "machine"
local statistics = require "statistics"

local rounds, seconds = tonumber(arg[1] or 7), tonumber(arg[2] or 2)
if not rounds or not seconds or arg[3] then
  io.stderr:write("usage: lua5.4 bench/http.lua [ROUNDS [SECONDS]]\n")
  os.exit(2)
end

local build = os.getenv "LASTCALL_BUILD" or "build"
local TICK = 0.01 -- seconds: USER_HZ is 100 on every Linux
local NGINX = [[
daemon off; master_process off; error_log /dev/null; pid %s;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 1000000000; default_type text/plain;
  server { listen 127.0.0.1:%d; location / { return 200 "hello world\n"; } }
}
]]

local function has(program) return (os.execute(("command -v %s >/dev/null"):format(program))) end

--- Starts a server on the first processor. Returns its pid and its address.
local function start(command, address)
  local pipe = assert(io.popen(("echo $$; exec taskset -c 0 %s 2>/dev/null"):format(command)))
  local pid = pipe:read "n"
  pipe:read()
  return { pid = pid, address = address or assert(pipe:read(), command .. " does not start"), pipe = pipe }
end

local function nginx_config(port)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(NGINX:format(path .. ".pid", port))
  file:close()
  return path
end

local function start_nginx()
  local port = 20000 + math.random(10000)
  local server = start("nginx -c " .. nginx_config(port), "127.0.0.1:" .. port)
  os.execute "sleep 0.5"
  return server
end

local RIVALS = {
  { "nginx, return 200", "nginx", start_nginx },
  { "Go net/http", "go", function() return start(build .. "/bench/go_http") end },
  { "node http", "node", function() return start("node bench/rivals/node_http.js") end },
}

local function processor_time(server)
  local file = assert(io.open(("/proc/%d/stat"):format(server.pid)))
  local user, system = file:read("a"):match "%) %S %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ (%d+) (%d+)"
  file:close()
  return (user + system) * TICK
end

--- Microseconds of processor time that a request takes.
local function measure(server, time, target)
  local before = processor_time(server)
  local pipe = assert(io.popen(("taskset -c 1 wrk -t1 -c64 -d%ds http://%s%s"):format(time, server.address, target)))
  local text = pipe:read "a"
  pipe:close()
  local requests = assert(tonumber(text:match "(%d+) requests in"), text)
  assert(not text:find "Non%-2xx", text)
  return (processor_time(server) - before) / requests * 1e6
end

if not has "wrk" then
  print "There is no wrk here (apt-get install wrk): nothing is measured."
  os.exit(0)
end

--- Measures the servers in turn, and prints a table of them. The first is lastcall; each is a name and a function that
-- starts it.
local function compare(what, target, rivals)
  local servers, figures = {}, {}
  for i, rival in ipairs(rivals) do servers[i] = { name = rival[1], at = rival[2]() } end
  for _, one in ipairs(servers) do
    figures[one.name] = {}
    measure(one.at, 1, target)
  end
  for round = 1, rounds do
    for _, one in ipairs(servers) do figures[one.name][round] = measure(one.at, seconds, target) end
  end
  for _, one in ipairs(servers) do
    os.execute("kill " .. one.at.pid)
    one.at.pipe:close()
  end
  print(("\n| %s | µs a request | lastcall / other |\n|---|---|---|"):format(what))
  for _, one in ipairs(servers) do
    local cost = statistics.summary(figures[one.name])
    local ratio = statistics.ratio(figures[servers[1].name], figures[one.name])
    print(("| %s | %.2f (%.2f to %.2f) | %.2f (%.2f to %.2f) |"):format(one.name, cost.median, cost.low, cost.high,
      ratio.median, ratio.low, ratio.high))
  end
end

print(machine.describe())
print(("Median of %d rounds, and quartiles. lastcall / other: processor time for a request."):format(rounds))

local small = { { "lastcall", function() return start "lua5.4 bench/rivals/lastcall_http.lua" end } }
for _, rival in ipairs(RIVALS) do
  local name, program, begin = table.unpack(rival)
  if has(program) then small[#small + 1] = { name, begin }
  else print(("There is no %s here: its line is left out."):format(program)) end
end
compare("server", "/", small)

local folder = os.tmpname()
os.remove(folder)
os.execute(("mkdir %s && head -c 65536 /dev/urandom > %s/file"):format(folder, folder))
compare("a file of 64 KiB", "/file", {
  { "lastcall", function() return start("lua5.4 bench/rivals/lastcall_http.lua " .. folder) end },
  { "C by hand, with sendfile", function() return start(("%s/bench/raw_file %s/file"):format(build, folder)) end },
})
os.execute("rm -r " .. folder)

idle.compare(build, rounds, nginx_config)
