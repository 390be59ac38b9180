--- Workers that end unasked are replaced: at once, then after growing pauses, and after many in a row not for a while.

local core = require "lastcall.core"

local crashes = {}

local SHORT_LIFE = 10           -- seconds: a worker that ends sooner counts as a failure
local FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10
local BREAKER, BREAK = 10, 60   -- failures in a row, and the seconds without a start after them
local LONGEST_QUEUE = 1         -- seconds that clients may wait in the queue of a place without a worker

--- Seconds until a worker may be started after so many failures in a row.
function crashes.pause(failures)
  if failures >= BREAKER then return BREAK end
  return failures <= 1 and 0 or math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ^ (failures - 2))
end

--- Waits, unless the place is filled or given up meanwhile. Returns whether it still wants a worker.
local function wait(master, gone, seconds)
  local function is_wanted() return not master:is_stopping() and master.places[gone.index] == gone end
  local until_when = core.now() + seconds
  while is_wanted() and core.now() < until_when do master:wait_change(until_when - core.now()) end
  return is_wanted()
end

local function tell(master, gone, pause)
  master.log("warning", gone:is_alive() and "worker drains unasked" or "worker ended unasked", {
    worker = gone.index, pid = gone.pid, generation = gone.generation, ended = gone.how, problem = gone.problem,
    restart_in = pause,
  })
  if master.failures >= BREAKER then
    master.log("error", "workers end soon after each start: no start for a while",
      { failures = master.failures, seconds = pause })
  end
end

--- Starts another worker in the place of one that has ended, or drains.
function crashes.replace(master, gone)
  if gone.is_replaced then return end
  gone.is_replaced = true
  master.failures = core.now() - gone.began >= SHORT_LIFE and 0 or master.failures + 1
  local pause = crashes.pause(master.failures)
  tell(master, gone, pause)
  if pause > LONGEST_QUEUE then -- the kernel deals no more clients to this place
    for _, one in ipairs(master.listeners:of_place(gone.index)) do master.listeners:let_go(one) end
  end
  core.spawn(function()
    if wait(master, gone, pause) then master:fill(gone.index, gone.generation) end
  end)
end

return crashes
