--- What each loop of this folder answers to a line.

local BIG = ("x"):rep(4 * 1024 * 1024) -- more than the kernel's buffers take

return function(line)
  if line == "big" then return BIG .. "\n" end
  return "you said: " .. line .. "\n"
end
