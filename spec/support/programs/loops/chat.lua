-- A chat: what one client says is sent to all. The loop ends when accept has no client any more.

local socket = require "socket"
local answer = require "spec.support.programs.loops.answers"
local server = require "spec.support.programs.loops.listener"(...)

local all = { server }
local open = true

local function leave(one)
  one:close()
  for i, other in ipairs(all) do
    if other == one then table.remove(all, i) end
  end
end

local function tell_all(line)
  for i = #all, 2, -1 do all[i]:send(answer(line)) end
end

while open do
  for _, one in ipairs((socket.select(all))) do
    if one == server then
      local client = server:accept()
      open = client ~= nil
      all[#all + 1] = client
    else
      local line = one:receive()
      if line then tell_all(line) else leave(one) end
    end
  end
end
for i = #all, 2, -1 do all[i]:send("bye\n") end
