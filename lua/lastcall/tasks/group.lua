--- Groups: tasks that succeed or fail together. The first error cancels the others.

local context = require "lastcall.context"
local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local semaphore = require("lastcall.tasks.semaphore").new
local waitgroup = require("lastcall.tasks.waitgroup").new

local group = { __name = "lastcall.group", __metatable = "lastcall.group" }
group.__index = group

--- Makes a group. The context of its tasks is a child of `parent` (by default the calling task's context).
local function new(parent)
  if parent ~= nil and not core.context.is(parent) then
    misuse.raise("group: the argument is a context, not a %s", type(parent))
  end
  local ctx, cancel = context.with_cancel(parent)
  local pending = waitgroup()
  pending.waits_as = "group:wait"
  return setmetatable({ ctx = ctx, cancel = cancel, pending = pending }, group)
end

--- The context of its tasks. It ends with the first error, or when wait returns.
function group:context()
  misuse.check_self(self, group, "group:context")
  return self.ctx
end

--- Allows at most `n` of its tasks at a time; go waits for a place. Call it before the first go.
function group:set_limit(n)
  misuse.check_self(self, group, "group:set_limit")
  if self.pending.pending > 0 then
    misuse.raise("group:set_limit: tasks are running already; set it before the first go")
  end
  if n ~= nil and (math.type(n) ~= "integer" or n < 1) then
    misuse.raise("group:set_limit: takes a whole number, 1 or more, or nil for no limit")
  end
  self.places = n and semaphore(n)
  if n then self.places.waits_as = "group:go" end
  return true
end

local function fail(self, err, traceback)
  if self.failed then return end
  self.failed, self.err, self.traceback = true, err, traceback
  self.cancel(err)
end

local function with_traceback(err)
  return { err = err, traceback = debug.traceback(nil, 2) }
end

--- The body of a task of the group: calls `fn`, and passes its outcome to the group.
local function member(self, places, fn, ...)
  local _ <close> = setmetatable({}, { __close = function()
    if places then places:release() end
    self.pending:done()
  end })
  local fine, first, second = xpcall(fn, with_traceback, ...)
  if not fine then
    fail(self, first.err, first.traceback)
  elseif first == nil and second ~= nil then
    fail(self, second)
  end
end

--- Runs `fn(...)` as a task of the group. Returns the task; nil, code, message if its wait for a place failed.
-- The task fails when fn raises, or returns nil and an error.
function group:go(fn, ...)
  misuse.check_self(self, group, "group:go")
  misuse.check_function(fn, "group:go", "the first argument")
  if self.over then misuse.raise("group:go: this group has been waited for; make a new one") end
  local places = self.places
  if places then
    local fine, code, message = places:acquire()
    if not fine then return nil, code, message end
  end
  self.pending:add()
  return self.ctx:go(member, self, places, fn, ...)
end

--- Waits until all of its tasks have ended. Returns true; nil, the first error and where it was raised; nil,
-- "canceled" when the calling task was canceled. After a full wait the group's context has ended.
function group:wait()
  misuse.check_self(self, group, "group:wait")
  local fine, code, message = self.pending:wait()
  if not fine then return nil, code, message end
  self.over = true
  self.cancel("group done")
  if self.failed then return nil, self.err, self.traceback end
  return true
end

return { new = new }
