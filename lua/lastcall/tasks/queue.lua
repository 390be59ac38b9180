--- Queues of waiting tasks, in the order in which they came. Any entry can be removed in one step.
--
-- An entry is a table of its owner with a field `spot`. The queue skips an entry whose task no longer waits (it was
-- canceled, timed out, killed, or served by another queue of a select).

local core = require "lastcall.core"

local queue = {}
queue.__index = queue

function queue.new() return setmetatable({}, queue) end

function queue:append(entry)
  local last = self.last
  entry.before, entry.queue = last, self
  if last then last.after = entry else self.first = entry end
  self.last = entry
  return entry
end

--- Removes the entry from its queue, if it is in one.
function queue.remove(entry)
  local self = entry.queue
  if not self then return end
  local before, after = entry.before, entry.after
  if before then before.after = after else self.first = after end
  if after then after.before = before else self.last = before end
  entry.before, entry.after, entry.queue = nil, nil, nil
end

--- Returns the first entry that still waits, or nil; the entry stays in the queue.
function queue:peek()
  local entry = self.first
  while entry and not entry.spot:is_free() do
    queue.remove(entry)
    entry = self.first
  end
  return entry
end

--- Removes and returns the first entry that still waits, or returns nil.
function queue:take()
  local entry = self:peek()
  if entry then queue.remove(entry) end
  return entry
end

--- The calling task waits in the queue. Returns what it was woken with, or nil, code, message. `at_rest`: the task
-- waits for work, and a cancel here cuts nothing.
function queue:wait(what, seconds, at_rest, value)
  local entry = self:append { spot = core.spot(), value = value }
  local first, second, message = entry.spot:wait(what, seconds, at_rest)
  queue.remove(entry)
  if first ~= nil then return first, second end
  return nil, second, message
end

--- Wakes every waiting task.
function queue:wake_all(...)
  local entry = self:take()
  while entry do
    entry.spot:wake(...)
    entry = self:take()
  end
end

return queue
