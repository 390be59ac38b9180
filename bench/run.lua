--- Measures all servers of all works, round by round, and prints how they compare.
--
--   lua5.4 bench/run.lua [--rounds N] [--seconds S] [--only TEXT]...
--
-- In each round every server of every work is started afresh, warmed up, measured and ended, in an
-- order drawn anew: whatever slows the machine down for a while meets them all alike. Ratios are taken
-- within a round, and their medians shown. --only: the works whose names contain the text.

package.path = "bench/?.lua;" .. package.path
local report = require "report"
local works = require "works"

local options = { rounds = 7, seconds = 0.3, warm = 0.1, only = {} }

local function read_command_line()
  local i = 1
  while arg[i] do
    local name, value = arg[i]:match "^%-%-(%a+)$", arg[i + 1]
    if name == "only" and value then options.only[#options.only + 1] = value
    elseif name and tonumber(value) and type(options[name]) == "number" then options[name] = tonumber(value)
    else
      io.stderr:write("usage: lua5.4 bench/run.lua [--rounds N] [--seconds S] [--warm S] [--only TEXT]...\n")
      os.exit(2)
    end
    i = i + 2
  end
end

local function is_wanted(work)
  for _, text in ipairs(options.only) do
    if work.name:find(text, 1, true) then return true end
  end
  return #options.only == 0
end

--- Why a server cannot be measured here; nil when it can.
local function hindrance(server)
  if server.file then
    local file = io.open(server.file)
    if not file then return ("%s is not there: it needs %s"):format(server.file, server.needs or "make") end
    file:close()
  end
end

local function measure(work, server)
  local command = ("%s %s --warm %g --seconds %g -- %s"):format(
    works.load, work.load, options.warm, options.seconds, server.command)
  local pipe = assert(io.popen(command))
  local said = pipe:read "a"
  local fine = pipe:close()
  local figures = {}
  for name, number in said:gmatch "([%w_]+)=([-%d.e+]+)" do figures[name] = tonumber(number) end
  if not fine or figures.status ~= 0 or figures.failed ~= 0 then
    error(("this did not go well:\n  %s\n  %s"):format(command, said), 0)
  end
  return figures
end

local function shuffled(list)
  local copy = table.move(list, 1, #list, 1, {})
  for i = #copy, 2, -1 do
    local j = math.random(i)
    copy[i], copy[j] = copy[j], copy[i]
  end
  return copy
end

--- Every work's results: server name -> figure name -> list by round.
local function run_all(chosen)
  local began = os.time()
  for round = 1, options.rounds do
    io.stderr:write(("round %d of %d, %d s so far\n"):format(round, options.rounds, os.time() - began))
    for _, work in ipairs(chosen) do
      for _, name in ipairs(shuffled(work.here)) do
        for figure, value in pairs(measure(work, works.servers[name])) do
          local of_server = work.results[name]
          of_server[figure] = of_server[figure] or {}
          of_server[figure][round] = value
        end
      end
    end
  end
end

--- The works that are wanted, each with the servers that are here; says which are not, and why.
local function choose()
  local chosen, told = {}, {}
  for _, work in ipairs(works.works) do
    work.here, work.results = {}, {}
    for _, name in ipairs(is_wanted(work) and work.servers or {}) do
      local why = hindrance(works.servers[name])
      if not why then
        table.insert(work.here, name)
        work.results[name] = {}
      elseif not told[name] then
        told[name] = true
        io.stderr:write(("without %s: %s\n"):format(name, why))
      end
    end
    if #work.here > 0 then chosen[#chosen + 1] = work end
  end
  return chosen
end

read_command_line()
local chosen = choose()
run_all(chosen)
report.print(chosen, options)
