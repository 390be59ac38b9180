--- Contexts: who is to stop when what ends.

local core = require "lastcall.core"

return {
  background = core.context.background,
  with_cancel = core.context.with_cancel,
  with_timeout = core.context.with_timeout,
  with_deadline = core.context.with_deadline,
}
