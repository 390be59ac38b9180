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

local listeners = {}

local Listeners = {}
Listeners.__index = Listeners

function listeners.new() return setmetatable({ by_key = {}, list = {} }, Listeners) end

local function key_of(n, address) return n .. " " .. address end

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
  worker.line:send_with(one.fd, "take", one.n, one.address)
end

--- Lets the first worker that waits open the socket.
local function open_next(one)
  one.opener = table.remove(one.waiting, 1)
  if one.opener then one.opener.line:send("open", one.n, one.address) end
end

local function hold(one, fd)
  one.fd, one.opener = fd, nil
  if one.address:find "^unix:" then one.device, one.inode = core.path_identity(one.address) end
end

--- Opens an address of the operator's, for the first call with it. Returns true, or nil and the reason.
function Listeners:open(address)
  local opened, _, message = server.new(address, {})
  if not opened then return nil, message end
  local fd = core.socket.listener_fd(opened)
  local copy, _, problem = core.duplicate(fd)
  core.server_share(opened, fd, true) -- so its end leaves the socket to the copy
  opened:close()
  if not copy then return nil, problem end
  local one = entry(self, 1, address)
  one.is_given = true
  hold(one, copy)
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
  local one = entry(self, n, address)
  if one.fd then return hand_out(one, worker) end
  table.insert(one.waiting, worker)
  if not one.opener then open_next(one) end
end

--- A worker hands a socket up.
function Listeners:opened(worker, n, address, fd)
  local one = self.by_key[key_of(n, address)]
  if not one or one.opener ~= worker or not fd then
    if fd then core.close_fd(fd) end
    return
  end
  hold(one, fd)
  one.generations[worker.generation] = true
  for _, waiting in ipairs(one.waiting) do hand_out(one, waiting) end
  one.waiting = {}
end

--- A worker cannot open a socket; its own options may be the reason.
function Listeners:failed(worker, n, address)
  local one = self.by_key[key_of(n, address)]
  if one and one.opener == worker then open_next(one) end
end

--- A worker has ended.
function Listeners:gone(worker)
  for _, one in ipairs(self.list) do
    for i = #one.waiting, 1, -1 do
      if one.waiting[i] == worker then table.remove(one.waiting, i) end
    end
    if one.opener == worker then open_next(one) end
  end
end

--- Those that `generation` has not asked for, and that the operator has not asked for either.
function Listeners:unasked(generation)
  local unasked = {}
  for _, one in ipairs(self.list) do
    if one.fd and not one.is_given and not one.generations[generation] then unasked[#unasked + 1] = one end
  end
  return unasked
end

local function close(one)
  if not one.fd then return end
  if one.device then core.path_remove(one.address, one.device, one.inode) end
  core.close_fd(one.fd)
  one.fd = nil
end

--- Forgets a socket, whose last users drain.
function Listeners:let_go(one)
  close(one)
  self.by_key[one.key] = nil
  for i, other in ipairs(self.list) do
    if other == one then return table.remove(self.list, i) end
  end
end

function Listeners:close()
  for _, one in ipairs(self.list) do close(one) end
  self.by_key, self.list = {}, {}
end

return listeners
