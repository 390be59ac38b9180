--- every: something to do again and again, until a drain begins.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"

--- At rest: whether so many seconds have passed.
local function pause(seconds)
  local _, code = core.spot():wait("every", seconds, true)
  return code == "timeout"
end

local function describe(err) return { err, debug.traceback(nil, 2) } end

--- One round, which a drain waits for.
local function round(fn, place)
  local _ <close> = core.work("every", place)
  local fine, err = xpcall(fn, describe)
  if not fine then core.report_error(err[1], err[2]) end
end

--- Calls `fn()` every `seconds`, first after so long, as one process-owned task. A call that takes longer
-- than that skips the moments it has missed. What it raises goes to on_error, and the next call comes all
-- the same. When a drain begins, the call under way is finished, and no other comes. Returns the task;
-- `task:cancel()` ends it.
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
      -- The next moment that is yet to come.
      due = due + seconds * math.max(1, math.ceil((core.now() - due) / seconds))
    end
  end)
end

return { every = every }
