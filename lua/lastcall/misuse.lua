--- Errors for misuse. They name the script's own line, whichever function of lastcall found the mistake.

local core = require "lastcall.core"

local misuse = {}

-- The place of an error skips functions of the files beside this one.
core.set_home(debug.getinfo(1, "S").source:match("^(.*[/\\])") or "")

--- Raises an error. Its message is made by string.format.
function misuse.raise(format, ...)
  core.raise_error(format:format(...))
end

--- Raises unless `self` is an object of the class (its metatable). It is when the script calls the method `what`, such
-- as "semaphore:acquire", with ':'.
function misuse.check_self(self, class, what)
  if debug.getmetatable(self) == class then return end
  misuse.raise("%s: expected a %s as self: call it with ':'", what, what:match("^[^:]*"))
end

--- Raises unless `value`, the argument of `what` that `which` names, is a function.
function misuse.check_function(value, what, which)
  if type(value) == "function" then return end
  misuse.raise("%s: %s is a function, not a %s", what, which, type(value))
end

return misuse
