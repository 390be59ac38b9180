--- Limits equal messages to MOST a second; then one message says how many more there were.

local core = require "lastcall.core"

local limit = {}

local MOST, PERIOD = 10, 1 -- messages; seconds

local kinds = {} -- a string that equal messages have in common -> their counts in the second under way

--- Ends a second: says how many messages were left out of it.
local function close(kind)
  if kind.task then core.kill_task(kind.task) end
  local more = kind.more
  kind.task, kind.more = nil, 0
  if more > 0 then kind.tell_more(more) end
end

--- Ends the second on time, even if no further message comes.
local function close_in_time(kind)
  kind.task = core.system_task(core.context.root(), function()
    core.sleep(kind.ends - core.now())
    kind.task = nil
    close(kind)
  end)
end

--- Whether one more of these messages may be written. If some may not, `tell_more(n)` says so later.
local function allows(name, tell_more)
  local now = core.now()
  for other, kind in pairs(kinds) do
    if now >= kind.ends then
      kinds[other] = nil
      close(kind)
    end
  end
  local kind = kinds[name]
  if not kind then
    kind = { tell_more = tell_more, count = 0, more = 0, ends = now + PERIOD }
    kinds[name] = kind
  end
  kind.count = kind.count + 1
  if kind.count <= MOST then return true end
  kind.more = kind.more + 1
  if not kind.task then close_in_time(kind) end
end

--- Adds the limit to a log function. Messages with the same level, event and cause are equal.
function limit.limited(tell)
  if not tell then return nil end
  return function(level, event, fields)
    local cause = fields and fields.cause
    local name = table.concat({ tostring(tell), level, event, cause or "" }, "\0")
    if allows(name, function(more) tell(level, event, { cause = cause, more = more }) end) then
      tell(level, event, fields)
    end
  end
end

--- Adds the limit to an error function. Errors raised at the same place are equal.
function limit.limited_errors(tell)
  return function(err, traceback, conn, request)
    local function tell_more(more) tell(("%d more like the last"):format(more), traceback) end
    if allows(tostring(tell) .. "\0" .. tostring(traceback), tell_more) then tell(err, traceback, conn, request) end
  end
end

--- The run ends: writes the counts that are still due.
function limit.conclude()
  for name, kind in pairs(kinds) do
    kinds[name] = nil
    close(kind)
  end
end

return limit
