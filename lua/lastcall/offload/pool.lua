--- The helpers of a run: so many at most, started when there is work, kept idle for a while.

local core = require "lastcall.core"
local queue = require "lastcall.tasks.queue"
local Worker = require "lastcall.offload.worker"

local Pool = {}
Pool.__index = Pool

local FREE = "free" -- what a waiting task is woken with that may start a helper

--- How many processors this process may use.
local function processors()
  local count, file = 0, io.open "/proc/self/status"
  local list = file and file:read("a"):match "Cpus_allowed_list:%s*(%S+)" or ""
  if file then file:close() end
  for from, to in list:gmatch "(%d+)%-?(%d*)" do
    count = count + (to == "" and 1 or to - from + 1)
  end
  return math.max(1, math.tointeger(count))
end

function Pool.new(given)
  return setmetatable({
    most = given.helpers or processors(), keep = given.idle == nil and 10 or given.idle or math.huge,
    command = given.command or { "/proc/self/exe" },
    count = 0, idle = {}, all = {}, line = queue.new(),
  }, Pool)
end

--- A helper less: the task that has waited longest may start another one.
function Pool:leave_place()
  local entry = self.line:take()
  if entry and entry.spot:wake(FREE) then return end
  self.count = self.count - 1
end

--- A place that has been taken for a helper that starts. If none comes of it, another one may take it.
local Place = {}
Place.__index = Place

function Place:__close()
  if self.pool then self.pool:leave_place() end
end

--- A place has been taken. Returns a new helper in it; or nil, code, message.
function Pool:start(what)
  -- What the helper has is below no caller's context: it has many callers.
  for worker in pairs(self.all) do
    if worker.has_ended then self.all[worker] = nil end
  end
  local place <close> = setmetatable({ pool = self }, Place)
  local worker, code, message = core.context.background():call(Worker.start, self.command)
  if not worker then return nil, code, ("%s: %s"):format(what, message) end
  self.all[worker], place.pool = true, nil
  return worker
end

function Pool:forget(worker)
  self.all[worker] = nil
  self:leave_place()
end

--- Ends a helper that is at work.
function Pool:kill(worker)
  worker:kill()
  self:forget(worker)
end

--- Returns a helper, which is the caller's alone until give_back or kill; or nil, code, message. `what` names the wait.
function Pool:take(what)
  if core.has_ended() then return core.spot():wait(what) end
  while self.idle[1] do
    local worker = table.remove(self.idle)
    if worker:is_usable() then return worker end
    self:kill(worker)
  end
  if self.count < self.most then
    self.count = self.count + 1
    return self:start(what)
  end
  local woken, code, message = self.line:wait(what)
  if woken == FREE then return self:start(what) end
  return woken, code, message
end

--- Ends helpers that have been idle for too long, the oldest first.
local function sweep(self)
  while self.idle[1] do
    local rest = self.idle[1].idle_since + self.keep - core.now()
    if rest > 0 then
      core.sleep(rest)
    else
      local worker = table.remove(self.idle, 1)
      worker:retire()
      self.count = self.count - 1
    end
  end
  self.sweeper = nil
end

function Pool:give_back(worker)
  if not worker:is_usable() then return self:kill(worker) end
  local entry = self.line:take()
  if entry and entry.spot:wake(worker) then return end
  worker.idle_since = core.now()
  table.insert(self.idle, worker)
  if self.keep < math.huge then self.sweeper = self.sweeper or core.system_task(core.context.root(), sweep, self) end
end

--- Ends all helpers, also those that have been let go and have not ended.
function Pool:conclude()
  for worker in pairs(self.all) do worker:kill() end
end

return Pool
