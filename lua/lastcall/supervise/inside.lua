--- The worker's own side: its sockets come from the master, and it drains when the master says so, or is gone.
--
-- A process is a worker when the environment has LASTCALL_WORKER, "DESCRIPTOR:INDEX:GENERATION:go", or ":wait" at its
-- end. Children do not inherit the variable nor the descriptor.

local core = require "lastcall.core"
local line = require "lastcall.supervise.line"
local log = require "lastcall.log"
local of_reports = require "lastcall.report"
local passed = require "lastcall.systemd.listeners"
local readiness = require "lastcall.readiness"
local remedy = require "lastcall.remedy"

local inside = {}

local ANSWER_WITHIN = 60 -- seconds for another worker to open the socket that this one waits for
local ORDER_WITHIN = 1   -- seconds for the master to order what a signal asks for

local me -- nil outside of a worker

local function begin(text)
  local fd, index, generation, word = text:match "^(%d+):(%d+):(%d+):?(%l*)$"
  core.forget_variable "LASTCALL_WORKER"
  if not fd or not core.keep_from_children(tonumber(fd)) then return end
  me = {
    line = line.new(math.tointeger(fd)), index = math.tointeger(index), generation = math.tointeger(generation),
    calls = {},     -- address -> how many calls of listen there were with it
    waiting = {},   -- key -> the spot of a task that waits for the answer
    answers = {},   -- key -> the answer, for a call outside of tasks
    listeners = {}, -- key -> {server, fd}
    paths = {},     -- unix-domain path -> the identity of its socket
    may_go = word == "go", -- until the master says so, the servers accept nobody
    held = {},      -- set of such servers
  }
end

if os.getenv "LASTCALL_WORKER" then begin(os.getenv "LASTCALL_WORKER") end

function inside.is_worker() return me ~= nil end

--- The place and the generation of this worker; nil in a process without a master.
function inside.worker()
  return me and { index = me.index, generation = me.generation }
end

local function key_of(n, address) return n .. " " .. address end

-- ------------------------------------------------------------------------------------------- orders of the master --

--- Begins the shutdown, or hurries it, as a signal does. Before the run it waits for the run.
local function climb(seconds)
  if not core.climb() then
    me.ordered = seconds or true
    return
  end
  if seconds then core.shutdown(seconds) end
end

--- Nobody goes on with the socket at this address.
local function remove_path(address)
  local identity = me.paths[address]
  if identity then core.path_remove(address, identity.device, identity.inode) end
end

--- The master is gone: no other process goes on with the sockets, or all others end as well. The clients in their
-- queues are for the workers that can serve them.
local function orphaned()
  if me.is_orphan then return end
  me.is_orphan = true
  if me.may_go and me.is_ready then
    for _, one in pairs(me.listeners) do
      if not one.is_stored then core.server_share(one.server, one.fd, false) end
    end
  end
  for address in pairs(me.paths) do remove_path(address) end
  for key in pairs(me.waiting) do me.waiting[key]:wake({ "refused", "", "", "closed", "the supervisor is gone" }) end
  climb()
end

local orders = {}

local function answer(message)
  local key = key_of(message[2], message[3])
  local spot = me.waiting[key]
  if spot then spot:wake(message) else me.answers[key] = message end
end

orders.take, orders.open, orders.refused = answer, answer, answer

function orders.client(message)
  local one = me.first
  if not message.fd then return end -- the other end is closed with it
  if not one or not core.server_take_client(one, message.fd) then core.close_fd(message.fd) end
end

function orders.go()
  me.may_go = true
  for server in pairs(me.held) do core.server_methods.resume(server) end
  me.held = {}
end

function orders.stored(message)
  local one = me.listeners[key_of(message[2], message[3])]
  if one then one.is_stored = true end
  me.paths[message[3]] = nil
end

function orders.last(message)
  local one = me.listeners[key_of(message[2], message[3])]
  if not one then return end
  core.server_share(one.server, one.fd, false)
  remove_path(message[3]) -- the master may be killed before it does so
  if message[5] then core.server_set_place(one.server, tonumber(message[4]), tonumber(message[5])) end
end

--- The first order is a signal; a further one only shortens what the first has begun.
function orders.drain(message)
  local seconds, _, deadline = tonumber(message[2]), core.ladder()
  if me.is_leaving and deadline then return core.shutdown(seconds) end
  me.is_leaving = true
  climb(seconds)
end

function orders.hurry() climb() end

local FIGURES = { "connections", "accepted", "moved", "requests", "replies_5xx" }

