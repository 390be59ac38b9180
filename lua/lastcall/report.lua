--- The report of a shutdown, in numbers and, by tostring, in sentences.

local log = require "lastcall.log"

local report = {}

local COUNTS = {
  "accepted_while_stopping", "finished", "closed_idle", "canceled", "killed", "reset_by_us",
  "reset_by_peer", "undelivered_bytes", "failed_flushes", "detached", "held_back", "stopped_earlier", "late",
}
local CUT_COUNTS = { "tasks_canceled", "tasks_left", "work_left", "stragglers_unlisted" }

local LATE_PEERS = 100 -- listed
local STRAGGLERS = 100 -- listed connections of each fate, and tasks
local TICK = 0.1 -- seconds: the scheduler may wake the process that much after the deadline

local meta = { __name = "lastcall.report", __metatable = "lastcall.report" }

local function count_of(n, one, many)
  return ("%d %s"):format(n, n == 1 and one or many or one .. "s")
end

local function is_ours(where)
  local name = where:match("lastcall[/\\]([%w_/\\]+)%.lua:%d+$")
  return name ~= nil and package.loaded["lastcall." .. name:gsub("[/\\]", ".")] ~= nil
end

--- The line of the script where a traceback's task was: the first level that is neither C nor lastcall; if there is
-- none, the first that is not C.
function report.place(traceback)
  local first, first_rest
  for line in (traceback or ""):gmatch("[^\n]+") do
    local where, rest = line:match("^%s+([^%[][^:]*:%d+): ?(.*)$")
    if where and not is_ours(where) then return where, rest end
    if not first then first, first_rest = where, rest end
  end
  return first, first_rest
end

--- The outermost line of the script in a traceback.
local function outermost(traceback)
  local last
  for line in (traceback or ""):gmatch("[^\n]+") do
    local where = line:match("^%s+([^%[][^:]*:%d+):")
    if where and not is_ours(where) then last = where end
  end
  return last
end

--- A text about the output that has not arrived at the peer, as far as is known; nil when everything has.
function report.owed(one)
  if not one.unsent then return nil end
  if not one.unacked then return ("%d bytes unsent, others not read by the peer"):format(one.unsent) end
  if one.unsent + one.unacked == 0 then return nil end
  return ("%d bytes unsent, %d unacknowledged"):format(one.unsent, one.unacked)
end

--- A request of HTTP, by its name, its client, and how long it has been at work; nil when there is none. With the
-- place and the wait of its task, where they are known.
function report.request_of(one, where, waits_for, waited)
  if not one.request then return nil end
  local text = ("%s from %s, %.1f s in handler"):format(one.request, one.peer, one.in_handler)
  if where then text = ("%s at %s"):format(text, where) end
  if not waits_for then return text end
  return ("%s, waiting for %s%s"):format(text, waits_for, waited and (" (%.1f s)"):format(waited) or "")
end

local function fate_of(one)
  if not one.fate then return ("%.1f s old"):format(one.age) end
  return ("%s after %.1f s%s"):format(one.fate, one.age, one.cause and (" (%s)"):format(one.cause) or "")
end

