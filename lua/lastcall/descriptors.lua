--- More descriptors for a run (option `raise_descriptors`), and not for the programs that it starts.

local core = require "lastcall.core"

local descriptors = {}

local theirs -- os.execute and io.popen, while ours are in their place
local ours

--- A shell puts the limit back before it does anything else: fork's own way is not taken by these two.
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

--- As it was, unless the script has put something else there meanwhile.
function descriptors.put_back()
  core.put_back_descriptors()
  if not theirs then return end
  if os.execute == ours.execute then os.execute = theirs.execute end -- luacheck: ignore 122
  if io.popen == ours.popen then io.popen = theirs.popen end -- luacheck: ignore 122
  theirs, ours = nil, nil
end

return descriptors
