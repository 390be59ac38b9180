--- The results of a run: kept in a file as they come, so that a report can be made of them again.
--
-- One line for each figure: work, server, round, name, value, with tabs between. results[work][server]
-- is then a table from the figure's name to its values by round.

local results = {}
results.__index = results

local function put(all, work, server, round, figure, value)
  all[work] = all[work] or {}
  local of_work = all[work]
  of_work[server] = of_work[server] or {}
  local of_server = of_work[server]
  of_server[figure] = of_server[figure] or {}
  of_server[figure][round] = value
end

--- A new, empty file. The first line says what was measured, and how.
function results.create(path, heading)
  local file = assert(io.open(path, "w"))
  file:setvbuf "line"
  file:write(heading, "\n")
  return setmetatable({ heading = heading, rounds = 0, all = {}, file = file }, results)
end

function results.load(path)
  local file = assert(io.open(path))
  local self = setmetatable({ heading = file:read "l", rounds = 0, all = {} }, results)
  for line in file:lines() do
    local work, server, round, figure, value = line:match "^(.-)\t(.-)\t(.-)\t(.-)\t(.-)$"
    put(self.all, work, server, tonumber(round), figure, tonumber(value))
    self.rounds = math.max(self.rounds, tonumber(round))
  end
  file:close()
  return self
end

function results:add(work, server, round, figures)
  self.rounds = math.max(self.rounds, round)
  for figure, value in pairs(figures) do
    put(self.all, work, server, round, figure, value)
    self.file:write(table.concat({ work, server, round, figure, ("%.10g"):format(value) }, "\t"), "\n")
  end
end

--- The values of a figure by round; nil when there are none.
function results:values(work, server, figure)
  local of_work = self.all[work]
  local of_server = of_work and of_work[server]
  return of_server and of_server[figure]
end

return results
