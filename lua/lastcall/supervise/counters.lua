--- What the workers have counted, by generation: also of workers that are gone.
--
-- A worker tells its figures when it is asked, and at the end of its run; what it says last stands. A figure never
-- falls, and one that is no count is left out.

local totals = require "lastcall.supervise.totals"

local counters = {}

local KEPT = 16 -- generations; those before are one, with the number 0
local FIGURES = { "accepted", "requests", "replies_5xx", "errors" }

counters.FIGURES = FIGURES

--- A word as a count; nil when it is none.
function counters.sane(word)
  local count = word and math.tointeger(tonumber(word))
  return count and count >= 0 and count <= 2 ^ 53 and count or nil
end

-- -------------------------------------------------------------------------------------------- those of one worker --

local Figures = {}
Figures.__index = Figures

function counters.figures()
  return setmetatable({ accepted = 0, requests = 0, replies_5xx = 0, errors = 0 }, Figures)
end

--- Takes in what a worker has said, in the order of FIGURES.
function Figures:take(...)
  for i, name in ipairs(FIGURES) do self[name] = math.max(self[name], counters.sane((select(i, ...))) or 0) end
end

--- As words, in the same order.
function Figures:words()
  local words = {}
  for i, name in ipairs(FIGURES) do words[i] = self[name] end
  return table.unpack(words)
end

--- What has been added since `before`, or since its start.
function Figures:since(before)
  local added = counters.figures()
  for _, name in ipairs(FIGURES) do added[name] = self[name] - (before and before[name] or 0) end
  return added
end

-- ------------------------------------------------------------------------------------------------ by generation --

local Counters = {}
Counters.__index = Counters

function counters.new() return setmetatable({ list = {} }, Counters) end

--- What there is to a generation. `workers` have ended, `failed` of them badly; behind the figures are the sums of the
-- reports.
local NAMES = { "workers", "failed" }
for _, name in ipairs(FIGURES) do NAMES[#NAMES + 1] = name end
for _, name in ipairs(totals.SUMS) do NAMES[#NAMES + 1] = name end

counters.NAMES = NAMES

local function new_entry(generation)
  local entry = { generation = generation }
  for _, name in ipairs(NAMES) do entry[name] = 0 end
  return entry
end

local function add(entry, other)
  for _, name in ipairs(NAMES) do entry[name] = entry[name] + (other[name] or 0) end
end

--- The entry of a generation; that of all older ones when it is too old.
local function entry_of(self, generation)
  local list, at = self.list, 1
  if generation == 0 then
    self.earlier = self.earlier or new_entry(0)
    return self.earlier
  end
  while list[at] and list[at].generation < generation do at = at + 1 end
  if list[at] and list[at].generation == generation then return list[at] end
  table.insert(list, at, new_entry(generation))
  if #list <= KEPT then return list[at] end
  local earlier = entry_of(self, 0)
  add(earlier, table.remove(list, 1))
  return at == 1 and earlier or list[at - 1]
end

--- Adds a worker that has ended.
function Counters:ended(worker)
  local entry = entry_of(self, worker.generation)
  add(entry, { workers = 1, failed = totals.has_failed(worker) and 1 or 0 })
  add(entry, worker.figures)
  add(entry, worker.report or {})
end

--- A list of all generations, the oldest first. `workers` are alive: what they have told so far counts, too.
function Counters:sums(workers)
  local copy = counters.new()
  for _, one in ipairs(self.list) do add(entry_of(copy, one.generation), one) end
  for _, one in ipairs(workers) do add(entry_of(copy, one.generation), one.figures) end
  if self.earlier then add(entry_of(copy, 0), self.earlier) end
  if copy.earlier then table.insert(copy.list, 1, copy.earlier) end
  return copy.list
end

--- As words, for another program of the master's: a list for each generation. `take_words` adds them.
function Counters:words()
  local all = {}
  for i, one in ipairs(self:sums {}) do
    all[i] = { one.generation }
    for _, name in ipairs(NAMES) do table.insert(all[i], name .. "=" .. one[name]) end
  end
  return all
end

function Counters:take_words(generation, ...)
  local known = {}
  for _, word in ipairs { ... } do
    local name, value = word:match "^([%w_]+)=(%d+)$"
    if name then known[name] = math.tointeger(value) end
  end
  add(entry_of(self, math.tointeger(generation)), known)
end

return counters
