-- A select loop that takes it for granted that accept gives a client when select says so, as LuaSocket's does.

local socket = require "socket"
local answer = require "spec.support.programs.loops.answers"
local server = require "spec.support.programs.loops.listener"(...)

local all = { server }

local function remove(one)
  for i, other in ipairs(all) do
    if other == one then table.remove(all, i) end
  end
end

while true do
  for _, one in ipairs((socket.select(all))) do
    if one == server then
      local client = server:accept()
      client:settimeout(5)
      all[#all + 1] = client
    else
      local line = one:receive()
      if line then
        one:send(answer(line))
      else
        one:close()
        remove(one)
      end
    end
  end
end
