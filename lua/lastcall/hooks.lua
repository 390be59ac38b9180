--- The script's functions that run at the two ends of a shutdown, each within its own time.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"
local report = require "lastcall.report"

local hooks = { before = {}, after = {}, results = {} }

local MOMENT = 0.05 -- seconds for a canceled function to return
local TOO_LATE = "not done when the shutdown went on"

local function remove(list, entry)
  for i, one in ipairs(list) do
    if one == entry then return table.remove(list, i) ~= nil end
  end
  return false
end

local function register(list, what, name, fn, given)
  if type(name) ~= "string" then
    misuse.raise("%s: the first argument is a name for the report, not a %s", what, type(name))
  end
  misuse.check_function(fn, what, "the second argument")
  options.check(what, given, options.hook)
  local entry = { name = name, fn = fn, timeout = given and given.timeout or 5 }
  list[#list + 1] = entry
  core.reserve_for_hooks(#hooks.after > 0)
  return function()
    local removed = remove(list, entry)
    core.reserve_for_hooks(#hooks.after > 0)
    return removed
  end
end

--- Registers a function to run when the connections are gone, last registered first.
function hooks.on_shutdown(name, fn, given) return register(hooks.after, "on_shutdown", name, fn, given) end

--- Registers a function to run at step unready, before anything stops.
function hooks.before_shutdown(name, fn, given)
  return register(hooks.before, "before_shutdown", name, fn, given)
end

--- The hook under way has ended.
local function settle(ok, err)
  local mine = hooks.current
  hooks.results[mine.place] = hooks.results[mine.place]
    or { name = mine.entry.name, ok = ok, error = not ok and err or nil, elapsed = core.now() - mine.began }
  hooks.current = nil
  core.limit()
end

--- Ends the hook under way by force; the report says why.
local function cut(why)
  local mine = hooks.current
  if not mine then return end
  local task = mine.task
  if task then why = ("%s; it was at %s"):format(why, report.place(task:traceback()) or "work") end
  settle(false, why)
  if task then core.kill_task(task) end
end

--- Runs the hook at `index` of `list` in a fresh context, at most until `deadline`; its outcome goes into the report.
-- A hook that is late begins canceled. The time may run out between any two statements, which ends this function by
-- force. So at each of them the hook is either still in the list, or under way.
local function run_one(list, index, deadline, is_late)
  local entry, began = list[index], core.now()
  local allowed = math.max(0, math.min(entry.timeout, deadline - began))
  local mine = { entry = entry, began = began, place = #hooks.results + 1 }
  hooks.current = mine
  remove(list, entry)
  local ctx <close>, cancel = core.context.with_timeout(core.context.root(), allowed)
  mine.cancel = cancel
  mine.task = core.system_task(ctx, function()
    local ok, err = pcall(entry.fn, ctx)
    if ok and ctx:err() == "timeout" and core.now() - began >= allowed then
      ok, err = false, ("took more than its %.3g s"):format(allowed)
    end
    if hooks.current == mine then settle(ok, err) end
    return true
  end)
  if is_late then cancel "shutdown" end
  core.limit(allowed, core.task_id(mine.task))
  -- The hook's context has ended by then. A hook that obeys gets a moment more to return.
  local moment = math.min(MOMENT, math.max(0, deadline - began - allowed))
  local ended = mine.task:wait(is_late and MOMENT or allowed + moment)
  if ended or hooks.current ~= mine then return end
  cut(is_late and TOO_LATE or ("not done within %.3g s"):format(allowed))
end

--- Begins to run the hooks of step unready, in the order of their registration; then calls `done`. A hook that has
-- begun is no longer registered.
function hooks.run_before(deadline, done)
  hooks.preparing = core.system_task(core.context.root(), function()
    while hooks.before[1] and not hooks.skipped do
      run_one(hooks.before, 1, deadline, hooks.is_late)
    end
    done()
  end)
end

--- The ladder has left step unready: cancels the hook under way, and marks those that follow as late.
function hooks.leave_unready()
  hooks.is_late = true
  if hooks.current then hooks.current.cancel "shutdown" end
end

--- Ends the hooks of step unready, because no other step waits for them. Called from a task of lastcall.
function hooks.end_before()
  if hooks.current and not hooks.current.task:wait(MOMENT) then cut(TOO_LATE) end
  if hooks.preparing then hooks.preparing:wait() end
end

--- Runs all other hooks, last registered first, also those that a hook registers. Called from a task of lastcall.
function hooks.run_after(deadline)
  while hooks.after[1] and not hooks.skipped and core.now() < deadline do
    run_one(hooks.after, #hooks.after, deadline)
  end
end

--- The third signal: ends the hook under way, and begins no other.
function hooks.skip()
  hooks.skipped = true
  cut "ended by the third signal"
end

--- The shutdown is over: ends the hook under way, and returns the results, also for hooks that never began.
function hooks.conclude()
  if hooks.current then
    remove(hooks.before, hooks.current.entry)
    remove(hooks.after, hooks.current.entry)
  end
  cut "not done when the shutdown was over"
  local why = hooks.skipped and "skipped: the third signal came first" or "never begun: its time was over"
  local function never_begun(entry)
    hooks.results[#hooks.results + 1] = { name = entry.name, ok = false, error = why, elapsed = 0 }
  end
  for _, entry in ipairs(hooks.before) do never_begun(entry) end
  for i = #hooks.after, 1, -1 do never_begun(hooks.after[i]) end
  return hooks.results
end

--- Forgets all hooks: they belong to one run.
function hooks.forget()
  hooks.before, hooks.after, hooks.results = {}, {}, {}
  hooks.skipped, hooks.is_late, hooks.current, hooks.preparing = nil, nil, nil, nil
end

return hooks
