--- A generation: workers that are started together, with the script as it is then.

local check = require "lastcall.supervise.check"
local core = require "lastcall.core"
local worker = require "lastcall.supervise.worker"

local generation = {}

local Generation = {}
Generation.__index = Generation

function generation.new(master, number)
  return setmetatable({ master = master, number = number, workers = {} }, Generation)
end

--- Starts a worker for a place. See worker.start.
function Generation:launch(place, goes_at_once)
  local one = worker.start(self.master, place, self.number, goes_at_once)
  self.workers[place] = one
  return one
end

--- The first reason why the generation cannot serve; nil when there is none.
function Generation:failure()
  if self.master:is_stopping() then return "the service is stopped" end
  for _, one in pairs(self.workers) do
    local reason = one:failure()
    if reason then return reason end
  end
end

local function first_unready(self)
  for _, one in pairs(self.workers) do
    if not one.is_ready then return one end
  end
end

--- Waits until all workers are ready. Returns true, or nil and the reason.
function Generation:wait_ready(seconds)
  local deadline = core.now() + seconds
  while true do
    local reason, late = self:failure(), first_unready(self)
    if reason then return nil, reason end
    if not late then return true end
    if core.now() >= deadline then
      return nil, late:with_last_words(("is not ready after %g s"):format(seconds))
    end
    self.master:wait_change(deadline - core.now())
  end
end

--- Waits whether all workers stay ready. Returns true, or nil and the reason.
function Generation:wait_stays(seconds)
  local deadline = core.now() + seconds
  while true do
    local reason = self:failure()
    if reason then return nil, reason end
    if core.now() >= deadline then return true end
    self.master:wait_change(deadline - core.now())
  end
end

--- Waits until the workers may serve: all are ready, stay so, and pass the operator's check. Returns true, or nil and
-- the reason.
function Generation:prove()
  local options = self.master.options
  local fine, reason = self:wait_ready(options.start_timeout)
  if fine then fine, reason = self:wait_stays(options.probation) end
  if not fine or not options.check then return fine, reason end
  return check.run(options.check, self)
end

--- Lets the workers accept clients.
function Generation:go()
  for _, one in pairs(self.workers) do one:go() end
end

return generation
