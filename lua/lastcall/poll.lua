--- poll: waits for a descriptor that lastcall does not own, such as one of a driver, a library or another loop.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local check_seconds = require "lastcall.options".check_seconds

local MODES = { r = true, w = true, rw = true }

local function check_mode(mode, what)
  if mode ~= nil and not MODES[mode] then
    misuse.raise('poll: %s is "r", "w" or "rw", not %s', what, tostring(mode))
  end
  return mode
end

local function field(object, name)
  local value = object[name]
  if type(value) == "function" then return value(object) end
  return value
end

--- What a pollable object wants to wait for: a descriptor and a mode, a time, or both.
local function ask(object)
  local fine, fd, events, timeout = pcall(function()
    return field(object, "pollfd"), field(object, "events"), field(object, "timeout")
  end)
  if not fine or fd == nil and timeout == nil or fd ~= nil and math.type(fd) ~= "integer" then
    misuse.raise("poll: expected a descriptor, or an object with pollfd, events and timeout, not a %s", type(object))
  end
  if timeout ~= nil and (type(timeout) ~= "number" or timeout ~= timeout) then
    misuse.raise("poll: what timeout() says is seconds, or nil, not %s", tostring(timeout))
  end
  return fd, check_mode(events ~= "" and events or nil, "what events() says"), timeout
end

local function wait(fd, mode, seconds)
  if not fd then return core.spot():wait("poll", seconds, true) end
  local ready, code, message = core.poll_fd(fd, mode, seconds)
  if code == "closed" then message = ("poll: %d is no open descriptor"):format(fd) end
  return ready, code, message
end

--- Waits until the descriptor is ready. Returns "r", "w" or "rw"; nil, "timeout" after `seconds`; nil, "canceled".
-- An object says what to wait for by its pollfd, events and timeout; when its own timeout passes, it has work to do,
-- and poll returns true. If the owner closes the descriptor during the wait, the task is not woken.
local function poll(what, mode, seconds)
  check_mode(mode, "the second argument")
  check_seconds("poll", seconds)
  if math.type(what) == "integer" then return wait(what, mode or "r", seconds) end
  local fd, events, timeout = ask(what)
  mode = mode or events
  local own = timeout and (not seconds or timeout <= seconds)
  local ready, code, message = wait(mode and fd, mode, own and timeout or seconds)
  if own and code == "timeout" then return true end
  return ready, code, message
end

return poll
