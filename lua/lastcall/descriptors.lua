--- The option `raise_descriptors`: more descriptors for a run, but not for the programs that it starts.

local core = require "lastcall.core"

local descriptors = {}

local theirs -- the script's os.execute and io.popen, while `ours` replace them
local ours

--- Makes the shell restore the limit first: these two functions need not call the handlers of fork that restore it.
local function with_limit(start, limit)
  return function(command, ...)
    if type(command) == "string" then command = ("ulimit -S -n %d\n%s"):format(limit, command) end
    return start(command, ...)
  end
end

--- Raises the soft limit as far as it may be.
function descriptors.raise()
  local before = core.raise_descriptors()
  if not before then return end
  theirs = { execute = os.execute, popen = io.popen }
  ours = { execute = with_limit(os.execute, before), popen = with_limit(io.popen, before) }
  os.execute, io.popen = ours.execute, ours.popen -- luacheck: ignore 122
end

--- Restores the limit, and both functions unless the script has replaced them meanwhile.
function descriptors.put_back()
  core.put_back_descriptors()
  if not theirs then return end
  if os.execute == ours.execute then os.execute = theirs.execute end -- luacheck: ignore 122
  if io.popen == ours.popen then io.popen = theirs.popen end -- luacheck: ignore 122
  theirs, ours = nil, nil
end

return descriptors
