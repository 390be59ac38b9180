--- A server that is reloaded: a session of processes, in a namespace of its own where it stands at a distance.
--
-- A reload begins with SIGHUP, and has ended when the processes that served before it are gone.

local lastcall = require "lastcall"
local machine = require "machine"

local PATIENCE = 60 -- seconds, for a reload and for an end
local LOOK = 0.01
local SETTLED = 0.2

local subject = {}

local Subject = {}
Subject.__index = Subject

--- `kind`: {command = words, stays = whether its first process outlives reloads}. `around`: words before the command.
function subject.start(kind, around, log)
  local argv = table.move({ "setsid", "sh", "-c", 'exec "$@" >/dev/null 2>"$0"', log }, 1, 5, #around + 1,
    table.move(around, 1, #around, 1, {}))
  table.move(kind.command, 1, #kind.command, #argv + 1, argv)
  local child = lastcall.assert(lastcall.process { argv = argv, stdin = "null" })
  return setmetatable({ child = child, session = child.pid, stays = kind.stays, tells_memory = kind.tells_memory,
    log = log }, Subject)
end

--- The process that signals are for: the first, or the one that has taken its place.
function Subject:main()
  if self.stays or not machine.has_ended(self.session) then return self.session end
  return machine.session(self.session)[1]
end

function Subject:processes() return machine.session(self.session) end

function Subject:problem(what)
  return ("%s; it wrote:\n%s"):format(what, (machine.contents(self.log) or ""):sub(-2000))
end

local function wait_until(fn)
  local deadline = lastcall.now() + PATIENCE
  while lastcall.now() < deadline do
    if fn() then return true end
    lastcall.sleep(LOOK)
  end
  return false
end

function Subject:reload()
  local before = {}
  for _, pid in ipairs(self:processes()) do
    if not (self.stays and pid == self.session) then before[#before + 1] = pid end
  end
  machine.signal("HUP", self:main())
  local is_over = wait_until(function()
    while before[1] and machine.has_ended(before[#before]) do before[#before] = nil end
    return not before[1]
  end)
  if not is_over then error(self:problem "a reload has not ended", 0) end
  if not self:main() or self.stays and machine.has_ended(self.session) then
    error(self:problem "the server has ended", 0)
  end
end

--- Bytes in use without garbage, where the server tells them. What the system counts goes up and down with the garbage.
local function memory(self, main)
  if not self.tells_memory then return 0 end
  local before, told = #machine.contents(self.log), nil
  machine.signal("WINCH", main)
  wait_until(function()
    told = machine.contents(self.log):match("memory in use: (%d+)\n", before + 1)
    return told
  end)
  return tonumber(told) or error(self:problem "the master tells no memory", 0)
end

--- The descriptors of a process. It closes those of a child that has ended a turn or two after the end, on a busy
-- machine later: so their number counts when it has stayed the same.
local function settled_descriptors(pid)
  local count, since = nil, lastcall.now()
  wait_until(function()
    local now = machine.descriptors(pid)
    if now ~= count then count, since = now, lastcall.now() end
    return lastcall.now() - since >= SETTLED
  end)
  return count
end

--- What reloads must not change: descriptors and processes exactly, memory about.
function Subject:figures()
  local main = self:main()
  return { descriptors = settled_descriptors(main), processes = #self:processes(), memory = memory(self, main) }
end

--- Ends all of its processes.
function Subject:__close()
  local main = self:main()
  if main then machine.signal("TERM", main) end
  wait_until(function() return #self:processes() == 0 end)
  for _, pid in ipairs(self:processes()) do machine.signal("KILL", pid) end
  self.child:wait()
end

return subject
