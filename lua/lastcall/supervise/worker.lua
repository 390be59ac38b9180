--- One worker, as the master sees it.
--
--     starting --READY--> ready --order, or by itself--> draining --+--> gone
--        '-------------------'------- dies, is cut ------------------'
--
-- Three tasks attend it: one reads its line, one copies its stderr, one waits for its end.

local adopt = require "lastcall.adopt"
local core = require "lastcall.core"
local line = require "lastcall.supervise.line"
local process = require "lastcall.subprocess"
local stderr = require "lastcall.stderr"

local worker = {}

local LINE = 3            -- the number of the line's descriptor in the child
-- What a service manager has told the master is not for its workers.
local ENVIRONMENT = { LISTEN_PID = false, LISTEN_FDS = false, LISTEN_FDNAMES = false, NOTIFY_SOCKET = false,
  WATCHDOG_USEC = false, WATCHDOG_PID = false }
local STOP_MAY_COME = 0.3 -- seconds between the same signal to a worker and to the master
local TAIL, LINES = 4096, 25 -- bytes and lines of its stderr that the master keeps for a reason
local LEEWAY = 2          -- seconds past its deadline until it is killed
local REPORT_WITHIN = 0.5 -- seconds for what it wrote last, after its end

local Worker = {}
Worker.__index = Worker

-- -------------------------------------------------------------------------------------------------- its messages --

local hears = {}

function hears.listen(self, message) self.master.listeners:ask(self, math.tointeger(message[2]) or 1, message[3]) end

function hears.opened(self, message)
  self.master.listeners:opened(self, math.tointeger(message[2]) or 1, message[3], message.fd)
end

function hears.failed(self, message)
  self.problem = ("%s: %s"):format(message[3], message[5] or message[4])
  self.master.listeners:failed(self, math.tointeger(message[2]) or 1, message[3])
end

function hears.ready(self)
  self.is_ready = true
  if self.state ~= "starting" then return end
  self.state, self.ready_at = "ready", core.now()
  if self.goes_at_once then self:go() end
end

function hears.unready(self) self.is_ready = false end

function hears.left(self) self.has_left = true end

function hears.draining(self)
  if self.state == "draining" then return end
  self.state = "draining"
  self.master:leaves(self)
end

--- It got a signal that ends it, itself. A service manager may signal the master as well, at the same moment: then the
-- master's own order is the better one.
function hears.signal(self)
  core.spawn(function()
    local master, until_when = self.master, core.now() + STOP_MAY_COME
    while not master:is_stopping() and core.now() < until_when do master:wait_change(until_when - core.now()) end
    if master:is_stopping() or self.state == "draining" then return end
    self:drain(master.options.drain, {})
    master:leaves(self)
  end)
end

function hears.facts(self, message)
  self.connections, self.accepted = math.tointeger(message[2]) or 0, math.tointeger(message[3]) or 0
  self.moved = math.tointeger(message[4])
  self.facts_at = core.now()
end

--- A script may have several runs, with a report each.
function hears.report(self, message)
  local report = self.report or { ok = 1, clean = 1, stragglers = {} }
  self.report = report
  for i = 2, #message do
    local name, value = message[i]:match "^([%w_]+)=(%d+)$"
    value = math.tointeger(value)
    if name == "ok" or name == "clean" then report[name] = math.min(report[name], value)
    elseif name and name ~= "stragglers" then report[name] = (report[name] or 0) + value end
  end
end

function hears.straggler(self, message)
  if self.report then table.insert(self.report.stragglers, message[2]) end
end

local LEAST = { listen = 3, opened = 3, failed = 3 } -- words

local function read_line(self)
  while true do
    local message = self.line:receive()
    if not message then break end
    local hear = hears[message[1]]
    if hear and #message >= (LEAST[message[1]] or 1) then
      hear(self, message)
      self.master:changed()
    elseif message.fd then
      core.close_fd(message.fd)
    end
  end
end

-- --------------------------------------------------------------------------------------------------- its stderr --

local function copy_stderr(self)
  while true do
    local data = self.stderr:read_some(TAIL)
    if not data then return end
    self.tail = (self.tail .. data):sub(-TAIL)
    stderr.say(data)
  end
end

