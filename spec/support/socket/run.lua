-- Runs the cases on one implementation, and prints what they show, one call a line:
--   lua5.4 spec/support/socket/run.lua luasocket | lastcall | task
-- "task": on lastcall, in a task under lastcall.run.
--
-- What is done with both alike is in the files *_cases.lua beside this one, call by call. A case gets a table `t`
-- with the modules `socket` and `unix`, `show(...)`, which takes down its arguments, and helpers that make
-- sockets; spec/socket/socket_diff_spec.lua compares what was taken down.

local which = arg[1]
local cases = {}
for _, name in ipairs { "classes", "streams", "others" } do
  table.move(dofile((arg[0]:gsub("run%.lua$", name .. "_cases.lua"))), 1, 100, #cases + 1, cases)
end

local socket, unix
if which == "luasocket" then
  socket, unix = require "socket", require "socket.unix"
else
  socket, unix = require "lastcall.socket", require "lastcall.socket.unix"
end

local function describe(value)
  local kind = math.type(value) or type(value)
  if kind == "string" then
    value = value:gsub("%S*_cases%.lua:%d+", "cases.lua"):gsub("socket%.core%.", "socket.")
    return ("%q"):format(value):gsub("\\\n", "\\n")
  end
  if kind == "integer" then return value > 1024 and value < 65536 and "PORT" or tostring(value) end
  if kind == "float" or kind == "boolean" or kind == "nil" then return tostring(value) end
  if kind == "userdata" then return (tostring(value):gsub("0x%x+", "0x")) end
  return kind
end

local function show(...)
  local all = table.pack(...)
  for i = 1, all.n do all[i] = describe(all[i]) end
  print("  " .. table.concat(all, " "))
end

local function tools()
  local made = {}
  local t = { socket = socket, unix = unix, show = show }

  local function keep(one)
    made[#made + 1] = one
    return one
  end

  --- Two ends of a connection.
  function t.pair()
    local server = assert(socket.bind("127.0.0.1", 0))
    local host, port = server:getsockname()
    local a = keep(assert(socket.connect(host, port)))
    local b = keep(assert(server:accept()))
    server:close()
    return a, b
  end

  function t.class(one) return one and tostring(one):match("^%w+{%w+}") end

  function t.path()
    local path = os.tmpname()
    os.remove(path)
    return path
  end

  function t.close()
    for _, one in ipairs(made) do one:close() end
  end

  return t
end

local function run_all()
  for _, case in ipairs(cases) do
    print("case " .. case.name)
    local t = tools()
    local fine, problem = pcall(case.run, t)
    if not fine then print("  FAILED " .. tostring(problem)) end
    t.close()
  end
  print "end"
end

io.stdout:setvbuf "line"
if which == "task" then
  local report = require("lastcall").run(run_all, { signals = false, drain = 5, log = function() end })
  if not report.ok then print(report) end
else
  run_all()
end
