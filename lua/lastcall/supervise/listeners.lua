--- The sockets that the master holds: by address, as the script wrote it, and the number of the call with it.
--
--     wanted --a worker asks--> opening --it hands the socket up--> held --its address is not asked for--> let go
--        ^                         |
--        '----it cannot, or dies---'   the next worker that waits is asked
--
-- The master never accepts. Its copy keeps the socket, and the clients in its queue, from one generation to the next.

local core = require "lastcall.core"
local passed = require "lastcall.systemd.listeners"
local server = require "lastcall.server"
local store = require "lastcall.supervise.store"

local listeners = {}

local MOST = 4096 -- sockets, and addresses that nobody has opened so far

local Listeners = {}
Listeners.__index = Listeners

function listeners.new() return setmetatable({ by_key = {}, list = {} }, Listeners) end

local function key_of(n, address) return n .. " " .. address end

local function group_of(one) return one.n .. (one.address:match "^(.*#)%d+$" or one.address) end

local function entry(self, n, address)
  local key = key_of(n, address)
  local one = self.by_key[key]
  if not one then
    one = { n = n, address = address, key = key, waiting = {}, generations = {} }
    self.by_key[key] = one
    table.insert(self.list, one)
  end
  return one
end

local function hand_out(one, worker)
  one.generations[worker.generation] = true
  worker.line:send_with(one.fd, "take", one.n, one.address, one.stored_as and "stored" or nil)
end

