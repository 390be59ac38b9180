--- Whether the process is ready: what a supervisor, or systemd, waits for after a start.
--
-- It is ready from the end of the turn on in which the first serve, accept, or LuaSocket's accept or select begins. The
-- script may say otherwise, before and after that.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"

local readiness = {}

local said -- by the script: true or false
local has_begun = false
local told = false
local listeners = {} -- functions: see readiness.watch

--- Whether the script has said that it is not ready.
function readiness.is_denied() return said == false end

local function is_ready()
  if said ~= nil then return said end
  return has_begun
end

local function tell()
  local now = is_ready()
  if now == told then return end
  told = now
  for _, fn in ipairs(listeners) do fn(now) end
end

--- In the next turn: this one may still open further addresses.
local function tell_soon()
  if #listeners > 0 and is_ready() ~= told then core.system_task(core.context.root(), tell) end
end

--- Calls `fn(is_ready)`, until the run is over, each time that this changes.
function readiness.watch(fn)
  listeners[#listeners + 1] = fn
  tell_soon()
end

--- The script begins to take clients.
function readiness.begin()
  if has_begun then return end
  has_begun = true
  tell_soon()
end

--- What the script says.
function readiness.set(is)
  if type(is) ~= "boolean" then misuse.raise("set_ready: the argument is true or false, not a %s", type(is)) end
  said = is
  core.set_ready(is)
  tell_soon()
  return true
end

--- The run is over.
function readiness.forget()
  said, has_begun, told, listeners = nil, false, false, {}
  core.set_ready(true)
end

return readiness
