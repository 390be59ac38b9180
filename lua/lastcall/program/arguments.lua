--- Reads the command line of the program.

local arguments = {}

--- Ends the program because it was called wrongly.
function arguments.misused(problem, usage)
  io.stderr:write("lastcall: ", problem, "\n", usage)
  os.exit(2)
end

--- Reads the options in front of the others. `known` has a function for each; it gets the value, or nil for an option
-- in `flags`, and returns what is wrong with it. Returns the place of the first other argument.
function arguments.read(given, at, known, flags, usage)
  while given[at] and given[at]:find "^%-." do
    local name, value = given[at]:match "^([^=]*)=?(.*)"
    local has_value = given[at]:find("=", 1, true)
    at = at + 1
    if name == "--" then break end
    local take = known[name]
    if not take then arguments.misused("no option " .. name, usage) end
    if flags[name] then
      if has_value then arguments.misused(name .. " takes no value", usage) end
      value = nil
    elseif not has_value then
      value, at = given[at], at + 1
    end
    local problem = take(value)
    if problem then arguments.misused(problem, usage) end
  end
  return at
end

--- An option with seconds: stores them in `settings` under `key`.
function arguments.seconds(settings, key, name)
  return function(value)
    local seconds = tonumber(value or "")
    if not seconds or seconds < 0 or seconds ~= seconds then return name .. " takes a number of seconds" end
    settings[key] = seconds
  end
end

--- An option with a whole number from 1 on.
function arguments.count(settings, key, name)
  return function(value)
    local count = math.tointeger(tonumber(value or ""))
    if not count or count < 1 then return name .. " takes a whole number from 1 on" end
    settings[key] = count
  end
end

--- An option with any text but none.
function arguments.text(settings, key, name, what)
  return function(value)
    if not value or value == "" then return ("%s takes %s"):format(name, what) end
    settings[key] = value
  end
end

return arguments
