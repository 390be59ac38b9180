--- A real proxy in front of a server, as a process of its own. Both listen on unix sockets: no port can be taken.
--
-- The proxy gives each request an id: it adds the id to the request as X-Seen, and to its reply as X-Id.

local helper = require "spec.helper"
local lastcall = require "lastcall"
local process = require "spec.support.process"

local proxy = { names = { "nginx", "haproxy" } }

-- Connections to the server are shared by all clients, as is usual: a reply that is too many reaches another client.
-- {folder}, {front}, the lines {servers} and {more} are filled in.
local NGINX = [[
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/log crit;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s;
  keepalive_timeout 300ms;
  client_header_timeout 300ms;
  client_body_timeout 300ms;
  upstream back {
    {servers}
    keepalive 8;
  }
  server {
    listen unix:{front};
    location / {
      proxy_pass http://back;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Seen $request_id;
      add_header X-Id $request_id always;
      {more}
    }
  }
}
]]

local HAPROXY = [[
global
  maxconn 512
defaults
  mode http
  timeout connect 2s
  timeout client 300ms
  timeout http-request 300ms
  timeout http-keep-alive 300ms
  timeout server 5s
  retries 0
frontend front
  bind unix@{front}
  unique-id-format %[uuid()]
  http-request set-header X-Seen %[unique-id]
  http-after-response set-header X-Id %[unique-id]
  default_backend back
backend back
  http-reuse always
  {more}
  {servers}
]]

--- Where the program is; nothing when it is not installed.
function proxy.find(name)
  local path = helper.run(("sh -c 'PATH=$PATH:/usr/sbin command -v %s'"):format(name)):match "^/[^\n]*"
  return path
end

local function await(address)
  for _ = 1, 500 do
    local conn = lastcall.connect(address)
    if conn then return conn:close() end
    lastcall.sleep(0.01)
  end
  error "the proxy does not listen"
end

--- The lines that name the servers behind the proxy. nginx must not take one that refuses a client for dead.
local function lines_of(name, backs)
  local lines, line = {}, name == "nginx" and "server unix:%s max_fails=0;" or "server %s unix@%s"
  for i, back in ipairs(backs) do
    local path = back:gsub("^unix:", "")
    lines[i] = name == "nginx" and line:format(path) or line:format("s" .. i, path)
  end
  return table.concat(lines, "\n  ")
end

--- Starts a proxy in front of these unix sockets; its address, and a function that ends it. In a task.
function proxy.start(name, backs, more)
  local folder = helper.socket_path()
  assert(os.execute("mkdir " .. folder))
  local front = folder .. "/front"
  local values = { folder = folder, front = front, servers = lines_of(name, backs), more = more or "" }
  local text = (name == "nginx" and NGINX or HAPROXY):gsub("{(%l+)}", values)
  helper.write_file(text, folder .. "/conf")
  local command = name == "nginx" and "%s -p %s -c %s/conf" or "%s -db -C %s -f %s/conf"
  local program = process.start(command:format(proxy.find(name), folder, folder), 60)
  local fine, err = pcall(await, "unix:" .. front)
  local function stop()
    program:signal "TERM"
    local output = program:finish()
    assert(os.execute("rm -r " .. folder))
    return output
  end
  if not fine then error(("%s: %s\n%s"):format(name, err, stop())) end
  return "unix:" .. front, stop
end

return proxy
