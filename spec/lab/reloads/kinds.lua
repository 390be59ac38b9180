--- The servers that are reloaded, and how each is started at an address; nil and the reason where one cannot be.

local machine = require "machine"

local NGINX = [[
daemon off; worker_processes 2; pid %s/nginx.pid; error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000;
  client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path %s/s;
  server { listen %s; location / { return 200 "hello\n"; } }
}
]]

local function lastcall(way)
  return { name = way == "all" and "lastcall, all at once" or "lastcall, rolling", is_ours = true,
    at = function(address)
      return { command = { "lua5.4", "spec/lab/reloads/master.lua", address, way }, stays = true, tells_memory = true }
    end }
end

local function nginx(address, room)
  if not machine.has "nginx" then return nil, "nginx is not installed" end
  local file <close> = assert(io.open(room .. "/nginx.conf", "w"))
  file:write((NGINX:gsub("%%s;", address .. ";"):gsub("%%s", room)))
  return { command = { "env", "PATH=" .. os.getenv "PATH" .. ":/usr/sbin", "nginx", "-p", room, "-e", "stderr", "-c",
    room .. "/nginx.conf" }, stays = true }
end

local function go(address, room)
  if not machine.has "go" then return nil, "Go is not installed" end
  local program = room .. "/handover"
  if not machine.contents(program) then
    local build = "GO111MODULE=off GOFLAGS= go build -o %s spec/lab/reloads/handover.go 2>&1"
    local said = machine.output(build:format(program))
    if said ~= "" then return nil, "not built: " .. said end
  end
  return { command = { program, address }, stays = false }
end

local function node(address)
  if not machine.has "node" then return nil, "node is not installed" end
  local host, port = address:match "^(.*):(%d+)$"
  return { command = { "node", "spec/lab/reloads/cluster.js", host, port }, stays = true }
end

return {
  ours = { lastcall "all", lastcall "rolling" },
  rivals = {
    { name = "nginx -s reload", at = nginx },
    { name = "Go, tableflip's method", at = go },
    { name = "node, cluster", at = node },
  },
}
