--- The master: it holds the sockets, starts the workers, and runs none of their code.
--
--                            .--- all READY, they stay, the check is passed: the old ones drain ---.
--                            |                                                                     v
--     start ------> a new generation starts <---------- reload ----------------------------- it serves
--                            |                                                                     |
--                            '--- one fails: the new ones end, the old ones serve on               |
--                                 (at the start: the service ends)                                 |
--                                                                                                  |
--     ended <------ all workers gone, sockets closed, paths removed <------ stop ------------------'
--
-- One task, the conductor, does one thing at a time: the wishes of all callers wait in a queue. A stop is seen at once,
-- in the middle of whatever the conductor waits for.

local build = require "lastcall.supervise.build"
local core = require "lastcall.core"
local counters = require "lastcall.supervise.counters"
local crashes = require "lastcall.supervise.crashes"
local generation = require "lastcall.supervise.generation"
local listeners = require "lastcall.supervise.listeners"
local notify = require "lastcall.systemd.notify"
local reload = require "lastcall.supervise.reload"
local renewal = require "lastcall.supervise.renewal"
local totals = require "lastcall.supervise.totals"

local master = {}

local FACTS_WITHIN = 0.5 -- seconds for workers to tell their figures
local ASK_EVERY = 5      -- seconds between two times that all are asked for them
local STOPPED = "the service is stopped"

local Master = {}
Master.__index = Master

function master.new(options, log)
  return setmetatable({
    options = options, log = log, listeners = listeners.new(), totals = totals.new(),
    counters = counters.new(),
    number = 0,    -- of the last generation
    places = {},   -- the workers that serve, or are to
    workers = {},  -- all that are alive
    failures = 0,  -- workers in a row that ended soon after their start
    wishes = {},   -- what the conductor is to do
    waiters = {},  -- spots: see wait_change
    signals = 0,   -- that have come to stop the service
  }, Master)
end

-- ------------------------------------------------------------------------------------------------------- changes --

--- Something has changed: everybody who waits looks again.
function Master:changed()
  local waiters = self.waiters
  self.waiters = {}
  for _, spot in ipairs(waiters) do spot:wake(true) end
end

--- Waits for the next change, at most `seconds`. A false value: it has not come, or the task is canceled.
function Master:wait_change(seconds)
  local spot = core.spot()
  table.insert(self.waiters, spot)
  local changed, code = spot:wait("supervise", seconds, true)
  if changed then return true end
  for i, other in ipairs(self.waiters) do
    if other == spot then
      table.remove(self.waiters, i)
      break
    end
  end
  return nil, code
end

function Master:is_stopping() return self.stops_at ~= nil end

-- ------------------------------------------------------------------------------------------------------- workers --

function Master:next_generation()
  self.number = self.number + 1
  return generation.new(self, self.number)
end

--- Starts a worker in a place whose own has ended.
function Master:fill(place, number)
  crashes.fill(self, generation.new(self, number), place)
  self:changed()
end

function Master:began(worker) table.insert(self.workers, worker) end

--- A worker drains without an order.
function Master:leaves(worker)
  if not self:is_stopping() and self.places[worker.index] == worker then crashes.replace(self, worker) end
end

function Master:ended(worker)
  self.totals:add(worker)
  self.counters:ended(worker)
  for i, other in ipairs(self.workers) do
    if other == worker then
      table.remove(self.workers, i)
      break
    end
  end
  self:leaves(worker)
  self:changed()
end

--- The numbers of the generations that serve, once for each worker.
function Master:serving_generations()
  local list = {}
  for i, one in ipairs(self.places) do list[i] = one.generation end
  return table.unpack(list)
end

--- Kills workers whose time is over, until the service has ended. What a worker has told last is what is known of it
-- when it dies, so it is asked now and then.
local function enforce(self)
  local ask_at = core.now() + ASK_EVERY
  while not self.has_ended do
    local now = core.now()
    if now >= ask_at then
      ask_at = now + ASK_EVERY
      for _, one in ipairs(self.workers) do one:ask_facts() end
    end
    local next_at = ask_at
    for _, one in ipairs(self.workers) do
      if one.deadline and one.deadline <= now then
        self.log("warning", "worker killed: its time was over", { worker = one.index, pid = one.pid })
        one:kill()
      end
      next_at = math.min(next_at, one.deadline or math.huge)
    end
    self:wait_change(math.max(0, next_at - core.now()))
  end
end

-- -------------------------------------------------------------------------------------------------------- wishes --

local deeds = {}

deeds.reload = reload.run

deeds.renew = renewal.renew

function deeds.grow(self)
  local place = #self.places + 1
  local new = generation.new(self, self.number)
  local one = new:launch(place)
  local fine, reason = new:prove()
  if fine then
    self.places[place] = one
    new:go()
    return true
  end
  one:drain(self.options.drain, {})
  return nil, reason
end

function deeds.shrink(self)
  local count = #self.places
  if count <= 1 then return nil, "one worker is left; stop the service instead" end
  local one = self.places[count]
  local own = self.listeners:of_place(count)
  self.places[count] = nil
  one:drain(self.options.drain, own)
  for _, listener in ipairs(own) do self.listeners:let_go(listener) end
  return true
