-- An HTTP server that says whether a load balancer should send it clients. Usage: lua health.lua [ADDRESS [DELAY]]
--
--   GET /ready    200 while it serves; 503 from SIGTERM on. For DELAY seconds (default 3) the server
--                 still accepts and serves all clients, because a load balancer needs time to notice
--   GET /status   who is connected, and the stop as it runs: for browsers on this machine
--   GET /         the page that it serves

local http = require "lastcall.http"
local lastcall = require "lastcall"

local address, delay = arg[1] or "127.0.0.1:7003", tonumber(arg[2] or 3)
if arg[3] or not delay or address:sub(1, 1) == "-" then
  io.stderr:write("usage: lua health.lua [ADDRESS [DELAY]]\n")
  os.exit(2)
end

local pages = { ["/"] = "hello\n" }
local status = http.status { title = "health" }

local function answer(request, response)
  if request.path == "/status" then return status(request, response) end
  if request.method ~= "GET" and request.method ~= "HEAD" then
    return 405, { Allow = "GET, HEAD" }, "GET and HEAD only\n"
  end
  local page = pages[request.path]
  if not page then return 404, "no such page\n" end
  return page
end

local report = lastcall.run(function()
  local server = lastcall.assert(lastcall.listen(address))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(answer, { ready = "/ready" }))
end, { drain = { timeout = 25, delay = delay } })

print(report)
os.exit(report.ok)
