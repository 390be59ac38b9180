--- One worker, as the master sees it.
--
--     starting --READY--> ready --order, or by itself--> draining --+--> gone
--        '-------------------'------- dies, is cut ------------------'
--
-- Three tasks attend it: one reads its line, one copies its stderr, one waits for its end.

local adopt = require "lastcall.adopt"
local build = require "lastcall.supervise.build"
local core = require "lastcall.core"
local counters = require "lastcall.supervise.counters"
local line = require "lastcall.supervise.line"
local pinning = require "lastcall.supervise.pinning"
local process = require "lastcall.subprocess"
local remedy = require "lastcall.remedy"
local stderr = require "lastcall.stderr"
local store = require "lastcall.supervise.store"
local totals = require "lastcall.supervise.totals"

local worker = {}

local LINE = 3            -- the number of the line's descriptor in the child
-- What a service manager has told the master is not for its workers.
local ENVIRONMENT = { LISTEN_PID = false, LISTEN_FDS = false, LISTEN_FDNAMES = false, NOTIFY_SOCKET = false,
  WATCHDOG_USEC = false, WATCHDOG_PID = false, FDSTORE = false }
local STOP_MAY_COME = 0.3 -- seconds between the same signal to a worker and to the master
local TAIL, LINES = 4096, 25 -- bytes and lines of its stderr that the master keeps for a reason
local LEEWAY = 2          -- seconds past its deadline until it is killed
local END_WITHIN = 1      -- seconds from the end of its line to its own
local SHOWN = 60          -- bytes of a message that is none
local REPORT_WITHIN = 0.5 -- seconds for what it wrote last, after its end

local Worker = {}
Worker.__index = Worker

-- -------------------------------------------------------------------------------------------------- its messages --

local hears = {}

function hears.listen(self, message) self.master.listeners:ask(self, math.tointeger(message[2]) or 1, message[3]) end

--- A script of LuaSocket's hands the socket up when it is bound, and listens later.
function hears.opened(self, message)
  local address = message[3]
  if message.fd and core.may_listen(message.fd) then
    return self.master.listeners:opened(self, math.tointeger(message[2]) or 1, address, message.fd)
  end
  if message.fd then core.close_fd(message.fd) end
  self:disown(message.is_without and ("the supervisor cannot hold %s: %s"):format(address, remedy.emfile)
    or ("what it has handed up for %s is no socket that listens"):format(address))
end

function hears.failed(self, message)
  self.problem = message[5] or ("%s: listen: %s"):format(message[3], message[4])
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
  self.connections, self.moved = counters.sane(message[2]) or 0, counters.sane(message[4])
  self.figures:take(message[3], message[5], message[6], message[7])
  self.facts_at = core.now()
end

--- A script may have several runs, with a report each.
function hears.report(self, message) self.report = totals.reported(self.report, message) end

function hears.straggler(self, message) totals.straggled(self.report, message[2]) end

local LEAST = { listen = 3, opened = 3, failed = 3, straggler = 2 } -- words

local function is_known(message) return hears[message[1]] and #message >= (LEAST[message[1]] or 1) end

--- Nothing depends on a message that is not known. It is told once: a script that prints to the line's descriptor, say.
local function note_unknown(self, message)
  if message.fd then core.close_fd(message.fd) end
  if self.has_said_nonsense then return end
  self.has_said_nonsense = true
  self.problem = self.problem or ("its line has a message that is not known: %q"):format(
    table.concat(message, " "):sub(1, SHOWN))
  self.master.log("warning", "worker sends what is no message",
    { worker = self.index, pid = self.pid, text = table.concat(message, " "):sub(1, SHOWN) })
end

local function read_line(self)
  local message, code
  repeat
    message, code = self.line:receive()
    if message and is_known(message) then
      hears[message[1]](self, message)
      self.master:changed()
    elseif message then
      note_unknown(self, message)
    end
  until not message
  if code == "canceled" or self.state == "draining" then return end
  if self.line.problem then return self:disown(self.line.problem) end
  if not self.process:wait(END_WITHIN) then self:disown "it has closed its line" end
end

-- --------------------------------------------------------------------------------------------------- its stderr --

