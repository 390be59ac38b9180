--- How a listener's stop goes on this machine, where a filter may deny what makes it lossless, and what
-- a report says then.

local stopping = {}

local function denied_hiding()
  local why = require "lastcall".features.hide_error
  return why and "no listener can be hidden here: " .. why
end

local function denied_counting()
  local why = require "lastcall".features.sock_diag_error
  return why and "handshakes cannot be counted here: " .. why
end

local function denied_steering()
  local fine, why = require("spec_system").can_steer()
  return not fine and "no group can be steered here: " .. why
end

--- How a TCP listener of ours alone is stopped here: the method, whether it is lossless, or whether that is not
-- known, for how many seconds it settles, what the report says of the loss, and the event the log is told.
function stopping.here()
  if denied_hiding() then
    return { method = "accept-close", lossless = false, unknown = false, settles = 0,
      says = "not lossless", event = "stop degraded" }
  elseif denied_counting() then
    return { method = "hide", lossless = false, unknown = true, settles = 1,
      says = "not known whether somebody was lost", event = "stop unseen" }
  end
  return { method = "hide", lossless = true, unknown = false, settles = 0.1, says = "nobody lost" }
end

local function need(pending, why)
  if why then pending(why) end
end

--- Each of these skips the spec, by the `pending` of its own `it`, where this is denied; with the reason.
function stopping.needs_hiding(pending) need(pending, denied_hiding()) end

function stopping.needs_steering(pending) need(pending, denied_steering()) end

function stopping.needs_lossless(pending) need(pending, denied_hiding() or denied_counting()) end

--- How one of a SO_REUSEPORT group stops that knows its place.
function stopping.method_in_group() return denied_steering() and "hide" or "steer" end

-- Each must be 0 in a clean report.
local CUTS = {
  "canceled", "killed", "reset_by_us", "undelivered_bytes", "failed_flushes", "late",
  "tasks_canceled", "tasks_left", "work_left",
}

--- The report is clean; where a stop cannot be lossless here, but for that.
function stopping.assert_clean(report)
  local here, text = stopping.here(), tostring(report)
  if here.lossless or report.lossless then return assert(report.clean, text) end
  for _, one in ipairs(report.stop) do
    assert(one.lossless or one.method == here.method and one.unknown == here.unknown, text)
  end
  for _, count in ipairs(CUTS) do assert(report[count] == 0, text) end
  assert(report.ok and not report.clean, text)
end

-- What the sentences of a clean report do not say of any.
local CUT_WORDS = {
  "canceled", "killed", "reset by us", "bytes? undelivered", "late", "tasks? had to be ended by force",
  "work guards? held",
}

--- The same of the report that a program printed, or of so many of its processes.
function stopping.assert_says_clean(output, processes)
  local here = stopping.here()
  local _, clean = output:gsub("shutdown ok in [%d.]+ s, clean\n", "")
  if clean == (processes or 1) then return end
  assert(not here.lossless, output)
  local _, fine = output:gsub("shutdown ok in [%d.]+ s\n", "")
  assert(fine == (processes or 1) and output:find(here.says, 1, true), output)
  for _, word in ipairs(CUT_WORDS) do assert(not output:find("%f[%d][1-9]%d* " .. word), output) end
end

return stopping
