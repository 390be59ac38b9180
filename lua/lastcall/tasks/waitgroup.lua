--- Wait groups: a count of things under way, and the tasks that wait until it is zero.

local options = require "lastcall.options"
local misuse = require "lastcall.misuse"
local queue = require "lastcall.tasks.queue"

local waitgroup = { __name = "lastcall.waitgroup", __metatable = "lastcall.waitgroup" }
waitgroup.__index = waitgroup
waitgroup.waits_as = "waitgroup:wait" -- what the script has called; another name in what is made of one

local function new() return setmetatable({ pending = 0, line = queue.new() }, waitgroup) end

--- Adds `n` (1) to the count; `n` may be negative. Raises if the count would be below zero.
function waitgroup:add(n)
  misuse.check_self(self, waitgroup, "waitgroup:add")
  n = n == nil and 1 or n
  if math.type(n) ~= "integer" then misuse.raise("waitgroup:add: the argument is a whole number") end
  if self.pending + n < 0 then
    misuse.raise("waitgroup: the count would be %d: done was called more often than add", self.pending + n)
  end
  self.pending = self.pending + n
  if self.pending == 0 then self.line:wake_all(true) end
  return true
end

--- Subtracts 1 from the count.
function waitgroup:done()
  misuse.check_self(self, waitgroup, "waitgroup:done")
  if self.pending == 0 then
    misuse.raise("waitgroup: the count would be -1: done was called more often than add")
  end
  return self:add(-1)
end

--- Waits until the count is zero. Returns true; nil, "timeout" (after `seconds`) or "canceled". The group can be used
-- again afterwards.
function waitgroup:wait(seconds)
  misuse.check_self(self, waitgroup, "waitgroup:wait")
  options.check_seconds("waitgroup:wait", seconds)
  if self.pending == 0 then return true end
  return self.line:wait(self.waits_as, seconds)
end

return { new = new }