local function copy_stderr(self)
  while self.stderr do
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

--- Why it keeps its generation from serving; nil when it does not.
function Worker:failure()
  local what
  if self.is_disowned then return ("worker %d is given up: %s"):format(self.index, self.problem) end
  if self.state == "gone" and not self.how then what = "cannot be started"
  elseif self.state == "gone" and self.ready_at then
    what = ("has ended %s, %.1f s after it was ready"):format(self.how, self.gone_at - self.ready_at)
  elseif self.state == "gone" then what = ("has ended %s before it was ready"):format(self.how)
  elseif self.state == "draining" then what = self.ready_at and "drains by itself" or "has given up before it was ready"
  elseif self.ready_at and not self.is_ready then what = "is not ready any more"
  end
  return what and self:with_last_words(what)
end

-- ------------------------------------------------------------------------------------------------------- its end --

--- Makes a connection of its stderr: of this task's context, which lasts as long as the run.
local function open_stderr(self)
  local conn, _, problem = adopt(self.stderr)
  if not conn then
    core.close_fd(self.stderr)
    self:disown("its stderr cannot be read: " .. problem)
  end
  self.stderr = conn
end

local function attend(self)
  open_stderr(self)
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
  if self.stderr then self.stderr:close(0) end
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

local function environment(self)
  local word = self.goes_at_once and "go" or "wait"
  local variables = { LASTCALL_WORKER = ("%d:%d:%d:%s"):format(LINE, self.index, self.generation, word) }
  for name, value in pairs(ENVIRONMENT) do variables[name] = value end
  return variables
end

--- Closes what a start has opened.
local function fail(self, code, problem, ...)
  for _, fd in ipairs { ... } do core.close_fd(fd) end
  if remedy[code] and not problem:find(remedy[code], 1, true) then problem = problem .. ": " .. remedy[code] end
  self.state, self.gone_at, self.problem, self.failed = "gone", core.now(), problem, true
  return self
end

--- Starts a worker. One that cannot be started is gone at once. `goes_at_once`: it accepts clients when it is ready;
-- otherwise it waits for the order. No other task runs meanwhile: it finds the worker in the lists, or not begun.
function worker.start(master, index, generation, goes_at_once)
  local self = setmetatable({
    master = master, index = index, generation = generation, goes_at_once = goes_at_once, state = "starting",
    began = core.now(), tail = "", connections = 0, figures = counters.figures(),
    build = build.mark(master.options.script),
  }, Worker)
  local ours, theirs, problem = core.socket_pair()
  if not ours then return fail(self, theirs, problem) end
  local from, to
  from, to, problem = core.pipe_pair()
  if not from then return fail(self, to, problem, ours, theirs) end
  local child, code
  child, code, problem = process.new_at_once {
    argv = command_of(master.options), fds = { [LINE] = theirs }, stderr = to, outlives = true, process_group = true,
    setenv = environment(self),
  }
  if not child then return fail(self, code, problem, ours, theirs, from, to) end
  core.close_fd(theirs)
  core.close_fd(to)
  core.keep_from_children(ours)
  self.line, self.stderr = line.new(ours), from
  self.process, self.pid = child, child.pid
  pinning.pin(master, self)
  master:began(self)
  core.spawn(attend, self)
  return self
end

--- Takes a worker over from an earlier program of the master's.
function worker.take_over(master, known)
  local self = setmetatable(known, Worker)
  self.master, self.tail, self.connections, self.figures = master, "", 0, counters.figures()
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
  if not self.has_served then return self:discard() end -- it takes no client, not even at the end of all
  for _, one in ipairs(last) do
    store.forget(one) -- another master could do nothing with it
    self.line:send("last", one.n, one.address, one.rank, one.of)
  end
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

--- It has done what no worker does, or cannot be attended: it drains, and another takes its place.
function Worker:disown(problem)
  if not self:is_alive() or self.state == "draining" then return end
  self.is_disowned, self.problem = true, problem
  self.master.log("warning", "worker is given up", { worker = self.index, pid = self.pid, problem = problem })
  self:drain(self.master.options.drain, {})
  self.master:leaves(self)
  self.master:changed()
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
