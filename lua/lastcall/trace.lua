--- The progress of a shutdown in the log: its signals, its steps with the connections by state, and every few seconds
-- what holds it.

local census = require "lastcall.census"
local core = require "lastcall.core"
local hooks = require "lastcall.hooks"
local report = require "lastcall.report"
local server = require "lastcall.server"

local trace = {}

local INTERVAL, MOST = 5, 5 -- seconds; the number of holders that are named

local tell -- logs for the run under way; nil where the live line is shown
local task -- the task that names the holders

--- The fields of a message at `step`: the connections by state and the seconds left.
local function standing(step)
  local _, deadline = core.ladder()
  local n = census.counts(server.all)
  local left = deadline and math.max(0, deadline - core.now()) or 0
  return { step = step, idle = n.idle + n.new, active = n.active + n.closed, closing = n.closing,
    seconds_left = math.floor(left * 10 + 0.5) / 10 }
end

local function names_of_holders()
  local names = {}
  local some, count = census.holders(server.all, MOST)
  if hooks.current then names[1] = ("hook %s"):format(hooks.current.entry.name) end
  for _, one in ipairs(some) do names[#names + 1] = report.straggler_line(one) end
  if count > #some then names[#names + 1] = ("%d more"):format(count - #some) end
  return table.concat(names, "; ")
end

local function name_holders()
  while true do
    core.sleep(INTERVAL)
    local fields = standing((core.ladder()))
    fields.by = names_of_holders()
    tell("shutdown held", fields)
  end
end

--- Logs the shutdown to come with `log`. Errors that `log` raises go to `on_error`.
function trace.begin(log, on_error)
  function tell(event, fields)
    xpcall(log, function(err) on_error(err, debug.traceback(nil, 2)) end, "info", event, fields)
  end
end

--- Logs a signal that begins the shutdown, or hurries the one under way.
function trace.signal(name)
  if tell then tell("shutdown signal", { signal = name }) end
end

--- Logs a step of the ladder. A run that ends because nothing is left to do logs none.
function trace.step(step)
  if not tell then return end
  local tasks, servers = core.left()
  if step == "unready" and tasks + servers > 0 then
    task = core.system_task(core.context.root(), name_holders)
  end
  if task then tell("shutdown", standing(step)) end
end

--- The run is over.
function trace.conclude()
  if task then core.kill_task(task) end
  tell, task = nil, nil
end

core.set_hook("on_climb", trace.signal)

return trace
