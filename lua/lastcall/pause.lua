--- Between the pieces of long work: goes on in a later turn, if called in a task. If the caller cannot wait or is
-- canceled, it goes on at once.

local core = require "lastcall.core"

return function()
  local _, in_task = core.running()
  if in_task then pcall(core.sleep, 0) end
end
