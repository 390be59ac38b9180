--- lastcall.supervise: workers that serve, and a master that renews them without losing a client.

local canary = require "lastcall.supervise.canary"
local core = require "lastcall.core"
local log = require "lastcall.log"
local log_limit = require "lastcall.log_limit"
local master = require "lastcall.supervise.master"
local misuse = require "lastcall.misuse"
local notify = require "lastcall.systemd.notify"
local options = require "lastcall.options"
local readiness = require "lastcall.readiness"
local renewal = require "lastcall.supervise.renewal"
local signals = require "lastcall.signals"
local standing = require "lastcall.supervise.standing"
local strangers = require "lastcall.supervise.strangers"

local supervise = {}

local DEFAULTS = { workers = 1, drain = 25, start_timeout = 10, probation = 2, generations = 2, way = "all" }

--- What scripts have of a master.
local Service = {}
Service.__index = Service

supervise.methods = Service

local masters = setmetatable({}, { __mode = "k" })

local function master_of(self, what)
  return masters[self] or misuse.raise("service:%s: expected a service as self: call it with ':'", what)
end

local function wish_reload(one, wanted, progress)
  return one:wish("reload", { canary = canary.options(wanted), progress = { progress } })
end

--- Replaces all workers by new ones, with the script as it is now. Returns true when the new ones serve and the old
-- ones have begun to drain, and how a canary has done; or nil and the reason, and the old ones serve on.
function Service:reload(given)
  local one = master_of(self, "reload")
  given = options.check("service:reload", given, options.reload)
  local wanted = given.canary
  if wanted == nil then wanted = one.options.canary end
  return wish_reload(one, wanted, given.progress)
end

--- Starts one worker more. Returns true when it is ready; or nil and the reason.
function Service:grow() return master_of(self, "grow"):wish "grow" end

--- Drains one worker, and starts no other for it. Returns true; or nil and the reason.
function Service:shrink() return master_of(self, "shrink"):wish "shrink" end

--- Runs this process's program anew, with the same process id, while the workers serve on. Returns only when that is
-- impossible: nil and the reason.
function Service:renew() return master_of(self, "renew"):wish "renew" end

--- Drains all workers, within `seconds` or the option `drain`. A second call hurries them, a third ends them.
function Service:stop(seconds)
  options.check_seconds("service:stop", seconds)
  master_of(self, "stop"):stop(seconds)
  return true
end

--- A list of the workers, and one of the generations with what their workers have counted.
function Service:status() return master_of(self, "status"):status() end

--- The addresses that the service listens on, with the ports in use.
function Service:addresses() return master_of(self, "addresses").listeners:addresses() end

--- Waits until the service has ended. Returns the report.
function Service:wait()
  local one = master_of(self, "wait")
  while not one.has_ended do
    local fine, code = one:wait_change()
    if not fine and not one.has_ended then return nil, code end
  end
  return one.totals
end

local function follow_signals(one)
  local ends = {}
  local function on(name, fn)
    ends[#ends + 1] = signals.on_signal(name, fn)
  end
  ends[1] = strangers.follow()
  on("TERM", function() one:stop() end)
  on("INT", function() one:stop() end)
  on("HUP", function() wish_reload(one, one.options.canary) end)
  on("USR2", function() one:wish "renew" end)
  core.spawn(function()
    while not one.has_ended do one:wait_change() end
    for _, forget in ipairs(ends) do forget() end
  end)
end

--- This interpreter, by its path.
local function interpreter()
  local name = arg and arg[-1]
  for i = -2, -10, -1 do name = arg and arg[i] or name end
  return { name or "lua" }
end

--- Starts the workers. Returns the service when all are ready; or nil, code, and the reason.
function supervise.new(given)
  given = options.check("supervise", given, options.supervise)
  if not given.script then misuse.raise "supervise: option 'script' is missing: the path of the workers' script" end
  core.expect_task "supervise"
  local own = setmetatable({}, { __index = function(_, name)
    if given[name] ~= nil then return given[name] end
    return DEFAULTS[name]
  end })
  own.command = given.command or interpreter()
  local one = master.new(own, log_limit.limited(given.log or log.to_stderr))
  if given.signals ~= false then follow_signals(one) end
  if renewal.is_due() then core.let_signals_in() end -- an earlier program of this process has kept them out
  notify.describe(standing.of(one))
  local fine, code, reason = one:start()
  if not fine then return nil, code, reason end
  readiness.begin()
  local self = setmetatable({}, Service)
  masters[self] = one
  return self
end

return supervise
