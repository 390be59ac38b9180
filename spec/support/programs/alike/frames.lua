-- Frames after an HTTP upgrade, in the manner of WebSocket libraries: the client reads frames piece by piece with
-- blocking sockets; the server takes its turns in a coroutine.

local socket = require "socket"

local TEXT, CLOSE = 1, 8

local function encode(data, code)
  local size = #data
  local head
  if size < 126 then head = string.char(size)
  elseif size < 65536 then head = "\126" .. (">I2"):pack(size)
  else head = "\127" .. (">I8"):pack(size) end
  return string.char(0x80 | code) .. head .. data
end

--- The data and its code; else nil, and how many bytes are lacking.
local function decode(bytes)
  if #bytes < 2 then return nil, 2 - #bytes end
  local size, first = bytes:byte(2), 3
  if size >= 126 then
    local format, width = ">I2", 2
    if size == 127 then format, width = ">I8", 8 end
    if #bytes < 2 + width then return nil, 2 + width - #bytes end
    size, first = format:unpack(bytes, 3)
  end
  local lacking = first + size - 1 - #bytes
  if lacking > 0 then return nil, lacking end
  return bytes:sub(first), bytes:byte() & 15
end

local function receive(sock)
  local wanted, bytes = 3, ""
  while true do
    local chunk, problem, partial = sock:receive(wanted)
    if not chunk then return nil, problem, #bytes + #partial end
    bytes = bytes .. chunk
    local data, code = decode(bytes)
    if data then return data, code end
    wanted = code
  end
end

local listener = assert(socket.bind("127.0.0.1", 0))
local _, port = listener:getsockname()

local function read_head(sock)
  local lines = {}
  repeat
    lines[#lines + 1] = sock:receive("*l")
  until lines[#lines] == ""
  return lines
end

local function serve(sock)
  while true do
    local data, code, got = receive(sock)
    if not data then return print("server", code, got) end
    sock:send(encode(data, code))
    if code == CLOSE then
      sock:shutdown()
      return print("server closes", #data)
    end
    coroutine.yield(#data)
  end
end

local server = coroutine.wrap(function()
  while true do
    local sock = assert(listener:accept())
    coroutine.yield(read_head(sock)[1])
    sock:send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
    coroutine.yield("upgraded")
    serve(sock)
    sock:close()
    coroutine.yield("done")
  end
end)

local function connect(timeout)
  local sock = socket.tcp()
  sock:settimeout(timeout)
  print(sock:connect("127.0.0.1", port))
  print(sock:send("GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"))
  print(server(), server())
  print(table.concat(read_head(sock), "|"))
  return sock
end

local client = connect(2)
for _, size in ipairs { 1, 125, 126, 65535, 65536, 100000 } do
  local data = ("f"):rep(size)
  print(client:send(encode(data, TEXT)))
  print(server())
  local back, code = receive(client)
  print(back == data, code)
end
client:send(encode("\3\232bye", CLOSE))
print(server())
print(receive(client))
print(receive(client))
print(client:receive("*a"), client:close())

client = connect()
client:send("\129")
client:shutdown("send")
print(server())
print(receive(client))
client:close()

client = connect(0.1)
print(receive(client))
print(client:receive("*l", "so far"))
client:close()
print(server())
