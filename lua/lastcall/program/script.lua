--- lastcall script.lua: runs a script that was written for LuaSocket, as it is, on lastcall.

local arguments = require "lastcall.program.arguments"

local FLAGS = { ["--help"] = true, ["-h"] = true, ["--version"] = true, ["-v"] = true }

local function help(usage)
  io.write(usage)
  os.exit(0)
end

local function tell_version()
  print("lastcall " .. require("lastcall").version)
  os.exit(0)
end

--- The settings on the command line, and the place of the script.
local function read(given, usage)
  local settings = {}
  local known = {
    ["--help"] = function() help(usage) end, ["--version"] = tell_version,
    ["--drain"] = arguments.seconds(settings, "drain", "--drain"),
  }
  known["-h"], known["-v"] = known["--help"], known["--version"]
  local at = arguments.read(given, 1, known, FLAGS, usage)
  if not given[at] then arguments.misused("which script?", usage) end
  return settings, at
end

--- Loads the script; as the interpreter has it, the script is argument 0.
local function load(given, at)
  local path = given[at]
  local chunk, problem = loadfile(path ~= "-" and path or nil)
  if not chunk then
    io.stderr:write("lastcall: ", problem, "\n")
    os.exit(1)
  end
  _G.arg = table.move(given, at + 1, #given, 1, { [0] = path })
  return chunk, _G.arg
end

return function(given, usage)
  local settings, at = read(given, usage)
  require("lastcall.socket").install()
  local chunk, own = load(given, at)
  local lastcall = require "lastcall"
  local stderr = require "lastcall.stderr"

  --- Most scripts do not reckon with an accept that fails: an error once the shutdown is under way ends them, as the
  -- signal would have. It is told, with its likely reason, and no failure.
  local function main()
    require("lastcall.core").be_main()
    local fine, failure = xpcall(chunk, debug.traceback, table.unpack(own))
    if fine then return end
    local is_leaving = not lastcall.ready()
    stderr.say(("lastcall: %s%s\n"):format(is_leaving and "as we are leaving, the script ended with an error: " or "",
      tostring(failure)))
    if not is_leaving then error("failed") end
  end

  local fine, report = pcall(lastcall.run, main, settings)
  if not fine then os.exit(1, true) end
  if not require("lastcall.run").had_guest then stderr.say(tostring(report) .. "\n") end -- else it is the script's
  os.exit(report.ok, true)
end
