-- A chat with a select loop, over TLS: what one client says, the others hear, too, unless they are in mid-line.

local socket = require "socket"
local base = require "spec.support.programs.tls.base"

local server = base.listen(arg[1])
server:settimeout(0)
local watched, states, later = { server }, {}, {}

local function drop(client)
  for i, one in ipairs(watched) do
    if one == client then table.remove(watched, i) break end
  end
  states[client] = nil
  client:close()
end

local function tell_others(speaker, line)
  for client, state in pairs(states) do
    local listens = state ~= speaker and state.is_shaken and state.begun == ""
    if listens then client:send("somebody said: " .. line .. "\n") end
  end
end

local function welcome(client)
  if not client then return end
  client = base.wrap(client, 0)
  watched[#watched + 1] = client
  states[client] = { client = client, begun = "" }
end

while true do
  for _, one in ipairs((socket.select(watched, nil, next(later) and 0.05 or nil))) do
    local state = states[one]
    if one == server then
      welcome(server:accept())
    elseif state then
      local line, problem = base.go_on(state)
      if line then
        state.begun = ""
        base.answer(state, line, later)
        tell_others(state, line)
      elseif not base.is_waiting(problem) then
        drop(one)
      end
    end
  end
  base.answer_late(later)
end
