--- Where messages go when the script has not said: one line each, to stderr.

local log = {}

local function in_order(fields)
  local names = {}
  for name in pairs(fields) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- The default for the `log` option.
function log.to_stderr(level, event, fields)
  local parts = { "lastcall: ", level, ": ", event }
  for _, name in ipairs(in_order(fields or {})) do
    parts[#parts + 1] = (" %s=%s"):format(name, tostring(fields[name]))
  end
  parts[#parts + 1] = "\n"
  io.stderr:write(table.concat(parts))
end

--- The default for the `on_error` option.
function log.error_to_stderr(err, traceback, conn)
  local where = conn and (" (%s)"):format(tostring(conn)) or ""
  io.stderr:write(("lastcall: error%s: %s\n%s\n"):format(where, tostring(err), traceback or ""))
end

return log
