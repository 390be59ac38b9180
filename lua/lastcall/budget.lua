--- The time that the environment leaves a process to end: LASTCALL_GRACE, in seconds. systemd has it as TimeoutStopSec,
-- Kubernetes as terminationGracePeriodSeconds; neither tells the process, so the unit or the manifest says it twice.

local readiness = require "lastcall.readiness"

local budget = {}

local current -- {timeout =, log =}: of the run under way

--- Logs a warning when the drain may take longer than the process has.
local function check(timeout, log)
  local text = os.getenv "LASTCALL_GRACE"
  if not text then return end
  local seconds = tonumber(text:match "^%s*(%d+%.?%d*)%s*s?%s*$")
  if not seconds then
    log("warning", "LASTCALL_GRACE is no number of seconds", { given = text })
  elseif timeout >= seconds then
    log("warning", "the process is killed before its drain is over", {
      drain_timeout = timeout, LASTCALL_GRACE = seconds,
      remedy = "shorten drain.timeout, or lengthen TimeoutStopSec (terminationGracePeriodSeconds) and LASTCALL_GRACE",
    })
  end
end

--- A run begins. The look comes when the process is ready: by then a script has said what its drain may take.
function budget.begin(timeout, log)
  local is_first = not current
  current = { timeout = timeout, log = log }
  if not is_first then return end
  readiness.watch(function(is_ready)
    if is_ready then check(current.timeout, current.log) end
  end)
end

--- The run is over.
function budget.forget() current = nil end

return budget
