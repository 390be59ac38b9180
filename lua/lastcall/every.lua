--- every: something to do again and again, until the shutdown.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"

--- At rest: whether so many seconds have passed.
local function pause(seconds)
  local _, code = core.spot():wait("every", seconds, true)
  return code == "timeout"
end

--- Calls `fn()` every `seconds`, first after so long, as one process-owned task. A call that takes longer
-- than that skips the moments it has missed. What it raises goes to on_error, and the next call comes all
-- the same. Returns the task; `task:cancel()` ends it.
local function every(seconds, fn)
  if type(seconds) ~= "number" or not (seconds > 0 and seconds < math.huge) then
    misuse.raise("every: the first argument is seconds, more than 0, not %s", tostring(seconds))
  end
  misuse.check_function(fn, "every", "the second argument")
  return core.spawn(function()
    local due = core.now() + seconds
    while pause(due - core.now()) do
      local fine, err = xpcall(fn, function(err) return { err, debug.traceback(nil, 2) } end)
      if not fine then core.report_error(err[1], err[2]) end
      -- The next moment that is yet to come.
      due = due + seconds * math.max(1, math.ceil((core.now() - due) / seconds))
    end
  end)
end

return every
