--- Errors for misuse: they name the script's own line, whichever of our functions found the mistake.

local core = require "lastcall.core"

local misuse = {}

-- Functions of files beside this one are passed over when an error is given its place.
core.set_home(debug.getinfo(1, "S").source:match("^(.*[/\\])") or "")

--- Raises; the message is a format as string.format's.
function misuse.raise(format, ...)
  core.raise_error(format:format(...))
end

--- Raises unless `self` is an object of the class (its metatable), as it is when the method `what`, such as
-- "semaphore:acquire", is called with ':'.
function misuse.check_self(self, class, what)
  if debug.getmetatable(self) == class then return end
  misuse.raise("%s: expected a %s as self: call it with ':'", what, what:match("^[^:]*"))
end

--- Raises unless the argument of `what` that `which` names is a function.
function misuse.check_function(value, what, which)
  if type(value) == "function" then return end
  misuse.raise("%s: %s is a function, not a %s", what, which, type(value))
end

return misuse
