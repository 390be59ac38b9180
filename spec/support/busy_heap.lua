--- Prints the collector's mode in a loop that never sleeps: after much garbage with a small heap, with a large
-- one, and with a small one again; and when the run has ended.
-- Usage: lua busy_heap.lua [MODE]    the script chooses that mode after the first of these

local lastcall = require "lastcall"

local function mode()
  local before = collectgarbage "incremental"
  if before == "generational" then collectgarbage "generational" end
  return before
end

--- In some turns of the loop, each of which resumes a task up to 256 times.
local function mode_after_turns(count)
  for _ = 1, count * 256 do
    string.rep("x", 65536)
    coroutine.yield()
  end
  return mode()
end

lastcall.run(function()
  print(mode_after_turns(4))
  if arg[1] then collectgarbage(arg[1]) end
  do
    local kept = {}
    for i = 1, 128 do kept[i] = string.rep(tostring(i), 32768) end
    print(mode_after_turns(4), #kept)
  end
  print(mode_after_turns(16))
end, { log = function() end })
print(mode())
