-- A loop that looks at its sockets with select and the time-out 0, and sleeps between two looks.

local socket = require "socket"
local answer = require "spec.support.programs.loops.answers"
local server = require "spec.support.programs.loops.listener"(...)

local all = { server }

while true do
  for _, one in ipairs((socket.select(all, nil, 0))) do
    if one == server then
      all[#all + 1] = server:accept()
    else
      local line = one:receive()
      if line then
        one:send(answer(line))
      else
        one:close()
        for i = #all, 1, -1 do
          if all[i] == one then table.remove(all, i) end
        end
      end
    end
  end
  socket.sleep(0.01)
end
