--- Connections to servers, used by one request after the other.
--
--   dialed ---> lent ---> resting ---> lent ...
--                 `-> over     `-> closed
--
-- A lent connection belongs to its request: the use ends with the caller's context, or with the connection. A resting
-- connection belongs to the pool alone. The pool closes it when the server has finished, after `idle_timeout`, when too
-- many rest, and in the hooks of a shutdown. The pool does not hold what it has lent: a reply that the script has
-- forgotten is collected, and its connection too.

local core = require "lastcall.core"
local semaphore = require "lastcall.tasks.semaphore"

local Lease = {}
Lease.__index = Lease

local Pool = {}
Pool.__index = Pool

local function new(given)
  return setmetatable({
    given = given,
    hosts = {},
    free = semaphore.new(given.max_connections),
    resting = {}, -- connection = {conn =, host =, since =, till =}
    count = 0, -- of those
    lent = setmetatable({}, { __mode = "kv" }), -- lease = connection
  }, Pool)
end

-- --------------------------------------------------------------------------------------------- hosts --

--- The entry of a route's key. It is kept while the route has connections, or requests that wait for one.
function Pool:host(key)
  local host = self.hosts[key]
  if not host then
    host = { key = key, users = 0, idle = {}, free = semaphore.new(self.given.max_per_host) }
    self.hosts[key] = host
  end
  host.users = host.users + 1
  return host
end

function Pool:leave_host(host)
  host.users = host.users - 1
  if host.users == 0 and not host.idle[1] then self.hosts[host.key] = nil end
end

-- ------------------------------------------------------------------------------------------- resting --

--- Takes the connection out of those that rest. Returns whether it was one.
function Pool:wake(conn)
  local entry = self.resting[conn]
  if not entry then return false end
  local host = entry.host
  self.resting[conn] = nil
  self.count = self.count - 1
  for i = #host.idle, 1, -1 do
    if host.idle[i] == entry then table.remove(host.idle, i) break end
  end
  if host.users == 0 and not host.idle[1] then self.hosts[host.key] = nil end
  return true
end

function Pool:close(conn)
  if self:wake(conn) then conn:close("background") end
end

--- The connection that has rested longest.
function Pool:oldest()
  local found
  for _, host in pairs(self.hosts) do
    local entry = host.idle[1]
    if entry and (not found or entry.since < found.since) then found = entry end
  end
  return found.conn
end

--- Closes those whose time is over, and looks again when the next one's is.
function Pool:sweep()
  local now, next_at = core.now(), math.huge
  for conn, entry in pairs(self.resting) do
    if entry.till <= now then self:close(conn) else next_at = math.min(next_at, entry.till) end
  end
  self:look_at(next_at)
end

--- Functions of a context need no task. That of the process ends in the hooks of a shutdown: then all are closed.
function Pool:look_at(at)
  if at == math.huge or self.looks then return end
  local process = core.context.process()
  local ctx = core.context.with_deadline(process, at)
  self.looks = true
  ctx:on_done(function()
    self.looks = false
    if not process:done() then return self:sweep() end
    self:close_all()
  end)
end

function Pool:close_all()
  for conn in pairs(self.resting) do self:close(conn) end
end

function Pool:rest(host, conn, seconds)
  local now = core.now()
  local entry = { conn = conn, host = host, since = now, till = now + seconds }
  host.idle[#host.idle + 1] = entry
  self.resting[conn] = entry
  self.count = self.count + 1
  if self.count > self.given.max_idle then self:close(self:oldest()) end
  self:look_at(now + seconds)
end

--- The connection that rested last and is still usable.
function Pool:reusable(host)
  local entry = host.idle[#host.idle]
  while entry do
    self:wake(entry.conn)
    if entry.till > core.now() and core.conn_is_silent(entry.conn) then return entry.conn end
    entry.conn:close("background")
    entry = host.idle[#host.idle]
  end
end

-- ------------------------------------------------------------------------------------------- lending --

--- How long a wait may last.
local function left(deadline) return deadline and math.max(0, deadline - core.now()) end

--- Waits for one of the places of the host, and of all.
function Pool:place(host, deadline)
  local fine, code, message = host.free:acquire(left(deadline))
  if not fine then return nil, code, message end
  fine, code, message = self.free:acquire(left(deadline))
  if not fine then host.free:release() end
  return fine, code, message
end

--- Lends a connection of that route, a new one if `is_new`. Returns the lease and the connection; or nil, code,
-- message.
function Pool:take(route, deadline, is_new)
  local host = self:host(route.key)
  local fine, code, message = self:place(host, deadline)
  if not fine then
    self:leave_host(host)
    return nil, code, message
  end
  local conn = not is_new and self:reusable(host) or nil
  local lease = setmetatable({ pool = self, host = host, is_reused = conn ~= nil }, Lease)
  if not conn then
    conn, code, message = route:dial(deadline)
    if not conn then
      lease:release()
      return nil, code, message
    end
    conn:on_eof(function(one) self:close(one) end)
  end
  self.lent[lease] = conn
  lease.stop = core.conn_lend(conn):on_done(function()
    lease.stop = nil
    lease:over()
  end)
  return lease, conn
end

function Lease:release()
  if self.is_released then return false end
  self.is_released = true
  if self.stop then self.stop() end
  self.host.free:release()
  self.pool.free:release()
  self.pool:leave_host(self.host)
  return true
end

--- The use has ended before the exchange was.
function Lease:over()
  local conn = self.pool.lent[self]
  if self:release() and conn then conn:abort() end
end

--- The exchange is over: the next one may have the connection within so many seconds; 0: it is closed.
function Lease:give_back(seconds)
  local conn = self.pool.lent[self]
  if self.is_released or not conn then return end
  self.pool.lent[self] = nil
  self.stop()
  self.stop = nil
  local is_usable = core.conn_take_back(conn)
  if is_usable and seconds > 0 then self.pool:rest(self.host, conn, seconds) else conn:close("background") end
  self:release()
end

return { new = new }
