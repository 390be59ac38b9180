-- LUA_INIT of a master or a worker that is to die by SIGKILL at a point of the procedure: KILL_AT is "N FILE". Points
-- are before each message that it sends, after it, and after each that it receives. They count while the file is
-- there. The process that reaches the N-th renames the file, so only one dies.
local number, file = os.getenv("KILL_AT"):match "^(%d+) (.+)$"
number = math.tointeger(number)
local methods = require("lastcall.supervise.line").methods
local count = 0

local function point()
  local armed = io.open(file)
  if not armed then return end
  armed:close()
  count = count + 1
  if count == number and os.rename(file, file .. ".done") then os.execute "kill -KILL $PPID" end
end

local send_with, receive = methods.send_with, methods.receive

function methods:send_with(...)
  point()
  local sent, code = send_with(self, ...)
  point()
  return sent, code
end

function methods:receive(...)
  local message, code = receive(self, ...)
  if message then point() end
  return message, code
end
