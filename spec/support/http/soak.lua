--- Requests of every kind to one server, and what they leave behind there: soak.lua [COUNT [ROUNDS]]
--
-- COUNT (1,000,000) requests, in ROUNDS (50). After each round the server has no connection but the one that asks, and
-- tells its memory. After a fifth of the requests it must not grow any more than BOUNDS say, descriptors not at all.
-- Prints what was measured; exit status 1 when something grows.

local client = require "spec.support.http.client"
local helper = require "spec.helper"
local lastcall = require "lastcall"
local process = require "spec.support.process"

local total, rounds = tonumber(arg[1] or 1000000), tonumber(arg[2] or 50)
local sent = 0
local tcp, usual, hasty, own, crowded, brief -- where the servers are

local function head(line, fields) return ("%s\r\nHost: here\r\n%s\r\n"):format(line, fields or "") end
local function get(path, fields) return head(("GET %s HTTP/1.1"):format(path), fields) end
local function post(path, body, fields)
  return head(("POST %s HTTP/1.1"):format(path), ("Content-Length: %d\r\n%s"):format(#body, fields or "")) .. body
end
local function chunked(path, text)
  return head(("POST %s HTTP/1.1"):format(path), "Transfer-Encoding: chunked\r\n") .. text
end

local FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
local THREE = "3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nX: y\r\n\r\n"
local LONG = ("x"):rep(20000)

--- Hears the reply to the request `text`.
local function expect(status, conn, text)
  sent = sent + 1
  local fine, reply = pcall(client.hear, conn, text:find "^HEAD")
  local seen = fine and reply.status or reply
  if seen ~= status then error(("%s instead of %s: %s"):format(seen, status, text:sub(1, 300))) end
end

-- ---------------------------------------------------------------- kept connections

-- {status, text}: each is sent 40 times over a connection, which is another one after each round.
local KEPT = {
  { 200, get "/small" }, { 200, get "/small", "kept" }, { 200, head "HEAD /small HTTP/1.1" }, { 204, get "/none" },
  { 404, head "OPTIONS * HTTP/1.1" }, { 404, get "/where" }, { 200, get "/ready" }, { 200, get "/fields" },
  { 302, get "/redirect" }, { 200, get "/iterator" }, { 200, head "HEAD /iterator HTTP/1.1" },
  { 200, get "/large" }, { 200, get "http://there/small" }, { 200, get("/headers", "X: 1\r\nx: 2\r\nCookie: a=b\r\n") },
  { 200, get("/headers", "X: y\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\n") },
  { 200, get "/arguments?a=%20b+c&d" }, { 400, get "/arguments?a=%zz" }, { 404, get "/%zz" },
  { 200, post("/whole", LONG) }, { 200, post("/whole", "") }, { 200, post("/pieces", LONG) },
  { 200, post("/read", "0123456789") },
  { 200, post("/unread", LONG) }, { 200, post("/echo", LONG) }, { 200, chunked("/echo", THREE) },
  { 200, chunked("/whole", THREE) }, { 200, chunked("/trailers", THREE) }, { 200, post("/form", "a=b%20c&d=e", FORM) },
  { 200, get "/go" }, { 200, get "/context" }, { 200, get "/context?cancel" }, { 200, get "/stale" },
  { 200, get "/data" }, { 200, get "/wsapi" }, { 200, post("/wsapi", "body") },
}

local function kept(conn, status, text)
  for _ = 1, 40 do
    assert(conn:write(text))
    expect(status, conn, text)
  end
end

--- The same, of which the client does not wait for each reply.
local function pipelined(conn, status, text)
  for _ = 1, 4 do
    assert(conn:write(text:rep(10)))
    for _ = 1, 10 do expect(status, conn, text) end
  end
end

-- ---------------------------------------------------------------- a connection for each

-- {status, text, address}: each is sent 4 times, and ends its connection.
local function apart_ones()
  return {
    { 200, head("GET /small HTTP/1.1", "Connection: close\r\n") }, { 200, "GET /small HTTP/1.0\r\n\r\n" },
    { 200, "GET /iterator HTTP/1.0\r\n\r\n" }, { 200, "POST /whole HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc" },
    { 500, get "/raise" }, { 500, get "/nothing" }, { 500, get "/nonsense" }, { 500, post("/raise", LONG) },
    { 400, "nonsense\r\n\r\n" }, { 400, "GET / HTTP/1.1\r\n\r\n" }, { 400, "GET / HTTP/1.1\nHost: here\r\n\r\n" },
    { 400, head("GET /small HTTP/1.1", "Content-Length: x\r\n") }, { 505, head "GET / HTTP/3.0" },
    { 501, head "CONNECT here:1 HTTP/1.1" }, { 417, get("/small", "Expect: more\r\n") },
    { 400, head("GET / HTTP/1.1", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n") },
    { 501, head("POST / HTTP/1.1", "Transfer-Encoding: gzip\r\n") }, { 414, "GET /" .. LONG .. LONG },
    { 431, get("/small", "X: " .. LONG .. LONG .. "\r\n") }, { 431, get("/small", ("X: y\r\n"):rep(101)) },
    { 400, chunked("/failed", "3\r\nabcd\r\n0\r\n\r\n") }, { 400, chunked("/failed", "x\r\n") },
    { 400, post("/form", "a=%", FORM) }, { 400, post("/form", "a=b") },
    { 413, head("POST /whole HTTP/1.1", "Content-Length: 20000000\r\n") },
    { 413, post("/whole", ("x"):rep(2000)), hasty }, { 413, chunked("/failed", "7d0\r\n" .. ("x"):rep(2000)), hasty },
    { 431, get("/small", ("X: y\r\n"):rep(20)), hasty }, { 431, get("/small", "X: " .. ("y"):rep(2000)), hasty },
    { 200, get("/unread", "Content-Length: 10\r\nExpect: 100-continue\r\n") },
    { 200, head("POST /small HTTP/1.1", "Content-Length: 10000000\r\n") .. LONG },
    { 408, head("POST /failed HTTP/1.1", "Content-Length: 10\r\n"), hasty }, { 408, "GET / HT", hasty },
    { 200, get("/small", "Connection: close\r\n"), own }, { 500, get "/raise", own },
  }
end

local function apart(status, text, address)
  for _ = 1, 4 do
    local conn = assert(lastcall.connect(address, { linger = 0.5 }))
    conn:write(text)
    expect(status, conn, text)
    conn:close()
  end
end

-- ---------------------------------------------------------------- what is no plain exchange

local odd = {}

--- Over a connection to this address; with what is done to it.
local function with(address, count, body)
  for _ = 1, count do
    local conn = assert(lastcall.connect(address, { linger = 0.5 }))
    body(conn)
    conn:close()
    sent = sent + 1
  end
end

function odd.continued()
  with(usual, 5, function(conn)
    local text = head("POST /whole HTTP/1.1", "Content-Length: 3\r\nExpect: 100-continue\r\n")
    conn:write(text)
    assert(conn:read() == "HTTP/1.1 100 Continue\r" and conn:read() == "\r")
    conn:write "abc"
    assert(client.hear(conn).status == 200)
  end)
end

function odd.upgraded()
  with(usual, 5, function(conn)
    conn:write(get("/upgrade", "Upgrade: lines\r\nConnection: upgrade\r\n"), "early\n")
    repeat until assert(conn:read()) == "\r"
    for _ = 1, 3 do conn:write "more\n" end
    for i = 0, 3 do assert(conn:read() == (i == 0 and "early" or "more")) end
  end)
end

function odd.interim()
  with(usual, 5, function(conn)
    conn:write(get "/write")
    repeat until assert(conn:read()) == "\r"
    assert(client.hear(conn).body == "one2three")
  end)
end

function odd.halves()
  with(usual, 5, function(conn)
    conn:write(get "/half")
    assert(not pcall(client.hear, conn))
  end)
end

--- The client leaves: in a head, in a body, while the handler works, in the middle of a reply; by FIN and by reset.
function odd.left()
  local texts = {
    "GET / HT", head("POST /whole HTTP/1.1", "Content-Length: 100\r\n") .. "abc", chunked("/whole", "3\r\nab"),
    get "/slow", get "/large", post("/unread", "x"):sub(1, -2),
  }
  for _, text in ipairs(texts) do
    with(usual, 2, function(conn) conn:write(text) end)
    with(tcp, 2, function(conn)
      conn:write(text)
      conn:flush()
      lastcall.sleep(0.001)
      conn:abort()
    end)
  end
end

--- More at once than max_in_flight: some get 503, and others 408.
function odd.crowded()
  local group = lastcall.group()
  for _ = 1, 30 do
    group:go(function()
      with(crowded, 1, function(conn)
        conn:write(chunked("/failed", ""))
        client.hear(conn)
      end)
    end)
  end
  assert(group:wait())
end

--- Clients that ask once, or never.
function odd.silent()
  local group = lastcall.group()
  for i = 1, 10 do
    group:go(function()
      with(brief, 1, function(conn)
        if i % 2 == 0 then
          conn:write(get "/small")
          pcall(client.hear, conn) -- it may have come too late
        end
        conn:read()
      end)
    end)
  end
  group:wait()
end

-- ---------------------------------------------------------------- rounds

local first, conns -- the connection of the whole run, and those of a round

--- Every kind once, all at once.
local function pass()
  local group = lastcall.group()
  for i, one in ipairs(KEPT) do
    conns[i] = conns[i] or i == 1 and first or assert(lastcall.connect(({ [0] = own, tcp, usual })[i % 3]))
    group:go(i % 5 == 0 and pipelined or kept, conns[i], one[1], one[2])
  end
  for _, one in ipairs(apart_ones()) do group:go(apart, one[1], one[2], one[3] or usual) end
  for _, deed in pairs(odd) do group:go(deed) end
  assert(group:wait())
end

local function round(goal)
  conns = {}
  repeat pass() until sent >= goal
  for i, conn in ipairs(conns) do if i > 1 then conn:close() end end
  first:write(get "/memory")
  local numbers = {}
  for number in client.hear(first).body:gmatch "%d+" do numbers[#numbers + 1] = tonumber(number) end
  return { requests = sent, lua = numbers[1], heap = numbers[2], resident = numbers[3], descriptors = numbers[4],
    tasks = numbers[5], timers = numbers[6] }
end

--- The slope of a line through what was measured: bytes a request.
local function slope(list, name)
  local x, y = 0, 0
  for _, one in ipairs(list) do x, y = x + one.requests / #list, y + one[name] / #list end
  local up, down = 0, 0
  for _, one in ipairs(list) do
    up = up + (one.requests - x) * (one[name] - y)
    down = down + (one.requests - x) ^ 2
  end
  return up / down
end

local server = process.start("lua5.4 spec/support/http/soak_server.lua", 3600)
local list = {}
local fine, err = pcall(lastcall.run, function()
  local addresses = {}
  for address in server:address():gmatch "%S+" do addresses[#addresses + 1] = address end
  tcp, usual, hasty, own, crowded, brief = table.unpack(addresses)
  first = assert(lastcall.connect(tcp))
  for i = 1, rounds do
    local one = round(total * i // rounds)
    if one.requests > total / 5 then list[#list + 1] = one end
  end
  first:close()
end, { log = function() end })
server:signal "TERM"
assert(fine, err)

-- How many bytes more are allowed: for each request, and in all, because pools and caches are never quite the same.
-- After a short run they are not full yet.
local slack = total < 100000 and 4 or 1
local BOUNDS = { lua = { 0.02, 32 << 10 }, heap = { 0.1, 128 << 10 }, resident = { 0.5, 2 << 20 } }
-- For a second a task of lastcall's counts each message that the log had too often.
local LOGGING_TASKS = 30

local from, to = list[1], list[#list]
local span = to.requests - from.requests
print(("soak: %d requests of every kind"):format(sent))
for _, name in ipairs { "lua", "heap", "resident" } do
  local growth = slope(list, name) * span
  local is_bounded = name ~= "resident" or not helper.is_slow -- a sanitizer keeps what was freed for a while
  fine = fine and (not is_bounded or growth <= BOUNDS[name][1] * span + slack * BOUNDS[name][2])
  print(("%s: %d bytes after %d requests, %d at the end; the slope is %.4f a request"):format(name, from[name],
    from.requests, to[name], growth / span))
end
for name, more in pairs { descriptors = 0, tasks = LOGGING_TASKS, timers = LOGGING_TASKS } do
  fine = fine and to[name] <= from[name] + more
  print(("%s: %d, then %d"):format(name, from[name], to[name]))
end
os.exit(fine)
