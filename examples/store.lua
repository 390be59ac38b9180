-- A store that answers line by line. No value answered with "ok" is lost: a hook saves all values when the last
-- connection is gone. Usage: lua store.lua [ADDRESS [FILE]]
--
--   set KEY VALUE            ok
--   get KEY                  value VALUE | none
--   delete KEY               ok | none
--   slow SECONDS COMMAND     the answer to COMMAND, after SECONDS (a slow request)
--   quit                     bye, and the connection is closed
--   any other line           error, and what would be right

local lastcall = require "lastcall"

local address, path = arg[1] or "127.0.0.1:7002", arg[2]
if arg[3] or address:sub(1, 1) == "-" then
  io.stderr:write("usage: lua store.lua [ADDRESS [FILE]]\n")
  os.exit(2)
end

local values = {}

local function load_values()
  local file = path and io.open(path)
  if not file then return end
  for key, value in file:read("a"):gmatch("(%S+) ([^\n]*)\n") do values[key] = value end
  file:close()
end

-- Writes a new file and renames it over the old one, so that there is never half a file.
local function save_values()
  local file = assert(io.open(path .. ".new", "w"))
  for key, value in pairs(values) do assert(file:write(key, " ", value, "\n")) end
  assert(file:close())
  assert(os.rename(path .. ".new", path))
end

local commands = {}

local function answer(line)
  local name, rest = line:match("^(%a+) ?(.*)$")
  local command = commands[name]
  if not command then return "error no such command; known are set, get, delete, slow, quit" end
  return command(rest)
end

function commands.set(rest)
  local key, value = rest:match("^(%S+) (.*)$")
  if not key then return "error usage: set KEY VALUE" end
  values[key] = value
  return "ok"
end

function commands.get(rest)
  local key = rest:match("^%S+$")
  if not key then return "error usage: get KEY" end
  return values[key] and "value " .. values[key] or "none"
end

function commands.delete(rest)
  local key = rest:match("^%S+$")
  if not key then return "error usage: delete KEY" end
  local found = values[key] ~= nil
  values[key] = nil
  return found and "ok" or "none"
end

function commands.slow(rest)
  local seconds, command = rest:match("^(%d+%.?%d*) (.+)$")
  if not seconds then return "error usage: slow SECONDS COMMAND" end
  local slept, code = lastcall.sleep(tonumber(seconds))
  if not slept then return "error " .. code end
  return answer(command)
end

function commands.quit() return "bye", true end

-- Between two lines a connection is idle, and a drain may close it; inside the loop the drain waits for it.
local function handle(conn)
  for line in conn:lines() do
    local reply, is_last = answer((line:gsub("\r$", "")))
    conn:write(reply, "\n")
    if is_last then return end
  end
  if conn:error() == "too long" then conn:write("error the line is too long\n") end
end

local report = lastcall.run(function()
  load_values()
  local server = lastcall.assert(lastcall.listen(address, { max_line = 4096 }))
  if path then lastcall.on_shutdown("save", save_values) end
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(handle)
end, { drain = 10 })

print(report)
os.exit(report.ok)
