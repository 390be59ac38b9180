local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"
local process = require "spec.support.process"
local proxy = require "spec.support.http.proxy"

-- The client against servers that others have written.

local NGINX = [[
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/log crit;
events { worker_connections 512; }
http {
  log_format ids '$arg_id';
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s;
  keepalive_timeout 2ms;
  keepalive_requests 50;
  server {
    listen {address};
    access_log off;
    location /post { access_log {folder}/posts ids; return 200 "posted"; }
    location /chunked { chunked_transfer_encoding on; root {folder}; }
    location / { return 200 "got"; }
  }
}
]]

--- Waits until somebody listens there.
local function await(address)
  for _ = 1, 500 do
    local conn = lastcall.connect(address)
    if conn then return conn:close() end
    lastcall.sleep(0.01)
  end
  error("nobody listens at " .. address)
end

local function with_nginx(path, body)
  local folder, address = os.tmpname(), process.address_to_be()
  os.remove(folder)
  assert(os.execute("mkdir -m 700 " .. folder))
  local config = NGINX:gsub("{(%l+)}", { folder = folder, address = address })
  local file = assert(io.open(folder .. "/conf", "w"))
  file:write(config)
  file:close()
  local server = process.start(("%s -c %s/conf -p %s"):format(path, folder, folder), helper.long and 1500 or 60)
  local fine, err = pcall(body, address, folder)
  server:signal "TERM"
  server:finish()
  os.execute("rm -r " .. folder)
  assert(fine, err)
end

local IS_GONE = { eof = true, reset = true, ["broken pipe"] = true }

--- Sends requests at random moments, one of five a POST. Returns how many POSTs have succeeded, and how many failed.
local function storm(url, count, tasks)
  local client = http.client { max_per_host = tasks }
  local succeeded, lost, last = 0, 0, 0
  local group = lastcall.group()
  for _ = 1, tasks do
    group:go(function()
      for _ = 1, count // tasks do
        local is_post = math.random(5) == 1
        last = last + 1
        local reply, code, message
        if is_post then reply, code, message = client:post(url .. "post?id=" .. last, "a body")
        else reply, code, message = client:get(url) end
        if reply then
          assert.equal(is_post and "posted" or "got", assert(reply:body()))
          succeeded = succeeded + (is_post and 1 or 0)
        else
          assert.is_true(is_post and IS_GONE[code], message)
          lost = lost + 1
        end
        lastcall.sleep(math.random() * 0.005)
      end
    end)
  end
  assert(group:wait())
  return succeeded, lost
end

describe("nginx that closes idle connections at random moments", function()
  it("costs no GET, and a POST is never sent twice", function()
    local path = proxy.find "nginx"
    if not path then return pending "no nginx here" end
    local count = helper.long and 100000 or 2000
    with_nginx(path, function(address, folder)
      local succeeded, lost
      lastcall.run(function() -- longer than the bound of helper.task, where the machine is busy
        await(address)
        succeeded, lost = storm("http://" .. address .. "/", count, 16)
      end, { signals = false })
      local seen, posts = {}, 0
      for id in io.lines(folder .. "/posts") do
        assert.is_nil(seen[id], "a POST came twice")
        seen[id] = true
        posts = posts + 1
      end
      helper.figure("%d requests, %d of them POSTs that nginx has seen; %d POSTs failed", count, posts, lost)
      assert.is_true(posts >= succeeded and posts <= succeeded + lost, posts)
    end)
  end)
end)

describe("python's http.server", function()
  it("is understood in HTTP/1.0 and 1.1", function()
    local program = [[
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = sys.argv[1]
    def do_GET(self):
        self.send_response(200)
        if self.path == "/length": self.send_header("Content-Length", "5")
        elif self.path == "/chunked": self.send_header("Transfer-Encoding", "chunked")
        else: self.close_connection = True
        self.end_headers()
        self.wfile.write(b"5\r\nhello\r\n0\r\n\r\n" if self.path == "/chunked" else b"hello")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("listening 127.0.0.1:%d" % server.server_port, flush=True)
server.serve_forever()
]]
    local name = helper.write_file(program)
    for _, version in ipairs { "HTTP/1.0", "HTTP/1.1" } do
      local server = process.start(("python3 %s %s"):format(name, version))
      local url = "http://" .. server:address() .. "/"
      helper.task(function()
        local client = http.client()
        assert.equal("hello", client:get(url .. "length"):body())
        assert.equal(version == "HTTP/1.1" and 1 or 0, client.pool.count)
        assert.equal("hello", client:get(url .. "close"):body())
        assert.equal("sent", client:post(url, "sent"):body())
        if version == "HTTP/1.1" then assert.equal("hello", client:get(url .. "chunked"):body()) end
        if version == "HTTP/1.0" then helper.failure("invalid", client:get(url .. "chunked")) end
      end)
      server:signal "TERM"
      server:finish()
    end
    os.remove(name)
  end)
end)