--- Where its task is. The name of a request has its place and its wait already.
local function add_place(parts, one, where, what)
  local outer = outermost(one.traceback)
  if not one.request then
    parts[#parts + 1] = ("held in %s at %s%s"):format(one.waits_for or "Lua", where,
      what ~= "" and (" (%s)"):format(what) or "")
  end
  if outer and outer ~= where then parts[#parts + 1] = "called from " .. outer end
  if one.waited and not one.request then parts[#parts + 1] = ("waiting for %.1f s"):format(one.waited) end
end

--- The line of a straggler, or of a holder of the shutdown under way, which has no fate yet.
function report.straggler_line(one)
  local parts = {}
  if one.work then
    return ("work%s, held after %.1f s, taken at %s"):format(one.name and (" '%s'"):format(one.name) or "", one.age,
      one.taken)
  end
  local where, what = report.place(one.traceback)
  parts[1] = report.request_of(one, where, where and one.waits_for, one.waited)
  if one.task then parts[1] = ("task %d"):format(one.task)
  elseif parts[1] then parts[2] = ("connection %d, %s"):format(one.id, one.state)
  else parts[1] = ("connection %d from %s, %s"):format(one.id, one.peer, one.state) end
  parts[#parts + 1] = fate_of(one)
  if one.quiet then parts[#parts + 1] = ("silent for %.1f s"):format(one.quiet) end
  parts[#parts + 1] = report.owed(one)
  if where then add_place(parts, one, where, what) end
  return table.concat(parts, ", ")
end

local function loss_of(one)
  if one.lossless then return "nobody lost" end
  return one.unknown and "not known whether somebody was lost" or "not lossless"
end

local function say_stops(self, say)
  for _, one in ipairs(self.stop) do
    say("stopped %s by %s in %.2f s, %s", one.address, one.method or "nothing", one.settled, loss_of(one))
  end
  if self.stopped_earlier > 0 then say("%s stopped before", count_of(self.stopped_earlier, "address", "addresses")) end
end

local function say_counts(self, say)
  say("%s finished, %d closed idle, %d accepted while stopping",
    count_of(self.finished, "connection"), self.closed_idle, self.accepted_while_stopping)
  if self.canceled + self.killed + self.reset_by_us + self.reset_by_peer > 0 then
    say("%d canceled, %d killed, %d reset by us, %d reset by the peer", self.canceled, self.killed,
      self.reset_by_us, self.reset_by_peer)
  end
  if self.undelivered_bytes > 0 or self.failed_flushes > 0 then
    say("%s undelivered, of %s", count_of(self.undelivered_bytes, "byte"), count_of(self.failed_flushes, "connection"))
  end
  if self.tasks_canceled > 0 then say("%s canceled", count_of(self.tasks_canceled, "task")) end
  if self.held_back > 0 then say("clients had to wait at a limit %s", count_of(self.held_back, "time")) end
  if self.work_left > 0 then say("%s held", count_of(self.work_left, "work guard")) end
  if self.tasks_left > 0 then say("%s had to be ended by force", count_of(self.tasks_left, "task")) end
  if self.detached > 0 then say("%s detached", count_of(self.detached, "connection")) end
end

local function say_late(self, say)
  if self.late == 0 then return end
  local first = self.late_peers[1]
  say("%d late: the peer sent bytes that no handler was given%s", self.late, first and
    (" (%sconnection %d from %s, %s)"):format(self.late > 1 and "first " or "", first.id, first.peer,
      count_of(first.bytes, "byte")) or "")
end

local function say_hooks(self, say)
  for _, hook in ipairs(self.hooks) do
    say("hook %s: %s in %.2f s%s", hook.name, hook.ok and "ok" or "failed", hook.elapsed,
      hook.error and (": " .. log.escaped(log.text_of(hook.error))) or "")
  end
end

function meta:__tostring()
  local lines = { ("shutdown %s in %.2f s%s"):format(self.ok and "ok" or "NOT ok", self.elapsed,
    self.clean and ", clean" or "") }
  local function say(text, ...) lines[#lines + 1] = "  " .. text:format(...) end
  say_stops(self, say)
  say_counts(self, say)
  say_late(self, say)
  say_hooks(self, say)
  for _, one in ipairs(self.stragglers) do say("%s", report.straggler_line(one)) end
  if self.stragglers_unlisted > 0 then say("and %d more stragglers", self.stragglers_unlisted) end
  return table.concat(lines, "\n")
end

local function new(began, ended)
  local self = {
    elapsed = math.max(0, ended - began), steps = {}, stop = {}, hooks = {}, stragglers = {},
    lossless = true, late_peers = {},
    listed = {}, -- how many of the stragglers, by fate and kind
  }
  for _, name in ipairs(COUNTS) do self[name] = 0 end
  for _, name in ipairs(CUT_COUNTS) do self[name] = 0 end
  return setmetatable(self, meta)
end

local function by_age(a, b)
  if a.age ~= b.age then return a.age > b.age end
  return (a.id or a.task or a.work) < (b.id or b.task or b.work)
end

local function add_straggler(self, one)
  local kind = one.fate .. (one.task and " task" or " connection")
  local listed = self.listed[kind] or 0
  if listed >= STRAGGLERS then
    self.stragglers_unlisted = self.stragglers_unlisted + 1
    return
  end
  self.listed[kind] = listed + 1
  self.stragglers[#self.stragglers + 1] = one
end

--- Adds the tasks that were cut, the guards that were held, and the stragglers of a server, or of no server.
local function add_cut(self, facts)
  for _, name in ipairs(CUT_COUNTS) do self[name] = self[name] + facts[name] end
  local oldest_first = {}
  for _, one in pairs(facts.stragglers) do oldest_first[#oldest_first + 1] = one end
  table.sort(oldest_first, by_age)
  for _, one in ipairs(oldest_first) do add_straggler(self, one) end
end

--- Adds the facts of one server.
local function add(self, facts)
  add_cut(self, facts)
  for _, name in ipairs(COUNTS) do self[name] = self[name] + facts[name] end
  self.lossless = self.lossless and facts.lossless
  for _, listener in ipairs(facts.listeners) do self.stop[#self.stop + 1] = listener end
  for _, one in ipairs(facts.late_peers) do
    if #self.late_peers < LATE_PEERS then self.late_peers[#self.late_peers + 1] = one end
  end
end

local function judge(self, timeout)
  local hooks_fine = true
  for _, hook in ipairs(self.hooks) do hooks_fine = hooks_fine and hook.ok end
  local in_time = not timeout or self.elapsed <= timeout + TICK
  self.ok = in_time and self.killed == 0 and self.tasks_left == 0 and hooks_fine
  self.clean = self.ok and self.canceled == 0 and self.tasks_canceled == 0 and self.work_left == 0
    and self.reset_by_us == 0 and self.undelivered_bytes == 0 and self.failed_flushes == 0
    and self.late == 0 and self.lossless
  table.sort(self.stragglers, by_age)
  self.listed = nil
  return self
end

local function offsets(self, steps, began)
  for name, at in pairs(steps) do self.steps[name] = math.max(0, at - began) end
end

--- Adds the facts of one more server to `total` (nil at first), when they are no longer kept one by one. The total has
-- the form of facts, and the size of those of one server.
function report.add_up(total, facts)
  total = total or new(0, 0)
  add(total, facts)
  total.stopped_earlier = total.stopped_earlier + #total.stop
  total.stop, total.listeners = {}, {}
  return total
end

--- The report of one server that is done.
function report.of_server(facts)
  local began = facts.steps.stop or 0
  local self = new(began, facts.steps.done or began)
  add(self, facts)
  offsets(self, facts.steps, began)
  return judge(self, facts.deadline and facts.deadline - began)
end

--- The report of the process: every server, the hooks, the tasks of no server.
function report.of_process(all_facts, ladder, hooks, process_facts)
  local self = new(ladder.began, ladder.ended)
  for _, facts in ipairs(all_facts) do add(self, facts) end
  offsets(self, ladder.steps, ladder.began)
  self.hooks = hooks
  add_cut(self, process_facts)
  return judge(self, ladder.timeout)
end

return report
