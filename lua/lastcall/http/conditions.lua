--- What the conditions and the range of a request ask for, by RFC 9110: sections 13 and 14.

local date = require "lastcall.http.date"

local conditions = {}

--- Whether a list of tags names this one. Tags are equal in the strong way when neither is weak.
local function names(list, tag, is_strong)
  if list:find "^%s*%*%s*$" then return true end
  local weak, own = tag:match '^(W?/?)(".*")$'
  if is_strong and weak ~= "" then return false end
  for mark, one in list:gmatch '(W?/?)("[^"]*")' do
    if one == own and not (is_strong and mark ~= "") then return true end
  end
  return false
end

local function is_later(modified, text)
  local at = date(text)
  return at and modified > at
end

--- The status that the conditions give: 412, 304, or nil when they hold. `facts` has the tag, and the time in seconds.
function conditions.status(headers, facts, is_read)
  local match, unmodified = headers["if-match"], headers["if-unmodified-since"]
  if match then
    if not names(match, facts.tag, true) then return 412 end
  elseif unmodified and is_later(facts.modified, unmodified) then
    return 412
  end
  local none, since = headers["if-none-match"], headers["if-modified-since"]
  if none then
    if names(none, facts.tag, false) then return is_read and 304 or 412 end
  elseif since and is_read and date(since) and not is_later(facts.modified, since) then
    return 304
  end
end

--- Whether the client's part is one of this version of the file.
local function is_same(text, facts)
  if facts.tag:find "^W/" then return false end
  return text == facts.tag or text == facts.date
end

--- The part that a range names: its first byte and its length. nil: the whole, also for several ranges, and for what is
-- no range; false: there is no such part.
function conditions.range(headers, facts)
  local text = headers.range
  if not text then return nil end
  local only_if = headers["if-range"]
  if only_if and not is_same(only_if, facts) then return nil end
  local from, to = text:match "^[bB][yY][tT][eE][sS]%s*=%s*(%d*)%s*%-%s*(%d*)%s*$"
  if not from or from == "" and to == "" then return nil end
  local size = facts.size
  from, to = tonumber(from), tonumber(to) -- beyond what integers hold, these are floats, which compare as well
  if not from then
    if to == 0 then return false end
    if size == 0 then return nil end
    to = math.min(to, size)
    return size - to, to
  end
  if to and to < from then return nil end
  if from >= size then return false end
  to = math.min(to or size - 1, size - 1)
  return from, to - from + 1
end

return conditions
