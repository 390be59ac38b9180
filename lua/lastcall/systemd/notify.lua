--- Word to the service manager (NOTIFY_SOCKET): ready, stopping, the state in words, and that the loop turns.
--
-- Messages with news are kept until the manager has taken them. The others are out of date soon: they are dropped when
-- the manager has no room.

local census = require "lastcall.census"
local core = require "lastcall.core"
local environment = require "lastcall.systemd.environment"
local progress = require "lastcall.progress"
local readiness = require "lastcall.readiness"
local server = require "lastcall.server"

local notify = {}

local BEATS = 3 -- in the time that the watchdog allows
local SERVING_EVERY, DRAINING_EVERY = 5, 1 -- seconds between two looks at the state
local EXTENSION = 5 -- seconds: what each sign of progress adds to the time to stop
local RETRY_EVERY, MOST_KEPT = 0.05, 64

local address -- the manager's; nil: there is none, or it has gone
local log
local kept = {} -- messages with news that found no room
local tasks, watcher = {}, nil -- of this file, in the run under way
local is_stopping, has_been_ready = false, false
local is_over = false -- it has been told of the end: what later runs of this process do is no news
local own = {} -- see notify.describe
local stored = 0 -- descriptors

local function begin_task(fn)
  local task = core.system_task(core.context.root(), fn)
  tasks[#tasks + 1] = task
  return task
end

--- Sends, with the descriptor unless that is nil; true unless the manager has no room now.
local function put(text, fd)
  local fine, code, problem = core.notify(address, text, fd)
  if fine then return true end
  if code == "eagain" or code == "enobufs" then return false end
  log("warning", "the service manager cannot be told", { message = text:match "^[^\n]*", cause = problem })
  address = nil
  return true
end

local function send_kept()
  while address and kept[1] do
    if put(kept[1].text, kept[1].fd) then table.remove(kept, 1) else core.sleep(RETRY_EVERY) end
  end
  kept = {}
end

--- The manager shall learn this.
local function tell(text, fd)
  if not address then return end
  if #kept == 0 and put(text, fd) or #kept == MOST_KEPT then return end
  kept[#kept + 1] = { text = text, fd = fd }
  if #kept == 1 then begin_task(send_kept) end
end

--- It may learn this.
local function mention(text)
  if address and #kept == 0 then put(text) end
end

-- ------------------------------------------------------------------------------------------- the state in words --

local function standing()
  if is_stopping then return (progress.line(server.all)) end
  local n = census.counts(server.all)
  return ("%s, %d connections"):format(readiness.is_denied() and "not ready" or "serving",
    n.new + n.active + n.idle + n.closing)
end

--- What grows as long as the drain makes progress: steps, connections and tasks that ended, bytes that moved.
local function mark()
  local _, _, _, steps = core.ladder()
  local parts, count = { core.left() }, 0
  for _ in pairs(steps or {}) do count = count + 1 end
  parts[#parts + 1] = count
  for _, one in ipairs(server.all) do
    parts[#parts + 1] = one:count()
    parts[#parts + 1] = core.server_moved(one)
  end
  return table.concat(parts, " ")
end

--- Tells the state when it has changed. In a drain, each progress asks for more time to stop, until the deadline of the
-- shutdown: a drain that stands still is ended by the manager.
local function watch_state()
  local said, seen
  while true do
    local text = (own.status or standing)()
    if text ~= said then mention("STATUS=" .. text) end
    said = text
    if is_stopping then
      local now = (own.progress or mark)()
      if now ~= seen then mention(("EXTEND_TIMEOUT_USEC=%d"):format(EXTENSION * 1000000)) end
      seen = now
    end
    core.sleep(is_stopping and DRAINING_EVERY or SERVING_EVERY)
  end
end

--- The signs of life come from the loop: a loop that stands still sends none.
local function beat(seconds)
  while true do
    mention "WATCHDOG=1"
    core.sleep(seconds / BEATS)
  end
end

-- ------------------------------------------------------------------------------------------------- what happens --

local function on_ready(is_ready)
  if not is_ready or has_been_ready or is_stopping then return end
  has_been_ready = true
  tell("READY=1\nSTATUS=" .. (own.status or standing)())
end

--- What a supervisor says instead of the process's own state: `status()` returns a line; `progress()` returns a value
-- that changes while the drain goes on.
function notify.describe(functions) own = functions end

--- The manager shall keep the descriptor, and pass it under this name to the next process of the service. It stays
-- open until `forget`. Returns whether there is a store, and room in it.
function notify.store(name, fd)
  local room = address and environment.manager().room
  if not room or stored >= room then return false end
  stored = stored + 1
  tell("FDSTORE=1\nFDNAME=" .. name, fd)
  return true
end

--- The manager shall keep it no longer.
function notify.forget(name)
  stored = stored - 1
  for i = #kept, 1, -1 do
    if kept[i].fd and kept[i].text:find("FDNAME=" .. name, 1, true) then table.remove(kept, i) end
  end
  tell("FDSTOREREMOVE=1\nFDNAME=" .. name)
end

--- A reload begins, and has ended.
function notify.reloading()
  tell(("RELOADING=1\nMONOTONIC_USEC=%d"):format(core.now() * 1e6 // 1))
end

function notify.reloaded()
  if not is_stopping then tell("READY=1\nSTATUS=" .. (own.status or standing)()) end
end

--- The end of the service begins; or that of a run before it, which was never ready.
function notify.stopping()
  if is_stopping or not address then return end
  is_stopping, is_over = true, has_been_ready
  if has_been_ready then tell "STOPPING=1" end
  core.kill_task(watcher) -- which would look again in some seconds
  watcher = begin_task(watch_state)
end

--- The ladder has come to this step.
function notify.step(step)
  if step == "unready" then notify.stopping() end
end

--- A run begins; `tell_log(level, event, fields)` logs.
function notify.begin(tell_log)
  local manager = environment.manager()
  local _, problem = environment.sockets()
  log = tell_log
  for _, one in pairs { manager.problem, problem } do
    log("warning", "what the service manager passed makes no sense", { cause = one })
  end
  address = not is_over and manager.address or nil
  if not address then return end
  readiness.watch(on_ready)
  watcher = begin_task(watch_state)
  if manager.watchdog then begin_task(function() beat(manager.watchdog) end) end
end

--- The run is over.
function notify.conclude()
  for _, task in ipairs(tasks) do core.kill_task(task) end
  tasks, watcher, kept, own = {}, nil, {}, {}
  address, log, is_stopping, has_been_ready = nil, nil, false, false
end

return notify
