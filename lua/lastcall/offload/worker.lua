--- One helper process, as the pool has it.

local adopt = require "lastcall.adopt"
local core = require "lastcall.core"
local subprocess = require "lastcall.subprocess"

local Worker = {}
Worker.__index = Worker

local PATIENCE = 1 -- seconds for the status of a helper whose pipe has ended

local OPTIONS = { read_timeout = false, write_timeout = false, max_read = 2 ^ 40 }

local FOLDER = debug.getinfo(1, "S").source:match "^@(.*[/\\])" or "./"

--- The ends of pipes that are still descriptors.
local Pipes = {}
Pipes.__index = Pipes

function Pipes:__close()
  for i, fd in pairs(self) do
    core.close_fd(fd)
    self[i] = nil
  end
end

--- For requests and for replies, each with an end to read and an end to write. Returns true; or nil, code, message.
function Pipes:open()
  for i = 1, 3, 2 do
    local read, write, message = core.pipe_pair()
    if not read then return nil, write, message end
    self[i], self[i + 1] = read, write
  end
  return true
end

--- Makes a connection of one end. It is the pool's: whoever calls by it gets its failures.
function Pipes:connect(i)
  local conn, code, message = adopt(self[i], OPTIONS)
  if not conn then return nil, code, message end
  self[i] = nil
  core.conn_lend(conn)
  return conn
end

--- Waits for the end of the process. Reads and writes fail then, also when a child of the helper still has the pipe.
local function watch(self)
  local how, status, signal = self.process:wait()
  if how == "signal" then self.why = ("was killed by signal %d (%s)"):format(status, signal or "?")
  elseif how == "exit" then self.why = ("exited with status %d"):format(status) end
  self.has_ended = true
  self:hang_up()
end

--- Starts a helper; `command` is the interpreter and its own arguments. Returns it; or nil, code, message.
function Worker.start(command)
  local pipes <close> = setmetatable({}, Pipes)
  local fine, code, message = pipes:open()
  if not fine then return nil, code, message end
  local argv = { table.unpack(command) }
  for _, one in ipairs { FOLDER .. "helper.lua", FOLDER .. "codec.lua", package.path, package.cpath } do
    argv[#argv + 1] = one
  end
  local self = setmetatable({}, Worker)
  self.process, code, message = subprocess.new {
    argv = argv, stdin = "null", fds = { [3] = pipes[1], [4] = pipes[4] }, process_group = true, outlives = true,
  }
  if not self.process then return nil, code, message end
  self.requests, code, message = pipes:connect(2)
  if self.requests then self.replies, code, message = pipes:connect(3) end
  if self.replies then
    core.system_task(core.context.root(), watch, self)
    return self
  end
  self:kill()
  return nil, code, message
end

function Worker:hang_up()
  if self.requests then self.requests:abort() end
  if self.replies then self.replies:abort() end
end

function Worker:is_usable()
  return not self.has_ended and self.requests:state() == "active" and self.replies:state() == "active"
end

--- Ends the helper, and what it has started, at once.
function Worker:kill()
  self:hang_up()
  if self.process:is_running() then self.process:kill "KILL" end
end

--- Lets the helper end by itself: its requests are over.
Worker.retire = Worker.hang_up

--- Sends one request and reads its reply, in a task of its own. Wakes the spot with the reply, or with false when the
-- helper has ended.
local function exchange(self, spot, ...)
  local reply
  if self.requests:write(...) and self.requests:flush() then
    local head = self.replies:read(8)
    reply = head and self.replies:read((string.unpack("=I8", head)))
  end
  spot:wake(reply or false)
end

--- Begins an exchange. The pieces are the request.
function Worker:begin(spot, ...)
  core.system_task(core.context.root(), exchange, self, spot, ...)
end

--- How the helper has ended, for a message.
function Worker:how_it_ended()
  if not self.why then self.process:wait(PATIENCE) end
  return ("its helper, process %d, %s"):format(self.process.pid, self.why or "has ended")
end

return Worker
