--- Several hundred clients of service.lua, whose server gets SIGTERM in the middle of it: crowd.lua ADDRESS PID
--
-- Prints how many requests each kind of client has sent, and how many were answered with a whole reply. A reply is
-- whole when its body has the length that its head declares, or its last chunk. Exit status 1 when one was not.

local client = require "spec.support.http.client"
local lastcall = require "lastcall"

local address, pid = arg[1], arg[2]
local ready, is_told = lastcall.waitgroup(), false
local told = lastcall.channel()

--- Sends a request and hears the reply, counted for the kind. The reply, or nil where none came, or half of one.
local function ask(kind, conn, method, path, headers, body)
  kind.asked = kind.asked + 1
  local fine, reply = pcall(client.ask, conn, method, path, headers, body)
  if not fine or not reply.body then return nil end
  kind.answered = kind.answered + 1
  return reply
end

local function closes(reply) return not reply or reply.headers.connection == "close" end

--- When the client's part is done before SIGTERM comes: waits until it has come.
local function until_told()
  ready:done()
  if not is_told then told:receive() end
end

local kinds = {
  { name = "a request each 0.2 s over one connection", count = 300 },
  { name = "a new connection for each request", count = 10 },
  { name = "silent since a first reply", count = 200 },
  { name = "connected, nothing said yet", count = 20 },
  { name = "half a request sent", count = 50 },
  { name = "waiting for a reply that takes 2 s", count = 100 },
  { name = "reading 2 MB at 1 MB/s", count = 10 },
  { name = "uploading 1 MB in chunks", count = 20 },
  { name = "waiting for a reply that takes an hour", count = 1 },
}

--- What each of the clients does; in the order of `kinds`.
local deeds = {}

deeds[1] = function(kind, conn)
  if closes(ask(kind, conn, "GET", "/quick")) then return end
  ready:done()
  -- The pauses are exponential, as those of people are.
  while select(2, conn:await(-0.2 * math.log(1 - math.random()))) == "timeout" do
    if closes(ask(kind, conn, "GET", "/quick")) then return end
  end
end

deeds[2] = function(kind, conn)
  ready:done()
  repeat
    ask(kind, conn, "GET", "/quick", "Connection: close\r\n")
    conn:close()
    lastcall.sleep(0.05)
    conn = lastcall.connect(address)
  until not conn
end

deeds[3] = function(kind, conn)
  ask(kind, conn, "GET", "/quick")
  ready:done()
  conn:await()
end

deeds[4] = function(kind, conn)
  until_told()
  lastcall.sleep(0.3)
  ask(kind, conn, "GET", "/quick")
end

deeds[5] = function(kind, conn)
  assert(conn:write "GET /quick HT")
  assert(conn:flush())
  until_told()
  lastcall.sleep(0.5)
  kind.asked = kind.asked + 1
  assert(conn:write "TP/1.1\r\nHost: here\r\n\r\n")
  if pcall(client.hear, conn) then kind.answered = kind.answered + 1 end
end

deeds[6] = function(kind, conn)
  ready:done()
  ask(kind, conn, "GET", "/report")
end

deeds[7] = function(kind, conn)
  kind.asked = kind.asked + 1
  assert(conn:write "GET /large HTTP/1.0\r\n\r\n")
  ready:done()
  local size = 0
  repeat local line = conn:read() until line == "\r" or not line
  repeat
    local piece = conn:read_some(1 << 16)
    size = size + #(piece or "")
    lastcall.sleep(1 / 16)
  until not piece
  if size == 32 << 16 then kind.answered = kind.answered + 1 end
end

deeds[8] = function(kind, conn)
  kind.asked = kind.asked + 1
  assert(conn:write "POST /upload HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n")
  ready:done()
  for _ = 1, 32 do
    if not conn:write("8000\r\n", ("x"):rep(1 << 15), "\r\n") then return end
    lastcall.sleep(1 / 16)
  end
  conn:write "0\r\n\r\n"
  local fine, reply = pcall(client.hear, conn)
  if fine and reply.body == "1048576\n" then kind.answered = kind.answered + 1 end
end

deeds[9] = function(kind, conn)
  ready:done()
  local reply = ask(kind, conn, "GET", "/hour")
  if reply then kind.name = ("%s (it got a %d)"):format(kind.name, reply.status) end
end

local lost = 0
lastcall.run(function()
  local clients = lastcall.group()
  for i, kind in ipairs(kinds) do
    kind.asked, kind.answered = 0, 0
    ready:add(kind.count)
    for _ = 1, kind.count do
      clients:go(function()
        local conn <close> = assert(lastcall.connect(address))
        deeds[i](kind, conn)
      end)
    end
    lastcall.sleep(0.05)
  end
  ready:wait()
  lastcall.sleep(0.5)
  is_told = true
  told:close()
  assert(os.execute("kill -TERM " .. pid))
  assert(clients:wait())
end, { signals = false, log = function() end })

print(("  %-52s %8s %9s %12s %5s"):format("clients", "", "requests", "whole reply", "lost"))
for _, kind in ipairs(kinds) do
  print(("  %-52s %8d %9d %12d %5d"):format(kind.name, kind.count, kind.asked, kind.answered,
    kind.asked - kind.answered))
  lost = lost + kind.asked - kind.answered
end
os.exit(lost == 0)