--- The members of its SO_REUSEPORT group, if it is in one; else it alone.
local function group(self, one)
  local members = {}
  for _, other in ipairs(self.list) do
    if group_of(other) == group_of(one) then members[#members + 1] = other end
  end
  return members
end

--- The address of a socket, with the port in use.
local function in_use(one)
  if one.address:find "^unix:" then return one.address end
  local host, port = core.socket.sockname(one.fd)
  return (host:find ":" and "[%s]:%d" or "%s:%d"):format(host, port)
end

--- What the sockets listen on, each once.
function Listeners:addresses()
  local list, seen = {}, {}
  for _, one in ipairs(self.list) do
    local address = one.fd and in_use(one)
    if address and not seen[address] then list[#list + 1] = address end
    seen[address or 1] = true
  end
  return list
end

--- Where a group with port 0 listens, once a member does; or whether a member is about to find out.
local function find_port(self, one)
  for _, other in ipairs(group(self, one)) do
    if other.fd then return in_use(other) end
    if other.opener then return nil, true end
  end
end

--- Lets the first worker that waits open the socket.
local function open_next(self, one)
  if one.opener or one.fd or not one.waiting[1] then return end
  local where, is_pending
  if one.address:find ":0#" then where, is_pending = find_port(self, one) end
  if is_pending then return end
  one.opener = table.remove(one.waiting, 1)
  one.opener.line:send("open", one.n, one.address, where)
end

local function open_next_of_group(self, one)
  for _, other in ipairs(group(self, one)) do open_next(self, other) end
end

local function hold(self, one, fd)
  one.fd, one.opener = fd, nil
  for i, other in ipairs(self.list) do -- in the order in which they began to listen
    if other == one then table.remove(self.list, i) break end
  end
  table.insert(self.list, one)
  if one.address:find "^unix:" then one.device, one.inode = core.path_identity(one.address) end
  one.stored_as = store.keep(one)
end

--- Takes over the sockets that the service manager has kept since an earlier master died.
function Listeners:restore()
  for _, given in ipairs(store.take()) do
    local one = entry(self, given.n, given.address)
    if one.fd then core.close_fd(given.fd) else hold(self, one, given.fd) end
  end
end

--- Takes over a socket from an earlier program of the master's.
function Listeners:take_over(given)
  local one = entry(self, given.n, given.address)
  for name, value in pairs(given) do one[name] = value end
  one.stored_as = store.keep(one) -- the manager knows that it has it already
end

--- Opens an address of the operator's, for the first call with it. Returns true, or nil and the reason.
function Listeners:open(address)
  local known = self.by_key[key_of(1, address)]
  if known and known.fd then
    known.is_given = true
    return true
  end
  local opened, _, message = server.new(address, {})
  if not opened then return nil, message end
  local fd = core.socket.listener_fd(opened)
  local copy, _, problem = core.duplicate(fd)
  core.server_share(opened, fd, true) -- so its end leaves the socket to the copy
  opened:close()
  if not copy then return nil, problem end
  local one = entry(self, 1, address)
  one.is_given = true
  hold(self, one, copy)
  return true
end

--- A worker asks for a socket that systemd has passed to the master. It stays with the master, and is never hidden.
local function hand_on(worker, n, address)
  local fds, code, message = passed.named(address)
  if fds and fds[n] then return worker.line:send_with(fds[n], "take", n, address) end
  worker.line:send("refused", n, address, code or "address not available", message or address .. ": there is no more")
end

--- A worker asks for a socket.
function Listeners:ask(worker, n, address)
  if passed.is_name(address) then return hand_on(worker, n, address) end
  if #self.list >= MOST and not self.by_key[key_of(n, address)] then
    local text = ("%s: listen: the workers have asked for %d addresses"):format(address, MOST)
    return worker.line:send("refused", n, address, "emfile", text)
  end
  local one = entry(self, n, address)
  if one.fd then return hand_out(one, worker) end
  table.insert(one.waiting, worker)
  open_next(self, one)
end

--- A worker hands a socket up.
function Listeners:opened(worker, n, address, fd)
  local one = self.by_key[key_of(n, address)]
  if not one or one.opener ~= worker or not fd then
    if fd then core.close_fd(fd) end
    return
  end
  hold(self, one, fd)
  if one.stored_as then worker.line:send("stored", n, address) end
  one.generations[worker.generation] = true
  for _, waiting in ipairs(one.waiting) do hand_out(one, waiting) end
  one.waiting = {}
  open_next_of_group(self, one)
end

--- A worker cannot open a socket; its own options may be the reason.
function Listeners:failed(worker, n, address)
  local one = self.by_key[key_of(n, address)]
  if not one or one.opener ~= worker then return end
  one.opener = nil
  open_next_of_group(self, one)
end

--- A worker has ended.
function Listeners:gone(worker)
  for _, one in ipairs(self.list) do
    for i = #one.waiting, 1, -1 do
      if one.waiting[i] == worker then table.remove(one.waiting, i) end
    end
    if one.opener == worker then one.opener = nil end
  end
  for i = #self.list, 1, -1 do
    local one = self.list[i]
    if not one.fd and not one.opener and not one.waiting[1] then
      self.by_key[one.key] = nil
      table.remove(self.list, i)
    end
  end
  for _, one in ipairs(self.list) do open_next(self, one) end
end

--- Those that the worker in a place has for itself, in a SO_REUSEPORT group, with their ranks in it. The kernel ranks
-- the members of a group in the order in which they began to listen, and gives the place of one that leaves to the
-- last.
function Listeners:of_place(place)
  local groups, own = {}, {}
  for _, one in ipairs(self.list) do
    local number = one.fd and one.address:match "#(%d+)$"
    if number then
      local name = group_of(one)
      groups[name] = (groups[name] or 0) + 1
      one.rank = groups[name]
      if math.tointeger(number) == place then own[#own + 1] = one end
    end
  end
  for _, one in ipairs(own) do one.of = groups[group_of(one)] end
  return own
end

local function is_asked_for(one, generations)
  for _, number in ipairs(generations) do
    if one.generations[number] then return true end
  end
  return one.is_given
end

--- Those that none of these generations has asked for, and that the operator has not asked for either.
function Listeners:unasked(...)
  local unasked, generations = {}, { ... }
  for _, one in ipairs(self.list) do
    if one.fd and not is_asked_for(one, generations) then unasked[#unasked + 1] = one end
  end
  return unasked
end

local function close(one)
  if not one.fd then return end
  store.forget(one)
  if one.device then core.path_remove(one.address, one.device, one.inode) end
  core.close_fd(one.fd)
  one.fd = nil
end

--- Forgets a socket, whose last users drain.
function Listeners:let_go(one)
  close(one)
  self.by_key[one.key] = nil
  local at, last = nil, nil
  for i, other in ipairs(self.list) do
    if other == one then at = i end
    if group_of(other) == group_of(one) then last = i end
  end
  local mover = table.remove(self.list, last)
  if mover ~= one then self.list[at] = mover end
end

function Listeners:close()
  for _, one in ipairs(self.list) do close(one) end
  self.by_key, self.list = {}, {}
end

--- Leaves those that the service manager has stored to it, for another master.
function Listeners:leave_stored()
  for i = #self.list, 1, -1 do
    local one = self.list[i]
    if one.stored_as then
      core.close_fd(one.fd)
      self.by_key[one.key] = nil
      table.remove(self.list, i)
    end
  end
end

return listeners
