--- A program under test as a process of its own: started, watched by its output, told to stop.

local helper = require "spec.helper"

local process = {}
process.__index = process

--- Starts a shell command, bounded in time; its output and errors come through the object.
function process.start(command, seconds)
  local pipe = assert(io.popen(("echo $$; export %s; exec timeout --foreground %d %s 2>&1"):format(
    helper.environment, math.ceil(helper.seconds(seconds or 30)), command)))
  return setmetatable({ pipe = pipe, pid = assert(pipe:read("n", "l")) }, process)
end

--- An example of examples/, written in Lua.
function process.example(name, ...)
  return process.start(("lua5.4 examples/%s.lua %s"):format(name, table.concat({ ... }, " ")))
end

--- A Lua script, given as text.
function process.script(text)
  local path = helper.write_file(text)
  local self = process.start("lua5.4 " .. path)
  self.path = path
  return self
end

--- The address the program says it listens on: its first line.
function process:address()
  local line = self.pipe:read()
  local address = line and line:match("^listening (.*)$")
  return address or error(line or "it printed nothing")
end

--- The process of the program itself, a child of `timeout`; or that one while it has none.
function process:program()
  local children = helper.read_file(("/proc/%d/task/%d/children"):format(self.pid, self.pid))
  return children and children:match "%d+" or self.pid
end

--- To the program: `timeout` does not pass on a signal that comes before it knows its child. True unless the program
-- has ended by then.
function process:signal(name)
  return os.execute(("kill -%s %s 2>/dev/null"):format(name, self:program())) == true
end

--- How many seconds of processor time it has taken so far.
function process:processor_time()
  local fields = helper.read_file(("/proc/%s/stat"):format(self:program())):match "^.*%) (.*)$"
  local user, system = fields:match(("%S+ "):rep(11) .. "(%d+) (%d+)")
  return (user + system) / 100
end

--- Whether it has ended, also while nobody has called `finish`: a spec whose own tasks are its clients must not block.
function process:has_ended()
  local stat = io.open(("/proc/%d/stat"):format(self.pid))
  if not stat then return true end
  local state = stat:read("a"):match "^.*%) (%u)"
  stat:close()
  return state == "Z"
end

--- Waits for its end: what else it printed, whether it succeeded, and its exit status.
function process:finish()
  local output = self.pipe:read("a")
  local fine, _, status = self.pipe:close()
  if self.path then os.remove(self.path) end
  return output, fine == true, status
end

--- Ends it by SIGTERM: what else it printed. Raises unless it exits as one for whom all went well.
function process:drain()
  self:signal "TERM"
  local output, fine = self:finish()
  assert(fine, output)
  return output
end

--- The same in a task, while others go on.
function process:drain_beside(lastcall)
  self:signal "TERM"
  while not self:has_ended() do lastcall.sleep(0.02) end
  local output, fine = self:finish()
  assert(fine, output)
  return output
end

--- A TCP address on which nobody listens yet: a loopback address that this process alone uses.
function process.address_to_be()
  local pid = helper.pid()
  return ("127.%d.%d.2:7099"):format(64 + pid // 256 % 128, pid % 256)
end

return process
