--- lastcall: network servers that leave with dignity. The API is described in lastcall/meta.lua.

local core = require "lastcall.core"
local embed = require "lastcall.embed"
local hooks = require "lastcall.hooks"
local inside = require "lastcall.supervise.inside"
require "lastcall.conn"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"
local readiness = require "lastcall.readiness"
local relay = require "lastcall.pipe"
local run = require "lastcall.run"
local server = require "lastcall.server"
local signals = require "lastcall.signals"

local lastcall = {
  version = core.version,
  context = require "lastcall.context",
  coroutine = core.coroutine,
  serve = run.serve,
  run = run.run,
  listen = server.new,
  connect = require "lastcall.connect",
  adopt = require "lastcall.adopt",
  offload = require("lastcall.offload").call,
  resolve = require "lastcall.resolve",
  go = core.go,
  spawn = core.spawn,
  sleep = core.sleep,
  now = core.now,
  every = require("lastcall.tasks.every").every,
  poll = require "lastcall.poll",
  pipe = relay.pipe,
  process = require("lastcall.subprocess").new,
  copy = relay.copy,
  dump = require "lastcall.dump",
  on_signal = signals.on_signal,
  pollfd = embed.pollfd,
  events = embed.events,
  timeout = embed.timeout,
  step = embed.step,
  group = require("lastcall.tasks.group").new,
  waitgroup = require("lastcall.tasks.waitgroup").new,
  semaphore = require("lastcall.tasks.semaphore").new,
  channel = require("lastcall.tasks.channel").new,
  select = require("lastcall.tasks.select").select,
  on_shutdown = hooks.on_shutdown,
  before_shutdown = hooks.before_shutdown,
  ready = server.process_is_ready,
  set_ready = readiness.set,
  supervise = require("lastcall.supervise").new,
  worker = inside.worker,
  listeners = require("lastcall.systemd.listeners").all,
}

--- Takes a guard: while it is held, the step drain goes on.
function lastcall.work(name)
  if name ~= nil and type(name) ~= "string" then
    misuse.raise("work: the argument is a name for the report, not a %s", type(name))
  end
  return core.work(name)
end

--- Returns its arguments when the first is true. Otherwise it raises the third argument, where functions of lastcall
-- return their message, or else the second, with the caller's place.
function lastcall.assert(value, ...)
  if value then return value, ... end
  local code, message = ...
  if message == nil then message = code end
  if type(message) ~= "string" and message ~= nil then error(message, 0) end
  misuse.raise("%s", message or "assertion failed!")
end

--- Starts the process's ladder, as SIGTERM does; returns true at once.
function lastcall.shutdown(seconds)
  options.check_seconds("shutdown", seconds)
  if seconds and seconds < 0 then misuse.raise("shutdown: expected seconds from now, not %s", tostring(seconds)) end
  run.attach()
  return core.shutdown(seconds)
end

--- Closes a descriptor of the script's own, such as one that conn:receive_fds returned.
function lastcall.close_fd(fd)
  if math.type(fd) ~= "integer" or fd < 0 then
    misuse.raise("close_fd: expected the number of a descriptor, not %s", fd == nil and "nothing" or tostring(fd))
  end
  core.close_fd(fd)
  return true
end

--- Returns the report of the last run that ended.
function lastcall.report() return run.last_report end

-- Lua's tracebacks call a function by the first name that they find for it in package.loaded. This must be a name that
-- users know, so the other modules hide their fields from code that walks over package.loaded.
local SHOWN = { ["lastcall.context"] = true, ["lastcall.socket"] = true }
for name, module in pairs(package.loaded) do
  local is_ours = name:find "^lastcall%.[%w_]+$" or name:find "^lastcall%.tasks%." or name:find "^lastcall%.systemd%."
    or name:find "^lastcall%.supervise" or name:find "^lastcall%.offload"
  if is_ours and type(module) == "table" and not SHOWN[name] then
    package.loaded[name] = setmetatable({}, { __index = module, __newindex = module })
  end
end

require("lastcall.supervise.renewal").end_trial()

-- The first use of `features` finds them out: this opens two sockets on loopback for a moment.
return setmetatable(lastcall, {
  __index = function(self, name)
    if name ~= "features" then return nil end
    self.features = core.features()
    return self.features
  end,
})
