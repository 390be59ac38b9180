-- A dispatcher of coroutines in the manner of LuaSocket's samples: each yields the socket for which it waits, and
-- whether it waits to receive or to send.

local socket = require "socket"
local answer = require "spec.support.programs.loops.answers"
local server = require "spec.support.programs.loops.listener"(...)

local sets = { receive = {}, send = {} }
local waiting = { receive = {}, send = {} }

local function remove(set, one)
  for i, other in ipairs(set) do
    if other == one then return table.remove(set, i) end
  end
end

local function step(thread, ...)
  local fine, one, direction = coroutine.resume(thread, ...)
  assert(fine, one)
  if not one then return end
  table.insert(sets[direction], one)
  waiting[direction][one] = thread
end

local function receive(client)
  local line, problem, partial
  repeat
    line, problem, partial = client:receive("*l", partial)
    if problem == "timeout" then coroutine.yield(client, "receive") end
  until problem ~= "timeout"
  return line
end

local function send(client, data)
  local sent, problem, upto
  local from = 1
  repeat
    sent, problem, upto = client:send(data, from)
    if problem == "timeout" then
      from = upto + 1
      coroutine.yield(client, "send")
    end
  until problem ~= "timeout"
  return sent
end

local function serve(client)
  client:settimeout(0)
  for line in receive, client do
    if not send(client, answer(line)) then break end
  end
  client:close()
end

local function accept()
  while true do
    coroutine.yield(server, "receive")
    local client = server:accept()
    if client then step(coroutine.create(serve), client) end
  end
end

server:settimeout(0)
step(coroutine.create(accept))
while true do
  local readable, writable = socket.select(sets.receive, sets.send, 1)
  for direction, ready in pairs { receive = readable, send = writable } do
    for _, one in ipairs(ready) do
      remove(sets[direction], one)
      step(waiting[direction][one])
    end
  end
end
