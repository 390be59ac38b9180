--- Functions of the script's that run at the two ends of a shutdown, each on its own time.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"
local report = require "lastcall.report"

local hooks = { before = {}, after = {}, results = {} }

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

--- Runs one in a fresh context, at most until `deadline`; what it did goes into the report.
local function run_one(entry, deadline)
  local began = core.now()
  local allowed = math.max(0, math.min(entry.timeout, deadline - began))
  local result = { name = entry.name, ok = false, elapsed = 0 }
  hooks.results[#hooks.results + 1] = result
  local ctx <close> = core.context.with_timeout(core.context.root(), allowed)
  local task = core.system_task(ctx, function()
    local ok, err = pcall(entry.fn, ctx)
    result.ok, result.error = ok, not ok and err or nil
    return true
  end)
  hooks.current = task
  core.limit(allowed, core.task_id(task))
  -- Its context has ended by then: a hook that obeys is given the moment it needs to return.
  local ended = task:wait(allowed + math.min(0.05, math.max(0, deadline - began - allowed)))
  if not ended then
    result.error = ("not done within %.3g s; it was at %s"):format(allowed, report.place(task:traceback()) or "work")
    core.kill_task(task)
  elseif result.ok and ctx:err() == "timeout" and core.now() - began >= allowed then
    result.ok, result.error = false, ("took more than its %.3g s"):format(allowed)
  end
  core.limit()
  hooks.current = nil
  result.elapsed = core.now() - began
end

--- All those of step unready, in the order of their registration; called from a task of ours.
function hooks.run_before(deadline)
  for _, entry in ipairs(hooks.before) do run_one(entry, deadline) end
end

--- All the others, last registered first.
function hooks.run_after(deadline)
  for i = #hooks.after, 1, -1 do
    if hooks.skipped or not hooks.after[i] then break end
    run_one(hooks.after[i], deadline)
  end
end

--- The third signal: whatever hook runs is ended, and no other begins.
function hooks.skip()
  hooks.skipped = true
  if hooks.current then core.kill_task(hooks.current) end
end

--- Forgets them all: they belong to one run.
function hooks.forget()
  hooks.before, hooks.after, hooks.results = {}, {}, {}
  hooks.skipped, hooks.current = nil, nil
end

return hooks
