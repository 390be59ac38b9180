--- Workers that end unasked are replaced: at once, then after growing pauses, and after many in a row not for a while.
--
-- The new worker starts from the script as it is now. When that is not the one that the generation has proved itself
-- with (it was replaced, or a reload of it has failed), the worker proves itself first, as in a reload. While it fails,
-- the place stays empty; it is tried again after the pause, and as soon as the file changes.

local build = require "lastcall.supervise.build"
local core = require "lastcall.core"

local crashes = {}

local SHORT_LIFE = 10           -- seconds: a worker that ends sooner counts as a failure
local FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10
local BREAKER, BREAK = 10, 60   -- failures in a row, and the seconds without a start after them
local LOOK_EVERY = 0.5          -- seconds between two looks at the script's file
local LONGEST_QUEUE = 1         -- seconds that clients may wait in the queue of a place without a worker

--- Seconds until a worker may be started after so many failures in a row.
function crashes.pause(failures)
  if failures >= BREAKER then return BREAK end
  return failures <= 1 and 0 or math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ^ (failures - 2))
end

--- Waits, unless the place is filled or given up meanwhile, or the script becomes another one. Returns whether it still
-- wants a worker.
local function wait(master, gone, seconds)
  local function is_wanted() return not master:is_stopping() and master.places[gone.index] == gone end
  local function is_same()
    local mark = build.mark(master.options.script)
    return not mark or mark == gone.build
  end
  local until_when = core.now() + seconds
  while is_wanted() and core.now() < until_when and is_same() do
    master:wait_change(math.min(LOOK_EVERY, until_when - core.now()))
  end
  return is_wanted()
end

local NO_WORKER = "no worker in the place of one that ended: "
local REMEDY = "put a sound script there: it is started at once; or lastcall reload, which tells how it goes"

--- One that was to take the place of another, and has never served.
local function tell_failure(master, gone, pause)
  local has_run = gone.pid ~= nil -- otherwise the reason names the remedy
  master.log("error", NO_WORKER .. (has_run and "the script fails" or "none can be started"), {
    worker = gone.index, script = master.options.script, text = gone:failure(), restart_in = pause,
    remedy = has_run and REMEDY or nil,
  })
end

local function tell_end(master, gone, pause)
  master.log("warning", gone:is_alive() and "worker drains unasked" or "worker ended unasked", {
    worker = gone.index, pid = gone.pid, generation = gone.generation, ended = gone.how, problem = gone.problem,
    restart_in = pause,
  })
end

local function tell(master, gone, pause)
  if gone.has_served then tell_end(master, gone, pause) else tell_failure(master, gone, pause) end
  if master.failures >= BREAKER then
    master.log("error", "workers end soon after each start: no start for a while",
      { failures = master.failures, seconds = pause })
  end
end

--- Starts another worker in the place of one that has ended, or drains.
function crashes.replace(master, gone)
  if gone.is_replaced then return end
  gone.is_replaced = true
  local has_lived = gone.has_served and core.now() - gone.began >= SHORT_LIFE
  master.failures = has_lived and 0 or master.failures + 1
  local pause = crashes.pause(master.failures)
  tell(master, gone, pause)
  if pause > LONGEST_QUEUE then -- the kernel deals no more clients to this place
    for _, one in ipairs(master.listeners:of_place(gone.index)) do master.listeners:let_go(one) end
  end
  core.spawn(function()
    if wait(master, gone, pause) then master:fill(gone.index, gone.generation) end
  end)
end

--- The script is known to be sound: it only has to start.
local function await_start(master, one)
  local seconds = master.options.start_timeout
  local deadline = core.now() + seconds
  while not one.ready_at and one:is_alive() do
    local left = deadline - core.now()
    if left <= 0 then return one:disown(("is not ready after %g s"):format(seconds)) end
    master:wait_change(left)
  end
end

--- It serves if it does what a new generation has to do.
local function try(master, new, one)
  local fine, reason = new:prove()
  if fine then return new:go() end
  if not master:is_stopping() then one:disown((reason:gsub("^worker %d+ ", ""))) end
end

--- Starts a worker of the generation `new` in a place whose own has ended.
function crashes.fill(master, new, place)
  local is_proved = build.is_proved(master)
  local one = new:launch(place, is_proved)
  master.places[place] = one
  if not one:is_alive() then return crashes.replace(master, one) end
  if is_proved then core.spawn(await_start, master, one) else core.spawn(try, master, new, one) end
end

return crashes
