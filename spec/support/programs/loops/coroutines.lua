--- A scheduler in the manner of copas: servers with handlers, a coroutine for each client, which the handler has as an
-- object that waits by itself.

local socket = require "socket"

local coroutines = {}

local handlers = {}
local lists = { receive = {}, send = {} }
local threads = { receive = {}, send = {} }

local function remove(list, one)
  for i, other in ipairs(list) do
    if other == one then return table.remove(list, i) end
  end
end

local function wait(one, what)
  table.insert(lists[what], one)
  threads[what][one] = coroutine.running()
  coroutine.yield()
end

local Client = {}
Client.__index = Client

function Client:receive(pattern)
  local data, problem, partial
  repeat
    data, problem, partial = self.socket:receive(pattern, partial)
    if problem == "timeout" then wait(self.socket, "receive") end
  until problem ~= "timeout"
  return data, problem, partial
end

function Client:send(data)
  local from = 1
  repeat
    local sent, problem, upto = self.socket:send(data, from)
    from = upto and upto + 1
    if problem == "timeout" then wait(self.socket, "send") end
  until problem ~= "timeout"
end

function Client:close() return self.socket:close() end

local function resume(thread, ...)
  local fine, problem = coroutine.resume(thread, ...)
  if not fine then io.stderr:write(problem, "\n") end
end

function coroutines.add(server, handler)
  server:settimeout(0)
  handlers[server] = handler
  table.insert(lists.receive, server)
end

local function welcome(server)
  local client = server:accept()
  if not client then return end
  client:settimeout(0)
  resume(coroutine.create(handlers[server]), setmetatable({ socket = client }, Client))
end

function coroutines.loop()
  while true do
    local readable, writable = socket.select(lists.receive, lists.send)
    for what, ready in pairs { receive = readable, send = writable } do
      for _, one in ipairs(ready) do
        if handlers[one] then
          welcome(one)
        else
          remove(lists[what], one)
          resume(threads[what][one])
        end
      end
    end
  end
end

return coroutines
