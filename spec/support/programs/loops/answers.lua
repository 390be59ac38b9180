--- What each loop of this folder answers to a line. A line "busy" keeps the whole program busy for half a second.

local socket = require "socket"

local BIG = ("x"):rep(4 * 1024 * 1024) -- more than the kernel's buffers take

return function(line)
  if line == "busy" then socket.sleep(0.5) end
  if line == "big" then return BIG .. "\n" end
  return "you said: " .. line .. "\n"
end
