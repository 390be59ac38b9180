-- Servers that accept clients by hand, as programs written for LuaSocket do, in several manners. Each client says one
-- line and gets an answer, which takes some time when the line begins with "slow".
-- Arguments: the manner, the seconds of a slow answer, and a path where the server listens on a unix socket.
local socket = require "socket"

local manner, slow, path = arg[1], tonumber(arg[2]), arg[3]

local server
if path then
  server = assert(require "socket.unix"())
  assert(server:bind(path))
  assert(server:listen(64))
else
  server = assert(socket.bind("127.0.0.1", 0, 64))
end
print("listening " .. (path or ("127.0.0.1:%d"):format(select(2, server:getsockname()))))
io.stdout:flush()

local function talk(client, greeting)
  if greeting then client:send(greeting) end
  local line = client:receive()
  if line then
    if line:find "^slow" then socket.sleep(slow) end
    assert(io.open("/dev/null")):close() -- work that takes a descriptor
    client:send("you said " .. line .. "\n")
  end
  client:close()
end

local function one_by_one(greeting)
  for client in function() return (server:accept()) end do talk(client, greeting) end
end

local manners = {}

function manners.serial() one_by_one() end

function manners.greeting() one_by_one "hello\n" end

--- Several tasks accept from the same socket.
function manners.workers()
  local lastcall = require "lastcall"
  local tasks = {}
  for i = 1, 3 do tasks[i] = lastcall.go(one_by_one) end
  for _, task in ipairs(tasks) do task:wait() end
end

--- Waits for the listening socket with select, and accepts without waiting.
function manners.select()
  server:settimeout(0)
  while true do
    socket.select({ server }, nil, 1)
    local client, problem = server:accept()
    if client then talk(client) end
    if problem == "closed" then return end
  end
end

--- Asks for a client every now and then.
function manners.polling()
  server:settimeout(0)
  while true do
    local client, problem = server:accept()
    if client then talk(client) end
    if problem == "closed" then return end
    socket.sleep(0.02)
  end
end

--- Takes one client, and never asks for another.
function manners.once()
  local client = server:accept()
  talk(client)
  socket.sleep(60)
end

manners[manner]()
