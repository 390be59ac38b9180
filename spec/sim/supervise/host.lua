--- What a simulated process finds in Lua's own libraries. All else that it has of the world, it has by the table of
-- system calls that the simulated kernel gives it.

local sim = ...

-- luacheck: push ignore 121 122
function os.getenv(name) return name == "LASTCALL_WORKER" and sim.line or nil end

function os.exit(code, closes)
  sim.exit(code == false and 1 or math.tointeger(code) or 0, closes)
end

local stream = {}
function stream:write(...)
  sim.say(table.concat { ... })
  return self
end
function stream:flush() return self end
io.stderr, io.stdout = stream, stream

--- There is one script, whose build is the newest.
function loadfile(path)
  local script, version, kind = sim.script(path)
  if kind == "unparsable" then return nil, path .. ": this build does not parse" end
  return function(...) return script(version, kind, sim.block, ...) end
end

arg = sim.arg
-- luacheck: pop

local core = require "lastcall.core"
function core.is_terminal() return false end
function core.watch() end -- the watchdog is a thread, and there is one thread here

--- `lastcall serve` has no word for it.
if sim.is_rolling then
  local lastcall = require "lastcall"
  local supervise = lastcall.supervise
  function lastcall.supervise(given)
    given.way = "rolling"
    return supervise(given)
  end
end

require "lastcall.program"(arg)
