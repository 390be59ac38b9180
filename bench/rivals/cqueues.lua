-- An echo server on cqueues: a coroutine for each connection. Usage: lua cqueues.lua

local cqueues = require "cqueues"
local signal = require "cqueues.signal"
local socket = require "cqueues.socket"

local loop = cqueues.new()
local server = socket.listen { host = "127.0.0.1", port = 0, nodelay = true }

local function echo(client)
  client:setmode("bn", "bn") -- binary, and no gathering of what is written
  client:onerror(function(_, _, code) return code end) -- a reset ends this client alone
  while true do
    local data = client:read(-65536)
    if not data then break end
    client:write(data)
  end
  client:close()
end

loop:wrap(function()
  for client in server:clients() do loop:wrap(echo, client) end
end)
loop:wrap(function()
  signal.block(signal.SIGTERM)
  signal.listen(signal.SIGTERM):wait()
  os.exit(true)
end)
server:listen()
local _, _, port = server:localname()
print(port)
io.stdout:flush()
assert(loop:loop())
