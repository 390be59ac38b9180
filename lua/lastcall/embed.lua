--- Living inside another loop: what it has to wait for, and the turn to give us when that has come.
--
-- All of them may be called as functions or as methods of the module (lastcall:step()), the way loops that
-- take objects with pollfd, events and timeout do.

local core = require "lastcall.core"
local options = require "lastcall.options"
local run = require "lastcall.run"

local embed = {}

--- The descriptor that becomes readable when there is something to do.
function embed.pollfd()
  run.attach()
  return core.pollfd()
end

--- What to wait for on it.
function embed.events() return "r" end

--- Seconds until step is to be called even if nothing becomes readable; nil: no need to.
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
