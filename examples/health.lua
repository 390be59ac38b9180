-- An HTTP server that says whether a load balancer should send it clients. Usage: lua health.lua [ADDRESS [DELAY]]
--
--   GET /ready    200 while it serves; 503 from SIGTERM on. For DELAY seconds (default 3) the server
--                 still accepts and serves all clients, because a load balancer needs time to notice
--   GET /         the page that it serves

local lastcall = require "lastcall"

local address, delay = arg[1] or "127.0.0.1:7003", tonumber(arg[2] or 3)
if arg[3] or not delay or address:sub(1, 1) == "-" then
  io.stderr:write("usage: lua health.lua [ADDRESS [DELAY]]\n")
  os.exit(2)
end

local MAX_HEADERS = 100

local pages = {}

local function not_found() return "404 Not Found", "no such page\n" end

pages["/"] = function() return "200 OK", "hello\n" end

pages["/ready"] = function()
  if lastcall.ready() then return "200 OK", "ready\n" end
  return "503 Service Unavailable", "leaving\n"
end

-- Reads the rest of a request's head. Returns whether it is whole, and whether the connection may be kept: not
-- when a body follows, because this server does not read it.
local function read_head(conn, version)
  local asks, may_stay = version == "1.1", true
  for _ = 1, MAX_HEADERS do
    local line = conn:read()
    if not line then return false end
    line = line:gsub("\r$", ""):lower()
    if line == "" then return true, asks and may_stay end
    local name, value = line:match("^([^%s:]+):%s*(.-)%s*$")
    if not name then return false end
    local has_body = name == "transfer-encoding" or name == "content-length" and value ~= "0"
    if has_body or name == "connection" and value == "close" then may_stay = false end
    if name == "connection" and value == "keep-alive" then asks = true end
  end
  return false
end

local function respond(conn, method, status, body, stays)
  conn:write("HTTP/1.1 ", status, "\r\nContent-Type: text/plain\r\nContent-Length: ", #body,
    stays and "\r\n\r\n" or "\r\nConnection: close\r\n\r\n", method == "HEAD" and "" or body)
end

-- Answers one request. Returns whether another may follow.
local function serve_one(conn, line)
  local method, path, version = line:match("^(%u+) (%S+) HTTP/(1%.[01])\r?$")
  local whole, stays
  if method then whole, stays = read_head(conn, version) end
  -- A client that gets "Connection: close" reconnects to another server.
  stays = stays and lastcall.ready()
  if not whole then
    respond(conn, method, "400 Bad Request", "bad request\n", false)
    return false
  end
  if method == "GET" or method == "HEAD" then
    local page = pages[path] or not_found
    local status, body = page()
    respond(conn, method, status, body, stays)
  else
    respond(conn, method, "405 Method Not Allowed", "GET and HEAD only\n", stays)
  end
  return stays
end

local function handle(conn)
  for line in conn:lines() do
    if not serve_one(conn, line) then return end
  end
end

local report = lastcall.run(function()
  local server = lastcall.assert(lastcall.listen(address, { max_line = 8192, read_timeout = 30 }))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(handle)
end, { drain = { timeout = 25, delay = delay } })

print(report)
os.exit(report.ok)
