-- A remote debugger: a hook that now and then looks whether the controller has said something, and a coroutine that
-- talks with it. What the debugged function does with sockets is stepped over like any C function.

local socket = require "socket"

local listener = assert(socket.bind("127.0.0.1", 0))
local _, port = listener:getsockname()

local link = socket.tcp()
link:settimeout(2)
print(link:connect("127.0.0.1", tostring(port)))
link:settimeout()
local controller = assert(listener:accept())
controller:settimeout(2)

local CHECK_EVERY = 20
local ahead, lines, stepping, breakpoints, paused = nil, 0, false, {}, {}

--- Whether the controller has begun to say something.
local function is_pending()
  lines = lines + 1
  if ahead or lines % CHECK_EVERY > 0 then return ahead end
  link:settimeout(0)
  ahead = link:receive(1)
  link:settimeout()
  return ahead
end

local commands = {}

local function go_on()
  link:send("200 OK\n")
  local line = coroutine.yield()
  link:send(("202 Paused %d\n"):format(line))
end

function commands.STEP()
  stepping = true
  go_on()
end

commands.RUN = go_on

function commands.SETB(line)
  breakpoints[tonumber(line)] = true
  link:send("200 OK\n")
end

function commands.EXEC(text)
  local result = tostring(load(text)())
  link:send(("200 OK %d\n"):format(#result))
  link:send(result .. "\n")
end

local talk = coroutine.create(function()
  while true do
    local command, problem = link:receive("*l")
    if not command then error("the controller is gone: " .. problem, 0) end
    if ahead then command, ahead = ahead .. command, nil end
    local name, rest = command:match "^(%u+) ?(.*)"
    if name == "DONE" then return end
    commands[name](rest)
  end
end)

local function resume(...)
  assert(coroutine.resume(talk, ...))
  if coroutine.status(talk) == "dead" then debug.sethook() end
end

local function hook(event, line)
  if event ~= "line" then return end
  if not (stepping or breakpoints[line] or is_pending()) then return end
  stepping = false
  paused[#paused + 1] = line
  resume(line)
end

local function debugged()
  local peer = socket.connect("127.0.0.1", port)
  local other = listener:accept()
  peer:send("within\n")
  print(other:receive())
  local total = 0
  for i in coroutine.wrap(function()
    for i = 1, 50 do coroutine.yield(i) end
  end) do total = total + i end
  print(total)
  return other:close(), peer:receive()
end

local first = debug.getinfo(debugged, "S").linedefined
for _, line in ipairs { "SETB " .. first + 11, "EXEC return 1 + 2", "STEP", "STEP", "STEP", "RUN", "DONE" } do
  controller:send(line .. "\n")
end
resume()
debug.sethook(hook, "lcr")
print(debugged())
debug.sethook()

print(table.concat(paused, " "))
controller:settimeout(0.1)
local line, problem, partial
repeat
  line, problem, partial = controller:receive()
  print(line, problem, partial)
until not line
print(link:close(), controller:receive())
