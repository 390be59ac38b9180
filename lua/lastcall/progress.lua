--- The live line of a drain: its step, the connections left, the seconds left.

local census = require "lastcall.census"
local core = require "lastcall.core"
local stderr = require "lastcall.stderr"

local progress = {}

local INTERVAL = 0.1 -- seconds between two lines on a terminal

--- The drain of `servers` in a line.
function progress.line(servers)
  local step, deadline = core.ladder()
  local n = census.counts(servers)
  local left = deadline and math.max(0, deadline - core.now()) or 0
  return ("%-7s %5d idle %5d active %5d closing %6.1f s left"):format(
    step, n.idle + n.new, n.active + n.closed, n.closing, left)
end

--- Shows the drain of `servers` on stderr until the returned function is called. On a terminal it rewrites one line;
-- otherwise it writes a line whenever the numbers have changed.
function progress.show(servers)
  local live = core.is_terminal(2)
  local last
  local function show(ending)
    local text = "lastcall: " .. progress.line(servers)
    if live then
      stderr.show("\r\27[K" .. text .. (ending or ""))
    elseif text:sub(1, -15) ~= last then
      last = text:sub(1, -15)
      stderr.show(text .. "\n")
    end
  end
  local stopped = false
  local task = core.system_task(core.context.root(), function()
    while not stopped do
      show()
      core.sleep(live and INTERVAL or 2 * INTERVAL)
    end
  end)
  return function()
    stopped = true
    core.kill_task(task)
    show("\n")
  end
end

return progress
