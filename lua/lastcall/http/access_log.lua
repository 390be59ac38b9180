--- A line for each reply: in the Combined Log Format, or in one of the script's own.

local lines = require "lastcall.lines"
local log = require "lastcall.log"
local log_limit = require "lastcall.log_limit"
local misuse = require "lastcall.misuse"

local COMMON = '{client} - - [{time}] "{request}" {status} {bytes}'
local FORMATS = { common = COMMON, combined = COMMON .. ' "{referer}" "{user_agent}"' }

local NO_REPLY = 499 -- what nginx writes when the client has gone before the reply

--- Escapes what would end a quoted part, a line, or move a terminal's cursor.
local function escaped(text)
  return (text:gsub('[%c"\\\x7f-\xff]', function(byte)
    if byte == '"' or byte == "\\" then return "\\" .. byte end
    return ("\\x%02x"):format(byte:byte())
  end))
end

--- How a field's value is found in the bytes of a head, whatever the case of its name.
local function pattern_of(name)
  local any_case = name:gsub("%W", "%%%0"):gsub("%a", function(letter)
    return ("[%s%s]"):format(letter:lower(), letter:upper())
  end)
  return "\n" .. any_case .. ":[ \t]*([^\r\n]*)"
end

local function header(name)
  local pattern = pattern_of(name)
  return function(entry)
    local value = entry.head:match(pattern)
    return value and value ~= "" and escaped((value:gsub("[ \t]+$", ""))) or "-"
  end
end

local second, time -- the text of a second is made once

local function time_now()
  local now = os.time()
  if now ~= second then second, time = now, os.date("%d/%b/%Y:%H:%M:%S %z", now) end
  return time
end

--- A part of the head's first line.
local function of_line(pattern)
  return function(entry)
    local part = entry.head:match(pattern)
    return part and escaped(part) or "-"
  end
end

-- What a format may name: functions of {head, status, bytes, seconds, client}.
local FIELDS = {
  client = function(entry) return entry.client end,
  time = time_now,
  request = of_line "^[\r\n]*([^\r\n]+)",
  method = of_line "^[\r\n]*(%S+)",
  target = of_line "^[\r\n]*%S+ (%S+)",
  path = of_line "^[\r\n]*%S+ ([^%s?]+)",
  version = of_line "^[\r\n]*%S+ %S+ HTTP/(%S+)",
  status = function(entry) return entry.status == 0 and NO_REPLY or entry.status end,
  bytes = function(entry) return entry.bytes end,
  seconds = function(entry) return ("%.3f"):format(entry.seconds) end,
  host = header "Host", referer = header "Referer", user_agent = header "User-Agent",
}

local function field(name)
  local wanted = name:match "^header:([%w%-_]+)$"
  if wanted then return header(wanted) end
  if not FIELDS[name] then
    local known = {}
    for other in pairs(FIELDS) do known[#known + 1] = other end
    table.sort(known)
    misuse.raise("http.access_log: {%s} is not known; there are %s, and header:NAME", name, table.concat(known, ", "))
  end
  return FIELDS[name]
end

--- The parts of a format: texts, and functions.
local function compiled(format)
  local parts, at = {}, 1
  for before, name, after in format:gmatch "()%{([^{}]*)%}()" do
    parts[#parts + 1] = format:sub(at, before - 1)
    parts[#parts + 1] = field(name)
    at = after
  end
  parts[#parts + 1] = format:sub(at) .. "\n"
  return parts
end

local function line_of(parts, entry)
  local texts = {}
  for i, part in ipairs(parts) do texts[i] = type(part) == "function" and part(entry) or part end
  return table.concat(texts)
end

local tell = log_limit.limited(log.to_stderr)

local function tell_dropped(count)
  if count then tell("warning", "lines of the access log were dropped", { count = count })
  else tell("warning", "the access log has no room: lines are dropped", {}) end
end

--- Makes the function for the option `access_log`.
return function(format, write)
  if format ~= nil and type(format) ~= "string" then
    misuse.raise("http.access_log: the format is a string, not a %s", type(format))
  end
  if write ~= nil then misuse.check_function(write, "http.access_log", "the second argument") end
  local parts = compiled(FORMATS[format or "combined"] or format)
  write = write or lines.writer(1, tell_dropped)
  return function(head, status, bytes, seconds, client)
    write(line_of(parts, { head = head, status = status, bytes = bytes, seconds = seconds, client = client }))
  end
end
