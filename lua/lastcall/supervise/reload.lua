--- The ways to renew the workers: all at once, or one after the other.

local build = require "lastcall.supervise.build"
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
    for _, one in ipairs(workers) do
      if one:is_alive() and not one.has_left then return false end
    end
    return true
  end
  while not have_left() and core.now() < deadline do master:wait_change(deadline - core.now()) end
end

--- Orders old workers to drain. They empty the sockets that no worker goes on with.
local function retire(master, old, unasked)
  for _, one in ipairs(old) do one:drain(master.options.drain, unasked) end
  wait_left(master, old)
end

--- The new workers are all started, and the old ones drain when all of them have proved themselves.
function reload.all(master)
  local new = begin(master)
  for place = 1, #master.places do new:launch(place) end
  local fine, reason = new:prove()
  if not fine then
    build.refused(master)
    for _, one in pairs(new.workers) do one:drain(master.options.drain, {}) end
    return nil, reason
  end
  new:go()
  local old = master.places
  master.places, master.failures = new.workers, 0
  build.proved(master, new.workers[1].build)
  local unasked = master.listeners:unasked(new.number)
  retire(master, old, unasked)
  for _, one in ipairs(unasked) do master.listeners:let_go(one) end
  return true
end

--- One place after the other. When a worker fails, its place keeps the old one, and so do all behind it.
function reload.rolling(master)
  local new, count = begin(master), #master.places
  for place = 1, count do
    local trial = generation.new(master, new.number)
    local one = trial:launch(place)
    local fine, reason = trial:prove()
    if not fine then
      build.refused(master)
      one:drain(master.options.drain, {})
      if place == 1 then return nil, reason end
      return nil, ("%d of %d replaced: %s"):format(place - 1, count, reason)
    end
    trial:go()
    local old = master.places[place]
    master.places[place] = one
    build.proved(master, one.build)
    local is_last = place == count
    local unasked = is_last and master.listeners:unasked(new.number) or {}
    retire(master, { old }, unasked)
    for _, listener in ipairs(unasked) do master.listeners:let_go(listener) end
  end
  master.failures = 0
  return true
end

return reload
