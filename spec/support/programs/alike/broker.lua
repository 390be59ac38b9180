-- Publish and subscribe, the broker in a select loop and the clients in the same process, in the manner of
-- MQTT libraries: buffered receives that do not wait, sends that do.

local socket = require "socket"

local function packet(kind, body) return string.char(kind, #body) .. body end

local Client = {}
Client.__index = Client

function Client.connect(host, port, timeout)
  local sock = socket.tcp()
  sock:settimeout(timeout)
  local fine, problem = sock:connect(host, port)
  if not fine then return nil, problem end
  return setmetatable({ sock = sock, timeout = timeout, buffer = "" }, Client)
end

function Client:send(data)
  self.sock:settimeout(self.timeout)
  local sent = 0
  while sent < #data do
    local last, problem = self.sock:send(data, sent + 1)
    if not last then return nil, problem end
    sent = last
  end
  return true
end

--- The first `size` bytes that have not been consumed; "idle" while they have not come.
function Client:peek(size)
  self.sock:settimeout(0)
  while #self.buffer < size do
    local data, problem, partial = self.sock:receive(size - #self.buffer)
    self.buffer = self.buffer .. (data or partial)
    if not data then return nil, problem == "timeout" and "idle" or problem end
  end
  return self.buffer:sub(1, size)
end

function Client:receive()
  local head, problem = self:peek(2)
  if not head then return nil, problem end
  local all
  all, problem = self:peek(2 + head:byte(2))
  if not all then return nil, problem end
  self.buffer = ""
  return head:byte(), all:sub(3)
end

local CONNECT, PUBLISH, PING, LEAVE = 0x10, 0x30, 0xc0, 0xe0

local listener = assert(socket.bind("127.0.0.1", 0))
local _, port = listener:getsockname()
local peers, log = {}, {}
listener:settimeout(0)

local function forget(peer)
  for i, one in ipairs(peers) do
    if one == peer then table.remove(peers, i) end
  end
  peer:close()
end

local answers = {
  [CONNECT] = function(peer) peer:send(packet(0x20, "\0\0")) end,
  [PUBLISH] = function(_, body)
    for _, one in ipairs(peers) do one:send(packet(PUBLISH, body)) end
  end,
  [PING] = function(peer) peer:send(packet(0xd0, "")) end,
  [LEAVE] = function(peer) peer:shutdown("send") end,
}

local function serve(peer)
  local head, problem, partial = peer:receive(2)
  if not head then
    log[#log + 1] = problem .. #partial
    if problem == "closed" then forget(peer) end
    return
  end
  peer:settimeout(1)
  local body = head:byte(2) > 0 and peer:receive(head:byte(2)) or ""
  peer:settimeout(0)
  answers[head:byte()](peer, body)
end

local function turn()
  local ready = socket.select({ listener, table.unpack(peers) }, nil, 0.02)
  for _, one in ipairs(ready) do
    if one == listener then
      local peer = listener:accept()
      peer:settimeout(0)
      peer:setoption("tcp-nodelay", true)
      peers[#peers + 1] = peer
    else
      serve(one)
    end
  end
end

local function settle()
  for _ = 1, 6 do turn() end
end

print(Client.connect("127.0.0.1", 1, 0.5))
local one, two = assert(Client.connect("127.0.0.1", port, 1)), assert(Client.connect("127.0.0.1", tostring(port), 1))
one:send(packet(CONNECT, "one"))
two:send(packet(CONNECT, "two"))
print(one:receive())
settle()
print(one:receive() == 0x20, two:receive() == 0x20)
print(two:receive())

local got = {}
for i = 1, 10 do
  one:send(packet(PUBLISH, "message " .. i))
  settle()
  for name, client in pairs { one = one, two = two } do
    local _, body = client:receive()
    got[#got + 1] = name .. " " .. body
  end
end
table.sort(got)
print(table.concat(got, "\n"))

peers[1]:send "\x30\x05he"
socket.select({ one.sock }, nil, 1)
print(one:receive())
peers[1]:send "llo"
socket.select({ one.sock }, nil, 1)
print(one:receive())

peers[1]:send "\x30\x05xx"
forget(peers[1])
socket.select({ one.sock }, nil, 1)
print(one:receive())
print(one:receive())
print(one.sock:shutdown(), one.sock:shutdown("receive"), one:receive())
print(one.sock:close(), one:send "x", one.sock:receive())

two:send(packet(PING, ""))
two:send(packet(LEAVE, ""))
settle()
print(two:receive())
print(two:receive())
two.sock:close()
settle()
print(table.concat(log, " "), #peers)
