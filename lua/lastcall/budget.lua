--- The time that the environment leaves a process to end: LASTCALL_GRACE, in seconds. systemd has it as TimeoutStopSec,
-- Kubernetes as terminationGracePeriodSeconds; neither tells the process, so the unit or the manifest says it twice.

local budget = {}

--- Logs a warning when the drain may take longer than the process has.
function budget.check(timeout, log)
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

return budget
