--- The process that soak.lua asks. Prints the addresses of its servers: one over TCP, the same over a unix-domain
-- socket, one with limits that are soon passed, one whose handler of connections calls that of requests, one that takes
-- few requests at once, and one that waits for a request only shortly.

local http = require "lastcall.http"
local lastcall = require "lastcall"
local core = require "lastcall.core"
local system = require "spec_system"

local folder = os.tmpname()
os.remove(folder)

local pages, kept, next_kept, servers = {}, {}, 0, {}

-- Bodies of requests
function pages.whole(request) return tostring(#assert(request:body())) end

function pages.pieces(request)
  local size = 0
  for piece in request:chunks(100) do size = size + #piece end
  return tostring(size)
end

function pages.read(request)
  local size = 0
  repeat
    local piece = request:read(7)
    size = size + #(piece or "")
  until not piece
  return tostring(size)
end

function pages.unread() return "early" end

function pages.failed(request)
  local body = request:body()
  if body then return body end
end

function pages.trailers(request)
  request:body()
  return request:trailers().x
end

function pages.form(request)
  local form = request:form()
  if form then return form.a end
end

-- What is known of a request
function pages.arguments(request)
  local first = request:arguments()
  return first and first.a or 400
end

function pages.headers(request)
  local count = #request.headers:all "x"
  for _ in pairs(request.headers) do count = count + 1 end
  return request.headers.x .. request.peer .. request.scheme .. request.id .. count
end

-- Replies
function pages.small() return "hello\n" end
function pages.none() return 204 end
function pages.fields() return 200, { ["X-A"] = { "1", "2" }, ["X-B"] = 3 }, "body" end
function pages.redirect(_, response) return response:redirect "/small" end

function pages.iterator()
  local count = 0
  return 200, function()
    count = count + 1
    if count == 2 then lastcall.sleep(0) end
    return count < 4 and "piece" or nil
  end
end

function pages.echo(request)
  local chunks = request:chunks()
  return 200, function() return chunks() end
end

function pages.write(_, response)
  response:inform(103, { Link = "</x>" })
  response:write("one", 2)
  response:flush()
  response:write "three"
end

function pages.large() return ("x"):rep(300000) end

-- Mistakes
function pages.raise() error "on purpose" end
function pages.nothing() end
function pages.nonsense() return {}, {}, {} end

function pages.half(_, response)
  response:write(("x"):rep(1000))
  response:flush()
  error "on purpose"
end

-- Tasks and contexts
function pages.go()
  for i = 0, 2 do lastcall.go(lastcall.sleep, i * 30) end
  lastcall.spawn(lastcall.sleep, 0)
  return "started"
end

function pages.context(request, _, ctx)
  ctx:on_done(function() end)
  local inner, cancel = lastcall.context.with_timeout(ctx, 60)
  inner:on_done(function() end)
  if request.query then cancel() end -- else it is just forgotten
  local _ <close> = lastcall.work()
  lastcall.sleep(0)
  return tostring(inner:err())
end

function pages.slow() return select(2, lastcall.sleep(60)) end

-- Objects that outlive their request
function pages.stale(request, response)
  next_kept = next_kept % 50 + 1
  local old = kept[next_kept]
  kept[next_kept] = { request, response, request.headers }
  return tostring(old and pcall(function() return old[1].method end) or "new")
end


function pages.data(request)
  local data = request.conn.data
  data.count = (data.count or 0) + 1
  return tostring(data.count)
end

function pages.upgrade(request)
  local conn = assert(request:upgrade("lines", { ["X-A"] = "1" }))
  for line in conn:lines() do conn:write(line, "\n") end
end

pages.wsapi = http.wsapi(function(env)
  local body = env.input:read(tonumber(env.CONTENT_LENGTH) or 0)
  return 200, { ["Content-Type"] = "text/plain" }, coroutine.wrap(function() coroutine.yield(body or "none") end)
end)

local function resident()
  local file = assert(io.open "/proc/self/statm")
  local _, size = file:read("n", "n")
  file:close()
  return size * 4096
end

--- When all other connections have gone: bytes of Lua, of the heap, resident ones; descriptors, tasks and timers.
function pages.memory()
  for i, server in ipairs(servers) do server:wait_for("==", i == 1 and 1 or 0) end
  lastcall.sleep(0.02)
  collectgarbage()
  collectgarbage()
  local stats = core.loop_stats()
  return ("%d %d %d %d %d %d"):format(collectgarbage "count" * 1024, system.heap() - stats.kept, resident(),
    #system.descriptors(), stats.tasks, stats.timers)
end

local function answer(request, response, ctx)
  local parts = request:segments()
  local page = parts and pages[parts[1] or "small"]
  if not page then return 404, "nothing is here\n" end
  return page(request, response, ctx)
end

local usual = {
  ready = "/ready", trusted = { "127.0.0.0/8", "unix:" }, access_log = http.access_log(nil, function() end),
}
local hasty = { head_timeout = 0.05, body_timeout = 0.05, max_body = 1000, max_head = 1000, max_fields = 10 }
local quiet = { log = function() end, on_error = function() end }

assert(os.execute("mkdir " .. folder))
local report = lastcall.run(function()
  local own = http.handler(answer)
  local list = {
    { "127.0.0.1:0", http.handler(answer, usual) },
    { "unix:" .. folder .. "/usual", http.handler(answer, usual) },
    { "unix:" .. folder .. "/hasty", http.handler(answer, hasty) },
    { "unix:" .. folder .. "/own", function(conn) own(conn) end },
    { "unix:" .. folder .. "/crowded", http.handler(answer, { max_in_flight = 10, body_timeout = 0.05 }) },
    { "unix:" .. folder .. "/brief", http.handler(answer, { keepalive_timeout = 0.05 }) },
  }
  local addresses = {}
  for i, one in ipairs(list) do
    local server = assert(lastcall.listen(one[1], quiet))
    lastcall.spawn(function() server:serve(one[2]) end)
    servers[i], addresses[i] = server, server:addresses()[1]
  end
  print("listening " .. table.concat(addresses, " "))
  io.stdout:flush()
end, quiet)
os.execute("rm -r " .. folder)
os.exit(report.ok)
