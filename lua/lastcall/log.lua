--- The default log: one line for each message, to stderr.

local stderr = require "lastcall.stderr"

local log = {}

--- Escapes the control bytes in text that may come from a peer. With them it could look like a line of lastcall, or
-- move a terminal's cursor.
function log.escaped(text)
  return (text:gsub("%c", function(byte)
    return byte == "\n" and "\\n" or byte == "\r" and "\\r" or byte == "\t" and "\\t" or ("\\x%02x"):format(byte:byte())
  end))
end

-- Fields of several lines, which lastcall writes: a peer's words in them are escaped already.
local LINES = { text = true, traceback = true }

local function value_of(name, value)
  return LINES[name] and tostring(value) or log.escaped(tostring(value))
end

local function in_order(fields)
  local names = {}
  for name in pairs(fields) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- The default for the `log` option.
function log.to_stderr(level, event, fields)
  fields = fields or {}
  local more = fields.more and (", and %d more"):format(fields.more)
  local parts = { stderr.time(), "lastcall: ", level, ": ", event, more }
  for _, name in ipairs(in_order(fields)) do
    if name ~= "more" then parts[#parts + 1] = (" %s=%s"):format(name, value_of(name, fields[name])) end
  end
  parts[#parts + 1] = "\n"
  stderr.say(table.concat(parts))
end

--- The text of an error. A script may raise any value, even an object without a text.
function log.text_of(err)
  local told, text = pcall(tostring, err)
  return told and text or ("an error object (%s) whose __tostring raises"):format(type(err))
end

local function error_text(err, traceback, conn, request)
  local where = conn and (" (%s%s)"):format(request and request .. ", " or "", tostring(conn)) or ""
  return ("lastcall: error%s: %s\n%s\n"):format(where, log.escaped(log.text_of(err)), traceback or "")
end

--- The default for the `on_error` option.
function log.error_to_stderr(err, traceback, conn, request)
  stderr.say(stderr.time() .. error_text(err, traceback, conn, request))
end

local function describe(err) return { err, debug.traceback(nil, 2) } end

local errors = 0

--- How many errors have been told so far, to whichever function.
function log.errors() return errors end

--- Wraps a function that is told of errors: they are counted.
function log.counted(fn)
  return function(...)
    errors = errors + 1
    return fn(...)
  end
end

--- Wraps a script's `on_error`. When `on_error` itself raises, both errors go to stderr, so that none is lost.
function log.guarded(on_error)
  if not on_error then return nil end
  return log.counted(function(err, traceback, conn, request)
    local fine, own = xpcall(on_error, describe, err, traceback, conn, request)
    if fine then return end
    if type(own) ~= "table" then own = { own } end -- there was no memory to describe it
    stderr.say(("%s%slastcall: and on_error, which was told of it, raised itself:\n%s"):format(stderr.time(),
      error_text(err, traceback, conn, request), error_text(own[1], own[2], conn, request)))
  end)
end

return log
