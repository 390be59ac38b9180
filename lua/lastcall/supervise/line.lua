--- The line between the master and one worker: messages of words, one a line, and descriptors with them.
--
-- ADDRESS is as the script wrote it; behind it "#" and the worker's place where no other has the socket.
--
--     worker -> master   listen N ADDRESS            the worker's N-th call with that address, as written
--                        opened N ADDRESS            the answer to `open`; with the descriptor
--                        failed N ADDRESS CODE TEXT  the answer to `open` when it cannot be opened
--                        ready, unready              whether the worker takes clients
--                        signal                      it got SIGTERM or SIGINT itself, and waits for an order
--                        draining                    the worker drains; also without an order
--                        left                        it has left the sockets that others go on with
--                        facts CONNECTIONS ACCEPTED MOVED REQUESTS REPLIES_5XX ERRORS
--                                                    the answer to `facts`, and once more at the end of the run
--                        report FIELD=NUMBER ...     what became of its clients, before it ends
--                        straggler TEXT              one for each straggler of that report
--     master -> worker   take N ADDRESS [stored]     the answer to `listen`: use this socket; with the descriptor
--                        stored N ADDRESS            the service manager keeps this socket when the master dies
--                        open N ADDRESS [WHERE]      open it with the script's own options, and hand it up;
--                                                    WHERE is the same with the port that others have found
--                        refused N ADDRESS CODE TEXT
--                        client                      serve this connection, for a check; with the descriptor
--                        go                          accept clients: the worker has proved itself
--                        last N ADDRESS [PLACE OF]   nobody else goes on with this socket: a stop empties its queue;
--                                                    with its place in its SO_REUSEPORT group, of whom others go on
--                        drain SECONDS               begin the shutdown, which may take so long
--                        hurry                       another signal has come
--                        facts
--
-- It is no connection of the loop, so that it works before a run and after it. Words that are not known are left out:
-- the two may be of different versions. The line of a peer that sends what can be no message has ended.

local core = require "lastcall.core"

local line = {}

local WITH_DESCRIPTOR = { take = true, opened = true, client = true }
local LONGEST = 16384     -- bytes of a message: the kernel takes it whole or not at all
local SEND_WITHIN = 5     -- seconds for a peer that does not read
local TURN = 16           -- messages until other tasks have their turn

local Line = {}
Line.__index = Line

--- `rest`: what has come of a message so far. `problem` of a line that has ended: what was no message.
function line.new(fd, rest)
  return setmetatable({ fd = fd, rest = rest or "", passed = {}, messages = {}, taken = 0, ended = false }, Line)
end

local function escape(word)
  return (tostring(word):gsub("[^%w_.:/@%[%]*,+=-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function unescape(word)
  return (word:gsub("%%(%x%x)", function(code) return string.char(tonumber(code, 16)) end))
end

--- The bytes of a message. A text that would be too long loses its end.
function line.encode(...)
  local words = { ... }
  for i, word in ipairs(words) do words[i] = word == "" and "%" or escape(word) end
  local text = table.concat(words, " ")
  if #text >= LONGEST then text = text:sub(1, LONGEST - 4):gsub("%%%x?$", "") end
  return text .. "\n"
end

--- The words of a message.
function line.decode(text)
  local message = {}
  for word in text:gmatch "%S+" do message[#message + 1] = word == "%" and "" or unescape(word) end
  return message
end

--- Waits until the line is ready. Returns a false value when it is not in time, or the task is canceled.
local function wait(self, seconds, to_write)
  local _, in_task = core.running()
  if in_task then return core.poll_fd(self.fd, to_write and "w" or "r", seconds) end
  return core.line_wait(self.fd, seconds, to_write)
end

--- Sends one message, with a copy of the descriptor `fd` unless that is nil. Returns true, or nil and a code.
function Line:send_with(fd, ...)
  if self.ended then return nil, "closed" end
  local bytes = line.encode(...)
  local sent, code = core.line_send(self.fd, bytes, fd)
  if code == "again" and wait(self, SEND_WITHIN, true) and not self.ended then
    sent, code = core.line_send(self.fd, bytes, fd)
  end
  if sent == #bytes then return true end
  return nil, code or "again"
end

function Line:send(...) return self:send_with(nil, ...) end

local function end_with(self, problem) self.ended, self.problem = true, problem end

--- How many descriptors may be here: one for each message that has one, and one for the message that is coming.
local function most_passed(self)
  local count = self.rest ~= "" and 1 or 0
  for _, message in ipairs(self.messages) do count = count + (WITH_DESCRIPTOR[message[1]] and 1 or 0) end
  return count
end

--- Takes in what has come. Returns whether anything has.
local function receive(self)
  local bytes, passed, is_one_lost = core.line_receive(self.fd)
  if not bytes then
    if passed ~= "again" then self.ended = true end -- a reset, when it has not read all
    return false
  end
  for _, fd in ipairs(passed) do table.insert(self.passed, fd) end
  if is_one_lost then table.insert(self.passed, false) end
  if bytes == "" then self.ended = true end
  self.rest = self.rest .. bytes
  local at, stop = 1, self.rest:find("\n", 1, true)
  while stop do
    table.insert(self.messages, line.decode(self.rest:sub(at, stop - 1)))
    at, stop = stop + 1, self.rest:find("\n", stop + 1, true)
  end
  self.rest = self.rest:sub(at)
  if #self.rest > LONGEST then
    end_with(self, ("it has sent more than %d bytes without an end of line"):format(LONGEST))
  elseif #self.passed > most_passed(self) then
    end_with(self, "it has sent descriptors that belong to no message")
  end
  return true
end

--- In a task other tasks go on, however much comes. A false value: the task is canceled.
local function pause(self)
  self.taken = self.taken + 1
  local _, in_task = core.running()
  return not in_task or self.taken % TURN > 0 or core.sleep(0)
end

--- The next message: a list of words, with `fd` if a descriptor came with it, and `is_without` if this process had none
-- free for it. nil and "eof" at the end, "timeout" after `seconds`. In a task other tasks go on meanwhile.
function Line:receive(seconds)
  local deadline = seconds and core.now() + seconds
  if not pause(self) then return nil, "canceled" end
  while not self.messages[1] do
    if self.ended then return nil, "eof" end
    if not receive(self) and not self.ended then
      local left = deadline and math.max(0, deadline - core.now())
      local ready, code = wait(self, left)
      if not ready then return nil, code or "timeout" end
    end
  end
  local message = table.remove(self.messages, 1)
  if WITH_DESCRIPTOR[message[1]] then
    local fd = table.remove(self.passed, 1)
    message.fd, message.is_without = fd or nil, fd == false
  end
  return message
end

function Line:close()
  if not self.fd then return end
  for _, fd in ipairs(self.passed) do
    if fd then core.close_fd(fd) end
  end
  core.close_fd(self.fd)
  self.fd, self.ended, self.passed, self.messages = nil, true, {}, {}
end

line.methods = Line

return line
