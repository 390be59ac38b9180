--- lastcall inside another loop: what that loop must wait for, and the turn that it gives to lastcall then.
--
-- Each function may also be called as a method of the module (lastcall:step()), because some loops take objects with
-- pollfd, events and timeout.

local core = require "lastcall.core"
local options = require "lastcall.options"
local run = require "lastcall.run"

local embed = {}

--- The descriptor that becomes readable when lastcall has something to do.
function embed.pollfd()
  run.attach()
  return core.pollfd()
end

--- What to wait for on it.
function embed.events() return "r" end

--- Seconds until the host must call step even if the descriptor is not readable; nil: it need not.
function embed.timeout() return (core.timeout()) end

--- One turn: waits at most `seconds` (0) for something to do, and does a bounded share of it.
-- True; nil, code, message when the loop cannot go on.
function embed.step(first, second)
  local seconds = first
  if type(first) == "table" then seconds = second end
  options.check_seconds("step", seconds)
  run.attach()
  local fine, code, message = core.step(seconds)
  if not fine then return nil, code, message end
  run.look()
  return true
end

return embed
