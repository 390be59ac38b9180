-- A scheduler of coroutines with a select loop of its own, which never ends, and an echo server on it. A line
-- "wait" is answered half a second later.

local socket = require "socket"

local reading, waiting, sleeping = {}, {}, {}

local function remove(one)
  for i, other in ipairs(reading) do
    if other == one then return table.remove(reading, i) end
  end
end

local function resume(co, ...)
  local _, what, value = assert(coroutine.resume(co, ...))
  if what == "read" then
    reading[#reading + 1] = value
    waiting[value] = co
  elseif what == "sleep" then
    sleeping[co] = socket.gettime() + value
  end
end

local function receive(client)
  local line, problem, partial
  while true do
    line, problem, partial = client:receive("*l", partial)
    if problem ~= "timeout" then return line, problem end
    coroutine.yield("read", client)
  end
end

local function serve(client)
  for line in receive, client do
    if line == "wait" then coroutine.yield("sleep", 0.5) end
    client:send("you said: " .. line .. "\n")
  end
  client:close()
end

local server = assert(socket.bind("127.0.0.1", 0))
server:settimeout(0)
reading[1] = server
print("listening", (("%s:%d"):format(server:getsockname())))
io.stdout:flush()

local rounds = 0
while true do
  rounds = rounds + 1
  local ready = socket.select(reading, nil, next(sleeping) and 0.05 or 1)
  for _, one in ipairs(ready) do
    if one == server then
      local client = server:accept()
      if client then
        client:settimeout(0)
        resume(coroutine.create(serve), client)
      end
    else
      remove(one)
      resume(waiting[one])
    end
  end
  for co, at in pairs(sleeping) do
    if at <= socket.gettime() then
      sleeping[co] = nil
      resume(co)
    end
  end
  if rounds > 10000 then error "the loop spins" end
end
