-- What a small request costs beside others: lua5.4 bench/http.lua [ROUNDS [SECONDS]]
--
-- wrk asks over 64 keep-alive connections, on one processor; the servers have the other, and take turns in each round.
-- A figure is the server's processor time, divided by its requests; a ratio is taken within the round. Prints a table,
-- and another one about idle connections (http_idle.lua).

package.path = "bench/?.lua;" .. package.path
local idle = require "http_idle"
local machine = require "machine"
local server = require "server"
local statistics = require "statistics"

local rounds, seconds = math.tointeger(tonumber(arg[1] or 7)), math.tointeger(tonumber(arg[2] or 2))
if not rounds or not seconds or arg[3] then
  io.stderr:write("usage: lua5.4 bench/http.lua [ROUNDS [SECONDS]]\n")
  os.exit(2)
end

local build = os.getenv "LASTCALL_BUILD" or "build"
local NGINX = [[
daemon off; master_process off; error_log /dev/null; pid %s;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 1000000000; default_type text/plain;
  server { listen 127.0.0.1:%d; location / { return 200 "hello world\n"; } }
}
]]

local function nginx_config(port)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(NGINX:format(path .. ".pid", port))
  file:close()
  return path
end

local RIVALS = {
  { "C by hand", build .. "/bench/raw_file", function() return server.start(build .. "/bench/raw_file") end },
  { "nginx, return 200", "nginx", function() return server.start_nginx(nginx_config) end },
  { "Go net/http", "go", function() return server.start(build .. "/bench/go_http") end },
  { "node http", "node", function() return server.start("node bench/rivals/node_http.js") end },
}

if not server.has "wrk" then
  print "There is no wrk here (apt-get install wrk): nothing is measured."
  os.exit(0)
end

--- Microseconds of processor time that a request takes.
local function measure(one, time, target)
  return server.time_of_request(one, "http://" .. one.address .. target, time)
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
    server.stop(one.at)
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

local small = { { "lastcall", function() return server.start "lua5.4 bench/rivals/lastcall_http.lua" end } }
for _, rival in ipairs(RIVALS) do
  local name, program, begin = table.unpack(rival)
  if server.has(program) then small[#small + 1] = { name, begin }
  else print(("There is no %s here: its line is left out."):format(program)) end
end
compare("server", "/", small)

local folder = os.tmpname()
os.remove(folder)
os.execute(("mkdir %s && head -c 65536 /dev/urandom > %s/file"):format(folder, folder))
compare("a file of 64 KiB", "/file", {
  { "lastcall", function() return server.start("lua5.4 bench/rivals/lastcall_http.lua " .. folder) end },
  { "C by hand, with sendfile", function() return server.start(build .. "/bench/raw_file " .. folder .. "/file") end },
  { "its copy", function() return server.start(build .. "/bench/raw_file " .. folder .. "/file") end },
})
os.execute("rm -r " .. folder)

idle.compare(build, rounds, nginx_config)
