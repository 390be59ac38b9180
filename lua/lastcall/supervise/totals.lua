--- What has become of the clients of all workers, also of those that are gone.

local totals = {}

local Totals = {}

local SUMS = { "accepted_while_stopping", "finished", "closed_idle", "canceled", "killed", "reset_by_us",
  "reset_by_peer", "undelivered_bytes", "late", "tasks_left" }
local STRAGGLERS = 100

totals.SUMS = SUMS

local function text(self)
  local lines = { ("service %s, %d workers%s"):format(self.ok and "ok" or "NOT ok", self.workers,
    self.clean and ", clean" or "") }
  lines[2] = ("  %d connections finished, %d closed idle, %d accepted while stopping"):format(self.finished,
    self.closed_idle, self.accepted_while_stopping)
  if self.canceled + self.killed + self.reset_by_us + self.undelivered_bytes + self.late > 0 then
    lines[#lines + 1] = ("  %d canceled, %d killed, %d reset by us, %d bytes undelivered, %d late"):format(
      self.canceled, self.killed, self.reset_by_us, self.undelivered_bytes, self.late)
  end
  if self.failed > 0 then lines[#lines + 1] = ("  %d workers ended badly"):format(self.failed) end
  for _, one in ipairs(self.stragglers) do lines[#lines + 1] = "  " .. one end
  return table.concat(lines, "\n")
end

Totals.__index, Totals.__tostring = Totals, text

function totals.new()
  local self = { ok = true, clean = true, workers = 0, failed = 0, stragglers = {} }
  for _, name in ipairs(SUMS) do self[name] = 0 end
  return setmetatable(self, Totals)
end

--- Takes in the words of a worker's report, "FIELD=NUMBER". `report`: that of an earlier run of its script, or nil.
function totals.reported(report, words)
  report = report or { ok = 1, clean = 1, stragglers = {} }
  local known = { ok = math.min, clean = math.min }
  for _, name in ipairs(SUMS) do known[name] = function(sum, number) return sum + number end end
  for _, word in ipairs(words) do
    local name, digits = word:match "^([%l_]+)=(%d+)$"
    local number, add = math.tointeger(digits), known[name]
    if number and add then report[name] = add(report[name] or 0, number) end
  end
  return report
end

--- The words of such a report, for another program of the master's.
function totals.words_of(report)
  local words = { "ok=" .. report.ok, "clean=" .. report.clean }
  for _, name in ipairs(SUMS) do words[#words + 1] = name .. "=" .. (report[name] or 0) end
  return table.unpack(words)
end

--- Takes in a straggler of the report.
function totals.straggled(report, words)
  if report and #report.stragglers < STRAGGLERS then table.insert(report.stragglers, words) end
end

--- One that has never served, because its build was refused, has had no client.
function totals.has_failed(worker) return worker.failed and worker.has_served or false end

--- Whether its report, if there is one, says so: "ok" or "clean".
local function has_ended(worker, how)
  if not worker.has_served then return true end
  return not worker.failed and (not worker.report or worker.report[how] == 1)
end

--- Adds a worker that has ended.
function Totals:add(worker)
  local report = worker.report
  self.workers = self.workers + 1
  if totals.has_failed(worker) then self.failed = self.failed + 1 end
  self.ok = self.ok and has_ended(worker, "ok")
  self.clean = self.clean and self.ok and has_ended(worker, "clean")
  for _, name in ipairs(SUMS) do self[name] = self[name] + (report and report[name] or 0) end
  for _, one in ipairs(report and report.stragglers or {}) do
    if #self.stragglers >= STRAGGLERS then break end
    table.insert(self.stragglers, ("worker %d (pid %d, generation %d): %s"):format(worker.index, worker.pid,
      worker.generation, one))
  end
end

--- The sums, for another program of the master's; `add_words` adds them.
function Totals:words()
  local words = { "workers=" .. self.workers, "failed=" .. self.failed, "ok=" .. (self.ok and 1 or 0),
    "clean=" .. (self.clean and 1 or 0) }
  for _, name in ipairs(SUMS) do words[#words + 1] = name .. "=" .. self[name] end
  return table.unpack(words)
end

function Totals:add_words(...)
  for _, word in ipairs { ... } do
    local name, value = word:match "^([%w_]+)=(%d+)$"
    if name == "ok" or name == "clean" then self[name] = self[name] and value == "1"
    elseif name then self[name] = self[name] + math.tointeger(value) end
  end
end

return totals
