--- A run: from the first task to the report.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local budget = require "lastcall.budget"
local descriptors = require "lastcall.descriptors"
local dump = require "lastcall.dump"
local hooks = require "lastcall.hooks"
local inside = require "lastcall.supervise.inside"
local lines = require "lastcall.lines"
local log = require "lastcall.log"
local log_limit = require "lastcall.log_limit"
local notify = require "lastcall.systemd.notify"
local offload = require "lastcall.offload"
local options = require "lastcall.options"
local progress = require "lastcall.progress"
local readiness = require "lastcall.readiness"
local report = require "lastcall.report"
local server = require "lastcall.server"
local signals = require "lastcall.signals"
local stderr = require "lastcall.stderr"
local trace = require "lastcall.trace"

local run = {}

local LEARN = 0.1 -- seconds in which loops that have just been told that no client is left end by themselves
local TIDY_EVERY, TIDY_PER_MEBIBYTE = 0.5, 0.05 -- seconds, in a drain; a large heap takes long to traverse
local HURRIED = 0.1 -- seconds for tasks of the process to end after the third signal
local REAP = 1 -- seconds for children that were killed to be gone
local LINGER, LINGER_LOOK = 3, 0.005 -- seconds for connections that the program opened; between two looks at them

local state -- of the run under way
local last_words = {} -- functions: see run.before_closing

