--- protect, newtry and try: errors that are results again at the border of a module.

local except = {}

-- Marks what try has thrown; anything else passes through protect untouched.
local Thrown = { __metatable = false }

local function nothing() end

--- A function that returns its arguments, or, when the first is false or nil, calls `finalizer` and throws
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

--- `fn`, with what try throws in it returned as nil and the message.
function except.protect(fn)
  return function(...) return finish(pcall(fn, ...)) end
end

return except
