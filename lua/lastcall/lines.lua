--- Lines for a descriptor that is never waited for. What finds no room waits in memory, up to a bound; lines beyond
-- that are dropped whole, and counted.

local core = require "lastcall.core"

local lines = {}

local MOST = 1 << 20 -- bytes that wait
local PIECE = 32 * 1024 -- bytes of one attempt
local PAUSE, MOMENT = 0.01, 0.05 -- seconds: between two attempts; for the last one

local waiting = {} -- the queues that have lines

local function new(fd, tell) return { fd = fd, tell = tell, first = 1, last = 0, bytes = 0, dropped = 0 } end

local function append(queue, line)
  queue.last = queue.last + 1
  queue[queue.last] = line
  queue.bytes = queue.bytes + #line
end

--- Takes lines from the front, as many as are written at once.
local function take(queue)
  local texts, size = {}, 0
  while queue.first <= queue.last and size < PIECE do
    texts[#texts + 1] = queue[queue.first]
    size = size + #queue[queue.first]
    queue[queue.first] = nil
    queue.first = queue.first + 1
  end
  queue.bytes = queue.bytes - size
  return table.concat(texts)
end

local function put_back(queue, rest)
  queue.first = queue.first - 1
  queue[queue.first] = rest
  queue.bytes = queue.bytes + #rest
end

--- Writes what finds room. Returns whether that was all.
local function flush(queue, patience)
  while queue.bytes > 0 do
    local text = take(queue)
    local written = core.say(text, patience, queue.fd)
    if written < #text then
      put_back(queue, text:sub(written + 1))
      return false
    end
  end
  if queue.dropped > 0 then queue.tell(queue.dropped) end
  queue.first, queue.last, queue.dropped = 1, 0, 0
  return true
end

local function flush_later(queue)
  if waiting[queue] then return end
  waiting[queue] = core.system_task(core.context.root(), function()
    repeat core.sleep(PAUSE) until flush(queue, 0)
    waiting[queue] = nil
  end)
end

--- Makes a function that writes a line to the descriptor. `tell(n)` says later that n lines were dropped, and `tell()`
-- at once that one is.
function lines.writer(fd, tell)
  local queue = new(fd, tell)
  return function(line)
    if queue.bytes + #line > MOST then
      if queue.dropped == 0 then tell() end
      queue.dropped = queue.dropped + 1
      return
    end
    append(queue, line)
    if not waiting[queue] and not flush(queue, 0) then flush_later(queue) end
  end
end

--- The run ends: writes what waits, within a moment.
function lines.conclude()
  for queue in pairs(waiting) do
    waiting[queue] = nil
    flush(queue, MOMENT)
    if queue.bytes > 0 then
      local left = queue.last - queue.first + 1 + queue.dropped
      queue.first, queue.last, queue.bytes, queue.dropped = 1, 0, 0, 0
      queue.tell(left)
    end
  end
end

return lines
