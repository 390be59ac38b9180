--- Semaphores: at most n tasks hold a permit; the others wait in order.

local core = require "lastcall.core"
local options = require "lastcall.options"
local misuse = require "lastcall.misuse"
local queue = require "lastcall.tasks.queue"

local semaphore = { __name = "lastcall.semaphore", __metatable = "lastcall.semaphore" }
semaphore.__index = semaphore
semaphore.waits_as = "semaphore:acquire" -- what the script has called; another name in what is made of one

--- Makes a semaphore with `n` permits.
local function new(n)
  if math.type(n) ~= "integer" or n < 1 then
    misuse.raise("semaphore: takes the number of permits, a whole number, 1 or more")
  end
  return setmetatable({ permits = n, free = n, line = queue.new() }, semaphore)
end

--- Takes a permit, waiting for it up to `seconds`. Returns true; nil, "timeout" or "canceled". In a context that has
-- ended it takes none.
function semaphore:acquire(seconds)
  misuse.check_self(self, semaphore, "semaphore:acquire")
  options.check_seconds("semaphore:acquire", seconds)
  if self.free > 0 and not core.has_ended() then
    self.free = self.free - 1
    return true
  end
  return self.line:wait(self.waits_as, seconds, true)
end

--- Gives a permit back. The task that has waited longest gets it at once.
function semaphore:release()
  misuse.check_self(self, semaphore, "semaphore:release")
  local entry = self.line:take()
  if entry then
    entry.spot:wake(true)
  elseif self.free == self.permits then
    misuse.raise("semaphore:release: all permits are free; release was called more often than acquire")
  else
    self.free = self.free + 1
  end
  return true
end

return { new = new }