--- A reason, "worker 1 ...", with what the worker wrote last, or what did not work.
function Worker:with_last_words(reason)
  local lines = {}
  for text in self.tail:gmatch "[^\n]+" do lines[#lines + 1] = text end
  local said = table.concat(lines, "\n", math.max(1, #lines - LINES + 1))
  if said == "" then said = self.problem end
  return ("worker %d %s%s"):format(self.index, reason, said and ": " .. said or "")
end

-- ------------------------------------------------------------------------------------------------------- its end --

local function attend(self)
  self.stderr = adopt(self.stderr) -- a connection of this task's context, which lasts as long as the run
  local reading, copying = core.spawn(read_line, self), core.spawn(copy_stderr, self)
  local how, status, name = self.process:wait()
  self.how = how == "signal" and ("by signal %s"):format(name or status) or how and ("with status %d"):format(status)
    or "in a way that is not known"
  self.failed = how ~= "exit" or status ~= 0
  reading:wait(REPORT_WITHIN) -- a child of it may have its descriptors, too
  copying:wait(REPORT_WITHIN)
  reading:cancel()
  copying:cancel()
  reading:wait()
  copying:wait()
  self.line:close()
  self.stderr:close(0)
  self.state, self.gone_at, self.deadline = "gone", core.now(), nil
  self.master.listeners:gone(self)
  self.master:ended(self)
end

local function command_of(options)
  local argv = { table.unpack(options.command) }
  argv[#argv + 1] = options.script
  table.move(options.args or {}, 1, #(options.args or {}), #argv + 1, argv)
  return argv
end

local function environment(index, generation)
  local variables = { LASTCALL_WORKER = ("%d:%d:%d"):format(LINE, index, generation) }
  for name, value in pairs(ENVIRONMENT) do variables[name] = value end
  return variables
end

--- Closes what a start has opened.
local function fail(self, problem, ...)
  for _, fd in ipairs { ... } do core.close_fd(fd) end
  self.state, self.gone_at, self.problem, self.failed = "gone", core.now(), problem, true
  return self
end

--- Starts a worker. One that cannot be started is gone at once. `goes_at_once`: it accepts clients when it is ready;
-- otherwise it waits for the order.
function worker.start(master, index, generation, goes_at_once)
  local self = setmetatable({
    master = master, index = index, generation = generation, goes_at_once = goes_at_once, state = "starting",
    began = core.now(), tail = "", connections = 0, accepted = 0,
  }, Worker)
  local ours, theirs, problem = core.socket_pair()
  if not ours then return fail(self, problem) end
  local from, to
  from, to, problem = core.pipe_pair()
  if not from then return fail(self, problem, ours, theirs) end
  local child, _
  child, _, problem = process.new {
    argv = command_of(master.options), fds = { [LINE] = theirs }, stderr = to, outlives = true, process_group = true,
    setenv = environment(index, generation),
  }
  if not child then return fail(self, problem, ours, theirs, from, to) end
  core.close_fd(theirs)
  core.close_fd(to)
  core.keep_from_children(ours)
  self.line, self.stderr = line.new(ours), from
  self.process, self.pid = child, child.pid
  master:began(self)
  core.spawn(attend, self)
  return self
end

--- Takes a worker over from an earlier program of the master's.
function worker.take_over(master, known)
  local self = setmetatable(known, Worker)
  self.master, self.tail, self.connections, self.accepted = master, "", 0, 0
  self.is_ready, self.goes_at_once, self.has_served = self.ready_at ~= nil, true, self.ready_at ~= nil
  self.line, self.process = line.new(known.line, known.rest), process.take(known.pid)
  core.keep_from_children(self.line.fd)
  master:began(self)
  core.spawn(attend, self)
  return self
end

-- ------------------------------------------------------------------------------------------------------- orders --

function Worker:is_alive() return self.state ~= "gone" end

--- A connection to its first server, also before it accepts clients. Returns it, or nil, code, message.
function Worker:connect()
  local ours, theirs, message = core.socket_pair()
  if not ours then return nil, theirs, message end
  local sent, code = self.line:send_with(theirs, "client")
  core.close_fd(theirs)
  if sent then return adopt(ours) end
  core.close_fd(ours)
  return nil, code, "the worker does not read its line"
end

--- Lets it accept clients.
function Worker:go()
  self.has_served = true
  if self:is_alive() then self.line:send "go" end
end

--- Orders it to drain within `seconds`. `last`: the sockets that nobody else goes on with.
function Worker:drain(seconds, last)
  if not self:is_alive() then return end
  local deadline = core.now() + seconds + LEEWAY
  if not self.deadline or deadline < self.deadline then self.deadline = deadline end
  if self.state == "starting" then return self:discard() end
  for _, one in ipairs(last) do self.line:send("last", one.n, one.address, one.rank, one.of) end
  self.state = "draining"
  if not self.line:send("drain", seconds) then self.process:kill "TERM" end -- it has closed its line, or reads nothing
end

--- Another signal came for all.
function Worker:hurry()
  if self:is_alive() and not self.line:send "hurry" then self.process:kill "TERM" end
end

--- Ends one that has no clients, because it was never ready.
function Worker:discard()
  if not self:is_alive() then return end
  self.state, self.deadline = "draining", math.min(self.deadline or math.huge, core.now() + LEEWAY)
  self.line:send("drain", 0)
  self.process:kill "TERM"
end

function Worker:kill()
  self.deadline = nil
  if self:is_alive() then self.process:kill "KILL" end
end

--- Asks for its figures; they come by the line.
function Worker:ask_facts()
  if self.state == "ready" or self.state == "draining" then self.line:send "facts" end
end

return worker
