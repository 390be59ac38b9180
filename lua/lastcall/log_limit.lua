--- Equal messages, at most so many a second; then one that says how many more there were.

local core = require "lastcall.core"

local limit = {}

local MOST, PERIOD = 10, 1

local kinds = {} -- what makes messages equal, by name -> those of the period under way

--- Says how many were left out of a period.
local function close(kind)
  local more = kind.more
  kind.more = 0
  if more > 0 then kind.tell(kind.level, kind.event, { cause = kind.cause, more = more }) end
end

--- Also when no further message comes.
local function close_in_time(kind)
  kind.task = core.system_task(core.context.root(), function()
    core.sleep(kind.ends - core.now())
    kind.task = nil
    close(kind)
  end)
end

local function kind_of(tell, level, event, cause)
  local name = table.concat({ level, event, cause or "", tostring(tell) }, "\0")
  local kind = kinds[name]
  if kind and core.now() < kind.ends then return kind end
  if kind then close(kind) end
  kind = { tell = tell, level = level, event = event, cause = cause, count = 0, more = 0, ends = core.now() + PERIOD }
  kinds[name] = kind
  return kind
end

--- The same function for messages, with the limit.
function limit.limited(tell)
  if not tell then return nil end
  return function(level, event, fields)
    local kind = kind_of(tell, level, event, fields and fields.cause)
    kind.count = kind.count + 1
    if kind.count <= MOST then return tell(level, event, fields) end
    kind.more = kind.more + 1
    if not kind.task then close_in_time(kind) end
  end
end

--- The run ends: what is left to be said is said now.
function limit.conclude()
  for name, kind in pairs(kinds) do
    kinds[name] = nil
    if kind.task then core.kill_task(kind.task) end
    close(kind)
  end
end

return limit
