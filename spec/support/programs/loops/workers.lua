-- Worker coroutines, one for each client, that are resumed in turn and give way whenever they would have to wait.

local socket = require "socket"
local answer = require "spec.support.programs.loops.answers"
local server = require "spec.support.programs.loops.listener"(...)

local workers = {}

local function start(fn, ...)
  local worker = coroutine.create(fn)
  workers[#workers + 1] = worker
  assert(coroutine.resume(worker, ...))
end

local function serve(client)
  client:settimeout(0)
  local begun
  while true do
    local line, problem, partial = client:receive("*l", begun)
    begun = partial
    if line then client:send(answer(line))
    elseif problem == "closed" then break
    else coroutine.yield() end
  end
  client:close()
end

local function accept()
  server:settimeout(0)
  while true do
    local client, problem = server:accept()
    if client then start(serve, client)
    elseif problem == "closed" then return
    else coroutine.yield() end
  end
end

start(accept)
while #workers > 0 do
  for i = #workers, 1, -1 do
    if coroutine.status(workers[i]) == "dead" then table.remove(workers, i)
    else assert(coroutine.resume(workers[i])) end
  end
  socket.sleep(0.01)
end
