--- protect, newtry and try: errors inside a module that become results at its border.

local except = {}

-- Marks errors of try. Other errors pass through protect untouched.
local Thrown = { __metatable = false }

local function nothing() end

--- Returns a function that returns its arguments, or, when the first is false or nil, calls `finalizer` and throws
-- the second.
function except.newtry(finalizer)
  finalizer = finalizer or nothing
  return function(...)
    if ... then return ... end
    finalizer()
    error(setmetatable({ (select(2, ...)) }, Thrown), 0)
  end
end

local function finish(fine, ...)
  if fine then return ... end
  local err = ...
  if type(err) == "table" and debug.getmetatable(err) == Thrown then return nil, err[1] end
  error(err, 0)
end

--- Wraps `fn`: an error of try in it is returned as nil and the message.
function except.protect(fn)
  return function(...) return finish(pcall(fn, ...)) end
end

return except