function orders.facts()
  local sums = {}
  for i = 1, #FIGURES do sums[i] = 0 end
  for _, facts in ipairs(me.facts and me.facts() or {}) do
    for i, name in ipairs(FIGURES) do sums[i] = sums[i] + facts[name] end
  end
  sums[#sums + 1] = log.errors()
  me.line:send("facts", table.unpack(sums))
end

local function obey(message)
  if orders[message[1]] then orders[message[1]](message) end
end

--- Follows the line until its end.
local function follow()
  while true do
    local message, code = me.line:receive()
    if message then obey(message) elseif code == "eof" then return orphaned() else return end
  end
end

--- A signal came that begins the shutdown, or hurries it. The master knows whether others go on with the sockets.
function inside.on_signal()
  if core.ladder() ~= "serving" or me.is_orphan or not me.line:send "signal" then return climb() end
  core.system_task(core.context.root(), function()
    core.sleep(ORDER_WITHIN)
    if core.ladder() == "serving" then climb() end
  end)
end

-- ------------------------------------------------------------------------------------------------------- sockets --

--- Waits for the answer of the master. In a task `follow` reads it; elsewhere this function does.
local function wait_for_answer(key)
  local _, in_task = core.running()
  if in_task and me.follows then
    local spot = core.spot()
    me.waiting[key] = spot
    local message, code = spot:wait("listen", ANSWER_WITHIN, true)
    me.waiting[key] = nil
    return message, code
  end
  local deadline = core.now() + ANSWER_WITHIN
  while not me.answers[key] do
    local message, code = me.line:receive(math.max(0, deadline - core.now()))
    if not message then return nil, code end
    obey(message)
  end
  local message = me.answers[key]
  me.answers[key] = nil
  return message
end

local function next_call(address)
  me.calls[address] = (me.calls[address] or 0) + 1
  return me.calls[address]
end

--- Asks the master for a socket: that of the next call with `address`, or that with the number `n`. Returns a ticket,
-- and the descriptor; without one this worker opens it, and says `opened` or `failed`. A third result is the address
-- with the port to use. Or nil, code, message.
function inside.ask(address, n)
  n = n or next_call(address)
  local ticket = { n = n, address = address, key = key_of(n, address) }
  local sent, code = me.line:send("listen", n, address)
  local message
  if sent then message, code = wait_for_answer(ticket.key) end
  if not message then
    return nil, code, ("%s: listen: no answer from the supervisor (%s)"):format(address, code)
  end
  if message[1] == "refused" then return nil, message[4], message[5] end
  if message[1] == "take" and not message.fd then
    return nil, "emfile", ("%s: listen: %s"):format(address, remedy.emfile)
  end
  ticket.is_stored = message[1] == "take" and message[4] == "stored"
  return ticket, message.fd, message[4]
end

function inside.opened(ticket, fd) me.line:send_with(fd, "opened", ticket.n, ticket.address) end

function inside.failed(ticket, code, text) me.line:send("failed", ticket.n, ticket.address, code, text) end

--- Keeps in mind the server of a socket that the master has, too. One of systemd's outlives them both.
function inside.note(ticket, server, fd)
  core.server_share(server, fd, true)
  if passed.is_name(ticket.address) then return end
  me.listeners[ticket.key] = { server = server, fd = fd, is_stored = ticket.is_stored }
  me.first = me.first or server
  local address, device, inode = ticket.address, nil, nil
  if address:find "^unix:" and not ticket.is_stored then device, inode = core.path_identity(address) end
  if device then me.paths[address] = { device = device, inode = inode } end
end

--- Listens for `server` on `address` with the master's socket for it. `open(fd)` takes the descriptor over;
-- `open(nil, where)` opens the address with the script's own options, or `where` instead. `n`: see ask. `is_own`: no
-- other place has the socket. Returns the descriptor, or nil, code, message.
function inside.listen(server, address, open, n, is_own)
  if is_own then address = address .. "#" .. me.index end
  local ticket, given, message = inside.ask(address, n)
  if not ticket then return nil, given, message end
  local fine, fd, code, problem = pcall(open, given, given == nil and message or nil)
  if fine and fd then
    if not given then inside.opened(ticket, fd) end
    inside.note(ticket, server, fd)
    if not me.may_go then
      core.server_methods.suspend(server)
      me.held[server] = true
    end
    return fd
  end
  if given then core.close_fd(given)
  else inside.failed(ticket, fine and code or "error", fine and problem or fd) end
  if not fine then error(fd, 0) end
  return nil, code, problem
end

-- ---------------------------------------------------------------------------------------------------------- a run --

--- A run begins. `facts()` returns what `status` shows of each server.
function inside.begin(facts)
  if not me then return end
  if not me.follows then -- otherwise a program's run gives way to its script's
    me.facts = facts
    me.follows = core.system_task(core.context.root(), follow)
    readiness.watch(function(is_ready)
      me.is_ready = is_ready
      me.line:send(is_ready and "ready" or "unready")
    end)
  end
  if me.ordered then
    core.climb()
    if me.ordered ~= true then core.shutdown(me.ordered) end
  end
end

--- The servers close their sockets in the turn after the one in which the process's ladder comes to "drain".
local function say_left()
  core.system_task(core.context.root(), function()
    core.sleep(0)
    me.line:send "left"
  end)
end

--- The shutdown has come to a step, perhaps without an order of the master.
function inside.step(step)
  if not me then return end
  if step == "unready" then me.line:send "draining" elseif step == "drain" then say_left() end
end

local COUNTED = { "accepted_while_stopping", "finished", "closed_idle", "canceled", "killed", "reset_by_us",
  "reset_by_peer", "undelivered_bytes", "late", "tasks_left", "stragglers_unlisted" }
local STRAGGLERS_TOLD = 20

--- The run is over: tells the master what became of the clients.
function inside.conclude(report)
  if not me then return end
  local words = { "ok=" .. (report.ok and 1 or 0), "clean=" .. (report.clean and 1 or 0) }
  for _, name in ipairs(COUNTED) do
    if report[name] then words[#words + 1] = ("%s=%d"):format(name, report[name]) end
  end
  orders.facts()
  me.line:send("report", table.unpack(words))
  for i, one in ipairs(report.stragglers or {}) do
    if i > STRAGGLERS_TOLD then break end
    me.line:send("straggler", of_reports.straggler_line(one))
  end
  me.follows, me.facts = nil, nil
end

return inside
