-- A coroutine for each client, and a dispatcher with select, over TLS, in the manner of copas: a coroutine yields what
-- its socket waits for, and tries again. For the programs beside it.

local socket = require "socket"
local base = require "spec.support.programs.tls.base"

local reading, writing, sleeping, waiting = {}, {}, {}, {}

local function remove(list, one)
  for i, other in ipairs(list) do
    if other == one then return table.remove(list, i) end
  end
end

local function resume(co, ...)
  local fine, what, value = coroutine.resume(co, ...)
  assert(fine, what)
  if what == "sleep" then sleeping[co] = socket.gettime() + value end
  if what ~= "wantread" and what ~= "wantwrite" then return end
  local list = what == "wantread" and reading or writing
  list[#list + 1], waiting[value] = value, co
end

--- Calls a method until it does not ask to wait.
local scheduler = {}

local function patiently(client, method)
  local partial
  while true do
    local result, problem, rest = client[method](client, "*l", partial)
    if result or not base.is_waiting(problem) then return result, problem end
    partial = rest
    coroutine.yield(problem, client)
  end
end

local function send(client, data)
  local from = 1
  while true do
    local sent, problem, last = client:send(data, from)
    if sent or not base.is_waiting(problem) then return sent, problem end
    from = last + 1
    coroutine.yield(problem, client)
  end
end

local function answer(client, line)
  if line == "busy" then socket.sleep(0.5) end
  if line == "wait" then coroutine.yield("sleep", 0.5) end
  return send(client, (line == "big" and ("x"):rep(base.BIG) or "you said: " .. line) .. "\n")
end

--- A client's coroutine: answers its lines, `most` of them.
local function serve(client, most)
  client = base.wrap(client, 0)
  if patiently(client, "dohandshake") then
    for _ = 1, most do
      local line = patiently(client, "receive")
      if not line then break end
      answer(client, line)
    end
  end
  client:close()
end

--- Serves for ever.
function scheduler.run(path, most)
  local server = base.listen(path)
  server:settimeout(0)
  reading[1] = server
  while true do
    local readable, writable = socket.select(reading, writing, next(sleeping) and 0.05 or 1)
    for list, ready in pairs { [reading] = readable, [writing] = writable } do
      for _, one in ipairs(ready) do
        if one == server then
          local client = server:accept()
          if client then resume(coroutine.create(serve), client, most) end
        else
          remove(list, one)
          resume(waiting[one])
        end
      end
    end
    for co, at in pairs(sleeping) do
      if socket.gettime() >= at then
        sleeping[co] = nil
        resume(co)
      end
    end
  end
end

return scheduler
