--- every: calls a function again and again, until a drain begins.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"

--- Waits at rest; returns whether `seconds` have passed.
local function pause(seconds)
  local _, code = core.spot():wait("every", seconds, true)
  return code == "timeout"
end

local function describe(err) return { err, debug.traceback(nil, 2) } end

--- One call. A drain waits for it.
local function round(fn, place)
  local _ <close> = core.work("every", place)
  local fine, err = xpcall(fn, describe)
  if not fine then core.report_error(err[1], err[2]) end
end

--- Calls `fn()` every `seconds`, the first time after `seconds`, in one process-owned task. A call that takes longer
-- than that skips the calls that it has missed. An error in it goes to on_error, and the next call still comes.
-- When a drain begins, the call under way finishes, and no other comes. Returns the task; `task:cancel()` ends
-- it.
local function every(seconds, fn)
  if type(seconds) ~= "number" or not (seconds > 0 and seconds < math.huge) then
    misuse.raise("every: the first argument is seconds, more than 0, not %s", tostring(seconds))
  end
  misuse.check_function(fn, "every", "the second argument")
  local source = debug.getinfo(fn, "S")
  local place = ("%s:%d"):format(source.short_src, source.linedefined)
  return core.spawn(function()
    local between = core.context.process():until_drain()
    local due = core.now() + seconds
    while between:call(pause, due - core.now()) do
      round(fn, place)
      -- The next due time that is not past.
      due = due + seconds * math.max(1, math.ceil((core.now() - due) / seconds))
    end
  end)
end

return { every = every }
