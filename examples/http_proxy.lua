-- A reverse proxy: passes requests on to one of several servers. Usage: lua http_proxy.lua ADDRESS UPSTREAM...
--
--   GET /-/ready   200 while it serves and has a server that is well; 503 from SIGTERM on
--   all else       goes to the next UPSTREAM, such as 127.0.0.1:7003
--
-- Bodies go through piece by piece, both ways, as fast as the slower side takes them. When the client leaves, its
-- request to the upstream ends; when the upstream ends too early, the client sees that its reply is not whole. An
-- upstream that does not answer GET / is left out until it does. An upstream that is silent for READ_TIMEOUT seconds, a
-- variable of the environment (60), has failed: 504. SIGTERM finishes what has begun.

local http = require "lastcall.http"
local lastcall = require "lastcall"

local CHECK_EVERY = 1 -- seconds

local address, upstreams = arg[1], {}
for i = 2, #arg do upstreams[#upstreams + 1] = { url = "http://" .. arg[i], is_well = true } end
if not upstreams[1] then
  io.stderr:write("usage: lua http_proxy.lua ADDRESS UPSTREAM...\n")
  os.exit(2)
end

-- A redirection is the client's to follow, and a long answer nobody's to cut.
local client = http.client {
  redirects = 0, proxy = false, connect_timeout = 2, read_timeout = tonumber(os.getenv "READ_TIMEOUT") or 60,
  max_per_host = 256,
}

-- ------------------------------------------------------------------------------------------- upstreams --

local function check(upstream)
  local reply = client:get(upstream.url .. "/", { timeout = CHECK_EVERY })
  upstream.is_well = reply ~= nil and reply.status < 500
  if reply then reply:close() end
end

local turn = 0

--- The next upstream that is well, and that this request has not tried.
local function next_upstream(tried)
  for _ = 1, #upstreams do
    turn = turn % #upstreams + 1
    local upstream = upstreams[turn]
    if upstream.is_well and not tried[upstream] then
      tried[upstream] = true
      return upstream
    end
  end
end

-- --------------------------------------------------------------------------------------------- headers --

local OF_ONE_HOP = {
  ["connection"] = true, ["keep-alive"] = true, ["proxy-connection"] = true, ["proxy-authenticate"] = true,
  ["proxy-authorization"] = true, ["te"] = true, ["trailer"] = true, ["transfer-encoding"] = true, ["upgrade"] = true,
  ["expect"] = true,
}

--- The headers that go further: all but those of this connection, which Connection may name too.
local function passed_on(headers)
  local left_out, result = {}, {}
  for name in (headers.connection or ""):gmatch "[^%s,]+" do left_out[name:lower()] = true end
  for name in pairs(headers) do
    local lower = name:lower()
    if not OF_ONE_HOP[lower] and not left_out[lower] then result[lower] = headers:all(lower) end
  end
  if result["content-length"] then result["content-length"] = headers["content-length"] end
  return result
end

local function headers_for_upstream(request)
  local headers = passed_on(request.headers)
  local host = request.conn:peer()
  local before = request.headers["x-forwarded-for"]
  headers.host = request.host
  headers["x-forwarded-for"] = before and before .. ", " .. host or host
  headers["x-forwarded-proto"], headers["x-forwarded-host"] = request.scheme, request.host
  local node = host:find(":", 1, true) and ('"[%s]"'):format(host) or host
  local forwarded = ("for=%s;proto=%s"):format(node, request.scheme)
  headers.forwarded = headers.forwarded or {}
  table.insert(headers.forwarded, forwarded)
  return headers
end

-- -------------------------------------------------------------------------------------------- requests --

-- Nothing of the request has gone out: another upstream may have it.
local NOT_REACHED = { refused = true, unreachable = true, ["host not found"] = true }

--- What the upstream answers; or nil, code, message. Raises when the body of the request fails.
local function ask(request, body)
  local tried, code, message = {}, "refused", "no upstream is well"
  local target = request.path .. (request.query and "?" .. request.query or "")
  local upstream = next_upstream(tried)
  while upstream do
    local reply
    reply, code, message = client:request(upstream.url .. target, {
      method = request.method, headers = headers_for_upstream(request), body = body,
    })
    if reply or not NOT_REACHED[code] then return reply, code, message end
    upstream.is_well = false
    upstream = next_upstream(tried)
  end
  return nil, code, message
end

local function pass_on(request)
  if request.path:sub(1, 1) ~= "/" then return 400, "this is for servers, not for a proxy\n" end
  local has_body = request.headers["content-length"] or request.headers["transfer-encoding"]
  local fine, reply, code, message = pcall(ask, request, has_body and request:chunks())
  if not fine then return end -- the body has failed: lastcall says so
  if not reply then
    if code ~= "canceled" then io.stderr:write(("http_proxy: %s (%s)\n"):format(message, code)) end
    return code == "timeout" and 504 or code == "canceled" and 503 or 502, "the server behind has not answered\n"
  end
  local headers = passed_on(reply.headers)
  if request.method == "HEAD" or reply.status == 204 or reply.status == 304 then return reply.status, headers, "" end
  return reply.status, headers, reply:chunks()
end

local function ready()
  for _, upstream in ipairs(upstreams) do
    if upstream.is_well then return 200, "ready\n" end
  end
  return 503, "no server is well\n"
end

local report = lastcall.run(function()
  local server = lastcall.assert(lastcall.listen(address))
  lastcall.every(CHECK_EVERY, function()
    for _, upstream in ipairs(upstreams) do check(upstream) end
  end)
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(function(request)
    if request.path == "/-/ready" then return ready() end
    return pass_on(request)
  end, { max_body = 1 << 40 }))
end, { drain = { timeout = 25, delay = 0 } })

print(report)
os.exit(report.ok)