end

local function grant(self, wish, result, reason)
  wish.result, wish.reason, wish.is_done = result, reason, true
  self:changed()
end

--- Does one wish. Everybody who has asked for it learns the outcome.
local function fulfil(self, wish)
  if wish.name == "reload" then notify.reloading() end
  local fine, result, reason = xpcall(deeds[wish.name], debug.traceback, self, wish.asked)
  if not fine then result, reason = nil, result end
  if wish.name == "reload" then notify.reloaded() end
  if result then
    self.log("info", wish.name .. " done", { generation = self.number, workers = #self.places, text = reason })
  else
    self.log("warning", wish.name .. " failed", { text = reason })
  end
  grant(self, wish, result, reason)
end

--- Puts a wish into the queue, and waits until it is done. A reload that waits already is the same wish: it begins
-- after this call, with the script as it is then, and in the way that the last call has `asked` for.
function Master:wish(name, asked)
  if self:is_stopping() then return nil, STOPPED end
  local wish
  for _, one in ipairs(self.wishes) do
    if one.name == name and name == "reload" then wish = one end
  end
  if wish then
    table.move(wish.asked.progress, 1, #wish.asked.progress, #asked.progress + 1, asked.progress)
    wish.asked = asked
  else
    wish = { name = name, asked = asked }
    table.insert(self.wishes, wish)
    self:changed()
  end
  while not wish.is_done do
    if not self:wait_change() and not wish.is_done then return nil, "canceled" end
  end
  return wish.result, wish.reason
end

-- ------------------------------------------------------------------------------------------------- start and stop --

--- The end of all: every worker drains within what is left of the one budget.
local function conclude(self)
  for _, wish in ipairs(self.wishes) do grant(self, wish, nil, STOPPED) end
  self.wishes = {}
  local hurried = 1
  for _, one in ipairs(self.workers) do one:drain(math.max(0, self.stops_at - core.now()), self.listeners.list) end
  while self.workers[1] do
    self:wait_change()
    while hurried < self.signals do
      hurried = hurried + 1
      for _, one in ipairs(self.workers) do one:hurry() end
    end
  end
  self.listeners:close()
  self.totals.generations = self.counters:sums {}
  self.has_ended = true
  self:changed()
end

local function conduct(self)
  while not self:is_stopping() do
    local wish = table.remove(self.wishes, 1)
    if wish then fulfil(self, wish) else self:wait_change() end
  end
  conclude(self)
end

local function begin(self)
  if renewal.is_due() then
    renewal.take_over(self)
    return true
  end
  self.listeners:restore()
  for _, address in ipairs(self.options.listen or {}) do
    local fine, problem = self.listeners:open(address)
    if not fine then return nil, problem end
  end
  local first = self:next_generation()
  for place = 1, self.options.workers do first:launch(place, true) end
  local fine, reason = first:prove()
  if not fine then return nil, reason end
  self.places = first.workers
  build.proved(self, first.workers[1].build)
  for _, one in ipairs(self.listeners:unasked(first.number)) do self.listeners:let_go(one) end
  return true
end

--- Starts the first generation. Returns true when it serves; or nil, code, and the reason, when all has ended. The code
-- is "draining" when somebody has stopped the service meanwhile.
function Master:start()
  core.spawn(enforce, self)
  local fine, reason = begin(self)
  if fine then
    core.spawn(conduct, self)
    return true
  end
  local code = self:is_stopping() and "draining" or "failed"
  if code == "failed" then self.listeners:leave_stored() end -- the manager starts the service again, perhaps
  self:stop()
  conclude(self)
  return nil, code, reason
end

--- Begins to stop, or hurries the stop under way. Returns at once.
function Master:stop(seconds)
  self.signals = self.signals + 1
  notify.stopping()
  local at = core.now() + math.min(seconds or math.huge, self.options.drain)
  if not self.stops_at or at < self.stops_at then self.stops_at = at end
  self:changed()
end

-- -------------------------------------------------------------------------------------------------------- status --

--- Asks the workers for their figures, and waits for them at most `seconds`.
function Master:ask_all(seconds)
  local asked = core.now()
  for _, one in ipairs(self.workers) do one:ask_facts() end
  local function is_missing()
    for _, one in ipairs(self.workers) do
      if one.state == "ready" and (not one.facts_at or one.facts_at < asked) then return true end
    end
  end
  while is_missing() and core.now() < asked + seconds do
    local changed, code = self:wait_change(asked + seconds - core.now())
    if not changed and code ~= "timeout" then return end
  end
end

--- What the workers say of themselves, the oldest first; and the sums of each generation.
function Master:status()
  self:ask_all(FACTS_WITHIN)
  local list = {}
  for i, one in ipairs(self.workers) do
    local is_canary = one.is_canary and one.state == "ready"
    list[i] = {
      index = one.index, pid = one.pid, generation = one.generation, state = is_canary and "canary" or one.state,
      connections = one.connections, age = core.now() - one.began, processor = one.processor,
    }
    for _, name in ipairs(counters.FIGURES) do list[i][name] = one.figures[name] end
  end
  return list, self.counters:sums(self.workers)
end

return master