--- Calls `fn` each time before lastcall closes sockets that no code uses any more.
function run.before_closing(fn) last_words[#last_words + 1] = fn end

local function say_last_words()
  for _, say in ipairs(last_words) do say() end
end

local function drain_options(given)
  local drain = given.drain
  return type(drain) == "table" and drain or { timeout = drain }
end

--- When no task is left, no code can use the sockets of lastcall.socket that are still open. So they are closed, as
-- the end of the script would close them.
local function close_abandoned()
  local tasks, servers = core.left()
  if tasks > 0 or servers > 0 then return end
  say_last_words()
  core.socket.abandon()
  core.close_outbound()
end

--- Closes, during a drain, the sockets that no task uses any more. Those that no task can reach, because a task has
-- failed, for instance, are garbage.
local function tidy()
  state.has_sockets = core.socket.has_clients()
  while core.socket.has_clients() do
    if core.wait_process_tasks(TIDY_EVERY + collectgarbage "count" / 1024 * TIDY_PER_MEBIBYTE) then
      close_abandoned()
      core.sleep(TIDY_EVERY)
    else
      core.collect()
    end
  end
end

--- Step stop.
local function on_stop()
  hooks.leave_unready()
  core.system_task(core.context.root(), tidy)
end

--- Step unready: runs the script's own preparations, then lets the ladder go on.
local function on_unready()
  local _, deadline = core.ladder()
  close_abandoned()
  if state.show then state.stop_showing = progress.show(server.all) end
  if #hooks.before == 0 then return core.release_step() end
  hooks.run_before(deadline, core.release_step)
end

--- Closes, after the hooks, the connections that tasks of the process have opened.
local function close_outbound(deadline)
  say_last_words()
  local left = core.close_outbound()
  while left > 0 and core.now() < deadline do
    core.sleep(LINGER_LOOK)
    left = core.close_outbound()
  end
  core.close_outbound(true)
end

--- Ends the tasks of the process within `grace` seconds; the report has those that this cuts. A script for LuaSocket
-- that sleeps, selects or keeps accepting cannot learn of the end: it ends there, as the signal would have ended it.
local function end_tasks(grace)
  if state.has_sockets then core.wait_process_tasks(math.min(LEARN, grace / 2)) end
  core.cancel_process()
  core.limit(grace)
  local all_ended = core.wait_process_tasks(grace)
  core.limit()
  if not all_ended then core.kill_process_tasks() end
end

--- Step hooks: ends the tasks of the process, runs the hooks, closes the connections that both may have used.
local function on_hooks()
  local _, deadline = core.ladder()
  core.system_task(core.context.root(), function()
    hooks.end_before()
    end_tasks(hooks.skipped and HURRIED or math.min(state.grace, math.max(0, deadline - core.now())))
    hooks.run_after(deadline)
    close_outbound(hooks.skipped and 0 or math.min(deadline, core.now() + LINGER))
    core.release_step()
  end)
end

--- The third signal ends the shutdown: neither this function nor `on_hooks` waits any longer.
local function on_kill()
  local step, _, _, _, skips = core.ladder()
  if not skips then return end
  hooks.skip()
  if step ~= "hooks" then return end
  core.system_task(core.context.root(), function()
    end_tasks(HURRIED)
    core.close_outbound(true)
  end)
end

local ON_STEP = { unready = on_unready, stop = on_stop, kill = on_kill, hooks = on_hooks }

local function on_step(step)
  trace.step(step)
  notify.step(step)
  inside.step(step)
  if ON_STEP[step] then ON_STEP[step]() end
end

--- Replaces the global `coroutine` by lastcall's, and returns the script's.
local function patch_coroutine()
  local theirs = { global = _G.coroutine, loaded = package.loaded.coroutine }
  _G.coroutine, package.loaded.coroutine = core.coroutine, core.coroutine
  return theirs
end

--- Restores the script's `coroutine`, unless the script has replaced lastcall's meanwhile.
local function restore_coroutine(theirs)
  if not theirs then return end
  if _G.coroutine == core.coroutine then _G.coroutine = theirs.global end
  if package.loaded.coroutine == core.coroutine then package.loaded.coroutine = theirs.loaded end
end

local function start(given)
  local drain = drain_options(given)
  local timeout = drain.timeout or 25
  state = {
    drain = given.drain,
    timeout = timeout,
    grace = math.min(drain.grace or 1, timeout / 10),
    show = given.progress ~= false and (given.progress or core.is_terminal(2)),
    coroutine = given.patch_coroutine ~= false and patch_coroutine(),
  }
  local tell = log_limit.limited(given.log or log.to_stderr)
  core.set_hook("log", tell)
  local on_error = log.guarded(given.on_error) or log.counted(log_limit.limited_errors(log.error_to_stderr))
  core.set_hook("on_error", on_error)
  core.set_hook("callback_failed", on_error)
  core.set_hook("on_step", on_step)
  if not state.show then trace.begin(tell, on_error) end
  if not given.attached then -- otherwise the thread and its work belong to the host program
    core.watch { max_block = given.max_block, exit_when_stuck = given.exit_when_stuck }
    if not inside.is_worker() then budget.begin(timeout, tell) end
    notify.begin(tell)
  end
  core.begin { drain = drain, debug = given.debug }
  offload.begin(given.offload)
  if given.raise_descriptors then descriptors.raise() end
  server.inherit_drain(drain)
  core.reserve_for_hooks(#hooks.after > 0)
  if not given.attached then inside.begin(server.figures) end
end

--- Ends what is left if the deadline came before `on_hooks` was done, and servers that were opened, by a hook for
-- instance, when the others had stopped.
local function end_everything()
  for _, one in ipairs(server.all) do
    if one:step() ~= "done" then one:close() end
  end
  core.kill_process_tasks()
  local results = hooks.conclude()
  core.kill_process_tasks(true)
  core.close_outbound(true)
  offload.conclude()
  core.subprocess_reap(REAP)
  core.settle()
  return results
end

local function finish()
  local results = end_everything()
  trace.conclude()
  notify.conclude()
  log_limit.conclude()
  if state.stop_showing then state.stop_showing() end
  local _, deadline, began, steps = core.ladder()
  local made = report.of_process(server.facts(), {
    began = began, steps = steps, ended = core.now(),
    timeout = deadline and math.min(state.timeout, deadline - began),
  }, results, core.process_facts())
  inside.conclude(made)
  run.last_report = made
  return made
end

--- Restores what the run has changed outside of it.
local function leave()
  trace.conclude()
  notify.conclude()
  restore_coroutine(state.coroutine)
  descriptors.put_back()
  core.finish()
  core.unwatch()
  state = nil
end

local function forget()
  leave()
  readiness.forget()
  budget.forget()
  hooks.forget()
  signals.forget()
  lines.conclude()
  stderr.conclude()
  server.forget()
end

--- For a loop that the host program turns: makes sure that there is a ladder.
function run.attach()
  if state then return end
  start { attached = true, signals = false, progress = false, patch_coroutine = false }
  state.attached = true
end

--- After each turn by the host program: makes the report when the ladder is done.
function run.look()
  if not state or not state.attached or core.ladder() ~= "done" then return end
  finish()
  forget()
end

local function check_outside(what, instead)
  local running, in_task = core.running()
  if running or in_task then
    misuse.raise("%s: the loop of this Lua state is running already; %s", what, instead)
  end
end

--- Begins a run. `open`, if there is one, is called when signals are handled already.
local function begin(open, given)
  local names = given.signals == nil and { "INT", "TERM" } or given.signals or {}
  start(given)
  local watched, problem = pcall(signals.climb, names, inside.is_worker() and inside.on_signal or nil)
  if not watched then
    forget()
    misuse.raise("%s", problem)
  end
  if open then
    local opened, failure = pcall(open)
    if not opened then
      forget()
      error(failure, 0)
    end
  end
  if given.signals ~= false then
    signals.by_default("USR1", function() (given.log or log.to_stderr)("info", "dump", { text = dump() }) end)
  end
end

local guest -- a run that the script of a program begins: the program's own run gives way to it
local is_hosting = false -- it is under way

--- Turns the loop until the run is over. A program's run gives way to the one that its script begins.
local function turn(given)
  local ran, err = pcall(core.run)
  while ran and guest do
    local one = guest
    guest, is_hosting = nil, true
    leave()
    signals.give_way()
    local fine, made = pcall(one.run)
    is_hosting = false
    begin(nil, given)
    core.step_back()
    one.spot:wake({ fine = fine, made = made })
    ran, err = pcall(core.run)
  end
  return ran, err
end

--- Runs `main` as the first task and returns the report when everything has ended. It calls `open` before, when
-- signals are handled already, and raises its errors. In this order every client that can connect is served, even when
-- a signal comes at once.
local function run_with(open, main, given)
  -- The loop may have been attached to a host until now. Everything in it goes on here, also a shutdown.
  local pending = state and select(2, core.ladder())
  begin(open, given)
  if pending then core.shutdown(math.max(0, math.min(state.timeout, pending - core.now()))) end
  local failed, failure
  core.spawn(function()
    local fine, err = xpcall(main, debug.traceback, core.context.process())
    if core.socket.has_clients() then core.collect() end
    if not fine then
      failed, failure = true, err -- which may be any value, false too
      core.shutdown()
    end
  end)
  local ran, err = turn(given)
  local made
  if ran then ran, made = pcall(finish) end
  forget()
  if not ran then error(err or made, 0) end
  if failed then error(failure, 0) end
  return made
end

--- Runs a run of its own for the script of a program, whose first task calls this.
local function run_as_guest(...)
  local words = table.pack(...)
  words[3].drain = words[3].drain or state.drain
  guest = { spot = core.spot(), run = function() return run_with(table.unpack(words, 1, words.n)) end }
  local spot = guest.spot
  core.step_aside()
  local outcome = spot:wait("run", nil, true)
  run.had_guest = true
  if not outcome.fine then error(outcome.made, 0) end
  return outcome.made
end

local function is_guest() return core.is_program() and not is_hosting end

--- Runs `main` as the first task and returns the report when everything has ended.
function run.run(main, given)
  if type(main) ~= "function" then
    misuse.raise("run: the first argument is a function(ctx), not a %s", type(main))
  end
  given = options.check("run", given, options.run)
  if is_guest() then return run_as_guest(nil, main, given) end
  check_outside("run", "start tasks with go or spawn")
  return run_with(nil, main, given)
end

--- listen, serve and run in one.
function run.serve(where, handler, given)
  given = options.check("serve", given, options.serve)
  server.check_handler("serve", handler)
  server.check_place("serve", where)
  local start_run = run_with
  if is_guest() then start_run = run_as_guest else check_outside("serve", "use listen, and server:serve in a task") end
  local one, problem
  local function open() -- perhaps in another coroutine than the script's
    local code, message
    one, code, message = server.new(where, options.pick(given, options.server))
    if not one then
      problem = ("serve: cannot listen on %s: %s (%s)"):format(
        type(where) == "table" and "descriptor " .. tostring(where.fd) or where, code, message)
      error(problem, 0)
    end
    server.hand_to(one, handler)
  end
  local ran, made = pcall(start_run, open, function() one:wait() end, options.pick(given, options.run))
  if ran then return made end
  if one then one:close() end -- also when the run has never begun
  if start_run == run_with then core.settle() end
  if problem then misuse.raise("%s", problem) end -- with the line of the script
  error(made, 0)
end

return run
