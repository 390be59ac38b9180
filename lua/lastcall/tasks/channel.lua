--- Channels: they hand values from task to task, in order, each to one receiver.
--
-- try_send and try_receive decide at once, or when the partner comes. The caller does the waiting: `send` and `receive`
-- for one channel, select.lua for several.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"
local queue = require "lastcall.tasks.queue"

local check_seconds = options.check_seconds

local channel = {}
local methods = {}

channel.metatable = { __index = methods, __name = "lastcall.channel", __metatable = "lastcall.channel" }

local CLOSED = "closed"

function channel.is(value) return debug.getmetatable(value) == channel.metatable end

--- Makes a channel that holds up to `capacity` values not received yet (0: each send waits for a receive).
function channel.new(capacity)
  capacity = capacity or 0
  if math.type(capacity) ~= "integer" or capacity < 0 then
    misuse.raise("channel: the capacity is a whole number, 0 or more")
  end
  return setmetatable({
    capacity = capacity, values = {}, first = 1, last = 0, closed = false,
    senders = queue.new(), receivers = queue.new(),
  }, channel.metatable)
end

local function pop(self)
  local first = self.first
  local value = self.values[first]
  self.values[first] = nil
  self.first = first + 1
  return value
end

local function push(self, value)
  self.last = self.last + 1
  self.values[self.last] = value
end

--- Raises for nil, which no channel can carry: receive could not distinguish it from the end.
function channel.check_value(value, what)
  if value == nil then
    misuse.raise("%s: a channel carries any value but nil; send false, or close the channel", what)
  end
end

--- Returns true when the value was sent, false and "closed" when it never can be, nil when a receiver must come first.
function channel.try_send(self, value)
  if self.closed then return false, CLOSED end
  local receiver = self.receivers:take()
  if receiver then
    receiver.spot:wake(receiver.index or true, value)
    return true
  end
  if self.last - self.first + 1 < self.capacity then
    push(self, value)
    return true
  end
  return nil
end

--- Returns true and the value; false and "closed" when none will come; nil when a sender must come first, or when the
-- calling task's context has ended: then the values are left to other tasks.
function channel.try_receive(self)
  if core.has_ended() then return nil end
  local waiting = self.senders:take()
  if self.first <= self.last then
    local value = pop(self)
    if waiting then
      push(self, waiting.value)
      waiting.spot:wake(waiting.index or true)
    end
    return true, value
  end
  if waiting then
    waiting.spot:wake(waiting.index or true)
    return true, waiting.value
  end
  if self.closed then return false, CLOSED end
  return nil
end

local function closed(operation)
  return nil, CLOSED, operation .. ": the channel is closed"
end

--- Waits in `line` until a partner comes.
local function wait(line, what, seconds, at_rest, value)
  local first, second, message = line:wait(what, seconds, at_rest, value)
  if first == false then return closed(what) end
  return first, second, message
end

--- Hands over `value`. Returns true; nil, "closed", "timeout" (after `seconds`) or "canceled".
function methods:send(value, seconds)
  misuse.check_self(self, channel.metatable, "channel:send")
  channel.check_value(value, "channel:send")
  check_seconds("channel:send", seconds)
  local sent, code = channel.try_send(self, value)
  if sent then return true end
  if code then return closed("channel:send") end
  local fine, failure, message = wait(self.senders, "channel:send", seconds, false, value)
  if fine then return true end
  return nil, failure, message
end

--- Returns the next value; nil, "closed" once the channel is closed and empty; nil, "timeout" or "canceled".
function methods:receive(seconds)
  misuse.check_self(self, channel.metatable, "channel:receive")
  check_seconds("channel:receive", seconds)
  local received, value = channel.try_receive(self)
  if received then return value end
  if value then return closed("channel:receive") end
  local fine, second, message = wait(self.receivers, "channel:receive", seconds, true)
  if fine then return second end
  return nil, second, message
end

--- No more values will be sent; those already there can still be received. Twice raises.
function methods:close()
  misuse.check_self(self, channel.metatable, "channel:close")
  if self.closed then misuse.raise("channel:close: it is closed already") end
  self.closed = true
  self.receivers:wake_all(false, CLOSED)
  self.senders:wake_all(false, CLOSED)
  return true
end

--- For `for` loops: every value until the channel is closed and empty, or the task is canceled.
function methods:iter()
  misuse.check_self(self, channel.metatable, "channel:iter")
  return function() return (self:receive()) end
end

--- How many values wait in the channel.
function methods:count()
  misuse.check_self(self, channel.metatable, "channel:count")
  return self.last - self.first + 1
end

return channel
