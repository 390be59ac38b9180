--- A supervisor that is process 1, as in a container, is given the children that other processes leave behind. It takes
-- their status when they end, so that none stays a zombie.

local core = require "lastcall.core"
local signals = require "lastcall.signals"

local strangers = {}

local LOOK_AGAIN = 0.02 -- seconds, for the loop to take the status of a child of its own, which comes first
local TURN = 16         -- processes until other tasks have their turn

local function reap()
  local count = 0
  repeat
    local pid = core.subprocess_reap_stranger()
    count = count + 1
    if pid == nil then core.sleep(LOOK_AGAIN) elseif count % TURN == 0 then core.sleep(0) end
  until pid == false
end

--- Begins to do so, in process 1. Returns a function that ends it.
function strangers.follow()
  if core.process_id() ~= 1 then return function() end end
  core.spawn(reap)
  return signals.on_signal("CHLD", reap)
end

return strangers
