--- Messages to stderr. A message waits MOMENT at most for room there. A message that finds no room is dropped and
-- counted, and the next one that finds room begins with the count.

local core = require "lastcall.core"

local stderr = {}

local MOMENT = 0.05 -- seconds; enough for a reader that still reads to make room
local SHARE = 10 -- after a message has waited, no message waits for ten times as long

local dropped, since = 0, nil
local is_torn = false -- the last message was cut short, in the midst of a line
local patient_from = 0

--- The beginning of a message that has no other place for its time.
function stderr.time() return os.date "%Y-%m-%d %H:%M:%S " end

--- Writes as much of `text` as finds room. Returns whether that was all, and how many bytes.
local function put(text, patience)
  if is_torn then text = "\n" .. text end
  local written = core.say(text, patience)
  if written > 0 then is_torn = written < #text end
  return written == #text, written
end

local function count_of_dropped()
  if dropped == 0 then return "" end
  return ("%slastcall: warning: messages dropped on stderr count=%d seconds=%.1f\n"):format(
    stderr.time(), dropped, core.now() - (since or core.now()))
end

--- Writes `text`, which is whole lines. Returns whether all of it was written.
function stderr.say(text)
  local began, count = core.now(), count_of_dropped()
  local whole, written = put(count .. text, began >= patient_from and MOMENT or 0)
  local ended = core.now()
  patient_from = ended + (ended - began) * SHARE
  if written > #count then dropped, since = 0, nil end
  if whole then return true end
  dropped, since = dropped + 1, since or began
  return false
end

--- Writes `text` that is out of date soon, if there is room; otherwise it is dropped without being counted.
function stderr.show(text) put(text, 0) end

--- At the end of a run: writes the count of dropped messages, if there is room now.
function stderr.conclude()
  if count_of_dropped() ~= "" then stderr.say "" end
end

return stderr
