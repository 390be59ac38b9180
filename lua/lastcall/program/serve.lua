--- lastcall serve: a supervisor for a script, with a control socket.

local arguments = require "lastcall.program.arguments"
local core = require "lastcall.core"

local function read(given, usage)
  local settings = { workers = 1, drain = 25, listen = {} }
  local known = {
    ["--workers"] = arguments.count(settings, "workers", "--workers"),
    ["--control"] = arguments.text(settings, "control", "--control", "the path of a socket"),
    ["--drain"] = arguments.seconds(settings, "drain", "--drain"),
    ["--canary"] = arguments.seconds(settings, "canary", "--canary"),
    ["--pin"] = function() settings.pin = true end,
    ["--listen"] = function(value)
      if not value or value == "" then return "--listen takes an address" end
      local endpoint, problem = core.endpoint(value)
      if not endpoint then return ("--listen: %s is not an address: %s"):format(value, problem) end
      table.insert(settings.listen, value)
    end,
  }
  local at = arguments.read(given, 2, known, { ["--pin"] = true }, usage)
  settings.script = given[at]
  if not settings.script then arguments.misused("which script?", usage) end
  settings.args = table.move(given, at + 1, #given, 1, {})
  return settings
end

--- The interpreter, and this program.
local function command()
  local first = 0
  while _G.arg[first - 1] do first = first - 1 end
  return table.move(_G.arg, first, 0, 1, {})
end

local function supervise(settings)
  local lastcall = require "lastcall"
  local control = require "lastcall.supervise.control"
  local at, problem = settings.control, nil
  if not at then at, problem = require("lastcall.supervise.path").of(settings.script) end
  if not at then return nil, problem end
  lastcall.set_ready(false) -- the control socket is no service yet
  local door
  door, problem = control.open(at)
  if not door then return nil, problem end
  io.stderr:write("lastcall: control socket ", at, "\n")
  local service, code, reason = lastcall.supervise {
    script = settings.script, args = settings.args, workers = settings.workers, drain = settings.drain,
    listen = settings.listen, command = command(), canary = settings.canary, pin = settings.pin,
  }
  local report
  if service then
    door:attach(service)
    lastcall.set_ready(true)
    report = service:wait()
  end
  door:close()
  return report, code == "draining" and "stopped before it served" or reason, code == "draining"
end

return function(given, usage)
  local settings = read(given, usage)
  local report, reason, was_stopped
  require("lastcall").run(function()
    report, reason, was_stopped = supervise(settings)
  end, { signals = {}, drain = { timeout = settings.drain, grace = 0.1 }, progress = false })
  if not report then
    io.stderr:write("lastcall: serve: ", tostring(reason), "\n")
    os.exit(was_stopped or false, true)
  end
  io.stderr:write(tostring(report), "\n")
  os.exit(report.ok ~= false, true)
end
