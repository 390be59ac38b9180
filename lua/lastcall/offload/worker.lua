--- One helper process, as the pool has it.

local adopt = require "lastcall.adopt"
local core = require "lastcall.core"
local subprocess = require "lastcall.subprocess"

local Worker = {}
Worker.__index = Worker

local PATIENCE = 1 -- seconds for the status of a helper whose pipe has ended

local OPTIONS = { read_timeout = false, write_timeout = false, max_read = 2 ^ 40 }

local FOLDER = debug.getinfo(1, "S").source:match "^@(.*[/\\])" or "./"

local function close_all(fds)
  for _, fd in pairs(fds) do core.close_fd(fd) end
end

--- Both pipes: for requests and for replies, each with an end to read and an end to write. Or nil, code, message.
local function open_pipes()
  local fds = {}
  for i = 1, 3, 2 do
    local read, write, message = core.pipe_pair()
    if not read then
      close_all(fds)
      return nil, write, message
    end
    fds[i], fds[i + 1] = read, write
  end
  return fds
end

--- Makes a connection of a pipe's end. It is the pool's: whoever calls by it gets its failures.
local function connect(fd)
  local conn, code, message = adopt(fd, OPTIONS)
  if not conn then return nil, code, message end
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
  local fds, process, code, message
  fds, code, message = open_pipes()
  if not fds then return nil, code, message end
  local argv = { table.unpack(command) }
  for _, one in ipairs { FOLDER .. "helper.lua", FOLDER .. "codec.lua", package.path, package.cpath } do
    argv[#argv + 1] = one
  end
  process, code, message = subprocess.new {
    argv = argv, stdin = "null", fds = { [3] = fds[1], [4] = fds[4] }, process_group = true, outlives = true,
  }
  close_all { fds[1], fds[4] }
  local self = setmetatable({ process = process }, Worker)
  if process then self.requests, code, message = connect(fds[2]) end
  if self.requests then self.replies, code, message = connect(fds[3]) end
  if self.replies then
    core.system_task(core.context.root(), watch, self)
    return self
  end
  if not self.requests then core.close_fd(fds[2]) end
  core.close_fd(fds[3])
  if process then self:kill() end
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
