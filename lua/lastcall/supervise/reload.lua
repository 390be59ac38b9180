--- The ways to renew the workers: all at once, or one after the other; with a canary before the others, or without.

local build = require "lastcall.supervise.build"
local canary = require "lastcall.supervise.canary"
local core = require "lastcall.core"
local generation = require "lastcall.supervise.generation"

local reload = {}

local LEFT_WITHIN = 2 -- seconds for workers to leave their sockets

--- How many generations are alive. What serves counts as one, also when a rolling reload has mixed it.
local function alive(master)
  local count, seen = 1, {}
  for _, one in ipairs(master.workers) do
    local is_leaving = master.places[one.index] ~= one
    if is_leaving and not seen[one.generation] then seen[one.generation], count = true, count + 1 end
  end
  return count
end

--- A new generation, when the limit allows it. The oldest one is killed at its deadline, so this ends.
local function begin(master)
  while alive(master) >= master.options.generations and not master:is_stopping() do master:wait_change() end
  return master:next_generation()
end

--- Waits until no client comes to these workers any more.
local function wait_left(master, workers)
  local deadline = core.now() + LEFT_WITHIN
  local function have_left()
    for _, one in pairs(workers) do
      if one:is_alive() and not one.has_left then return false end
    end
    return true
  end
  while not have_left() and core.now() < deadline do master:wait_change(deadline - core.now()) end
end

--- Orders workers to drain. They empty the sockets that no worker goes on with, and these are let go.
local function retire(master, workers, unasked)
  for _, one in pairs(workers) do one:drain(master.options.drain, unasked) end
  wait_left(master, workers)
  for _, listener in ipairs(unasked) do master.listeners:let_go(listener) end
end

--- The new workers end, and the old ones serve on. Those that serve as canary may have clients, at new addresses too.
local function give_up(master, workers)
  build.refused(master)
  if master:is_stopping() then return end -- that drains them, too
  local have_served = false
  for _, one in pairs(workers) do have_served = have_served or one.has_served end
  if have_served then return retire(master, workers, master.listeners:unasked(master:serving_generations())) end
  for _, one in pairs(workers) do one:drain(master.options.drain, {}) end
end

--- Whether the other workers would be started from another build than the canary was.
local function is_other_build(master, tried)
  return tried ~= nil and build.mark(master.options.script) ~= tried.build
end

local OTHER_BUILD = "the script has become another one since its canary started; reload again"

--- The new workers are all started, and the old ones drain when all of them have proved themselves.
local function all(master, new)
  local fine, reason = not is_other_build(master, new.workers[1]), OTHER_BUILD
  if fine then
    for place = 1, #master.places do
      if not new.workers[place] then new:launch(place) end
    end
    fine, reason = new:prove()
  end
  if not fine then
    give_up(master, new.workers)
    return nil, reason
  end
  new:go()
  local old = master.places
  master.places, master.failures = new.workers, 0
  build.proved(master, new.workers[1].build)
  retire(master, old, master.listeners:unasked(new.number))
  return true
end

--- Starts a worker for one place, unless the canary is in it. Returns it; or nil and the reason.
local function renew_place(master, new, place)
  local tried = new.workers[1]
  if place == 1 and tried then return tried end
  if is_other_build(master, tried) then return nil, OTHER_BUILD end
  local trial = generation.new(master, new.number)
  local one = trial:launch(place)
  local fine, reason = trial:prove()
  if fine then
    trial:go()
    return one
  end
  give_up(master, { one })
  return nil, reason
end

--- One place after the other. When a worker fails, its place keeps the old one, and so do all behind it.
local function rolling(master, new)
  local count = #master.places
  for place = 1, count do
    local one, reason = renew_place(master, new, place)
    if not one then
      if place == 1 then return nil, reason end
      return nil, ("%d of %d replaced: %s"):format(place - 1, count, reason)
    end
    local old = master.places[place]
    master.places[place] = one
    build.proved(master, one.build)
    retire(master, { old }, place == count and master.listeners:unasked(new.number) or {})
  end
  master.failures = 0
  return true
end

--- Reloads. `asked` has `canary`, the options of one, and `progress`, a list of functions that are told how it goes.
-- Returns true, and how the canary has done; or nil and the reason.
function reload.run(master, asked)
  local new, text = begin(master), nil
  if asked.canary then
    local fine
    fine, text = canary.try(master, new, asked)
    if not fine then
      give_up(master, new.workers)
      return nil, text
    end
  end
  local fine, reason = (master.options.way == "rolling" and rolling or all)(master, new)
  return fine, reason or text
end

return reload
