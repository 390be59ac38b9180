--- Contexts, which say when tasks must stop.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local check_seconds = require "lastcall.options".check_seconds

local methods = core.context.methods

--- Waits until the context has ended: true; nil, "timeout" after `seconds`; nil, "canceled" when the calling task's
-- own context ended first.
function methods:wait(seconds)
  if not core.context.is(self) then misuse.raise("context:wait: expected a context as self: call it with ':'") end
  check_seconds("context:wait", seconds)
  if self:done() then return true end
  core.expect_task("context:wait") -- otherwise the error would leave our function in the context
  local spot = core.spot()
  local stop = self:on_done(function() spot:wake(true) end)
  local woken, code, message = spot:wait("context:wait", seconds, true)
  stop()
  if woken or self:done() then return true end
  return nil, code, message
end

return {
  background = core.context.background,
  with_cancel = core.context.with_cancel,
  with_timeout = core.context.with_timeout,
  with_deadline = core.context.with_deadline,
  with_value = core.context.with_value,
  without_cancel = core.context.without_cancel,
}
