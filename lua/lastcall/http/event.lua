--- The text of an event stream: events, comments, and the time after which clients come back.

local misuse = require "lastcall.misuse"

local event = {}

local FIELDS = { data = true, event = true, id = true }

--- Lines end with CR LF, LF or CR, so each of them begins a field of its own.
local function lines(name, text)
  return name .. (text:gsub("\r\n", "\n"):gsub("[\r\n]", "\n" .. name)) .. "\n"
end

local function check(what, name, value)
  local kind = type(value)
  if kind ~= "string" and kind ~= "number" then
    misuse.raise("%s: %s is a string or a number, not a %s", what, name, kind)
  end
  return tostring(value)
end

--- A field that clients take as it is, in one line.
local function line(what, name, value)
  if value == nil then return "" end
  local text = check(what, name, value)
  if text:find "[\r\n\0]" then misuse.raise("%s: %s has a line end or a zero byte: %q", what, name, text) end
  return name .. ": " .. text .. "\n"
end

--- An event for `what`, which raises what makes none: its data, or a table with data, event and id.
function event.encode(what, given)
  if type(given) ~= "table" then return lines("data: ", check(what, "the data", given)) .. "\n" end
  for name in pairs(given) do
    if not FIELDS[name] then misuse.raise("%s: an event has data, event and id, and no '%s'", what, tostring(name)) end
  end
  if next(given) == nil then misuse.raise("%s: an event has data, event or id", what) end
  local data = given.data == nil and "" or lines("data: ", check(what, "data", given.data))
  return line(what, "id", given.id) .. line(what, "event", given.event) .. data .. "\n"
end

--- What clients leave out.
function event.comment(what, text)
  return lines(": ", check(what, "the comment", text)) .. "\n"
end

--- Clients whose stream ends come back after half to one and a half of `seconds`, not all at once.
function event.retry(seconds)
  return ("retry: %d\n\n"):format(math.floor(seconds * 1000 * (0.5 + math.random())))
end

return event
