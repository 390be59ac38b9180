-- A loop without select: it asks each socket in turn, with the time-out 0, and sleeps after each round. What a client
-- has not taken yet is sent in later rounds.

local socket = require "socket"
local answer = require "spec.support.programs.loops.answers"
local server = require "spec.support.programs.loops.listener"(...)

server:settimeout(0)

local clients, begun, unsent = {}, {}, {}

local function send(one)
  local data = unsent[one]
  local sent, problem, upto = one:send(data)
  unsent[one] = not sent and data:sub(upto + 1) or nil
  return sent or problem == "timeout"
end

local function serve(one)
  if unsent[one] and not send(one) then return false end
  local line, problem, partial = one:receive("*l", begun[one])
  begun[one] = partial
  if not line then return problem == "timeout" end
  unsent[one] = answer(line)
  return send(one)
end

while true do
  local client, problem = server:accept()
  if client then
    client:settimeout(0)
    clients[#clients + 1] = client
  end
  for i = #clients, 1, -1 do
    if not serve(clients[i]) then
      clients[i]:close()
      table.remove(clients, i)
    end
  end
  if problem == "closed" then break end
  socket.sleep(0.01)
end
