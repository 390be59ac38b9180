--- Wait groups: a count of things under way, and tasks that wait until it is zero.

local options = require "lastcall.options"
local queue = require "lastcall.queue"

local waitgroup = { __name = "lastcall.waitgroup" }
waitgroup.__index = waitgroup

local function new() return setmetatable({ pending = 0, line = queue.new() }, waitgroup) end

--- `n` (1) more things are under way; negative, as many fewer. Below zero raises.
function waitgroup:add(n)
  n = n == nil and 1 or n
  if math.type(n) ~= "integer" then error("waitgroup:add: the argument is a whole number", 2) end
  if self.pending + n < 0 then
    error(("waitgroup: the count would be %d: done was called more often than add"):format(self.pending + n), 2)
  end
  self.pending = self.pending + n
  if self.pending == 0 then self.line:wake_all(true) end
  return true
end

--- One thing less.
function waitgroup:done()
  if self.pending == 0 then
    error("waitgroup: the count would be -1: done was called more often than add", 2)
  end
  return self:add(-1)
end

--- Waits until the count is zero: true; nil, "timeout" (after `seconds`) or "canceled". Can be used again.
function waitgroup:wait(seconds)
  options.check_seconds("waitgroup:wait", seconds, 2)
  if self.pending == 0 then return true end
  return self.line:wait("waitgroup:wait", seconds)
end

return new
