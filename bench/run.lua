--- Measures all servers of all works, round by round, and prints how they compare.
--
--   lua5.4 bench/run.lua [option]...
--     --rounds N       how often (5)
--     --seconds S      of measurement, each time (0.3)
--     --warm S         before it (0.1)
--     --only TEXT      the works whose names contain it; may be repeated
--     --servers TEXT   the servers whose names contain it, and the references; may be repeated
--     --page FILE      writes the tables into this page too, and a plot beside it
--     --again          only prints the results of the last run
--
-- In each round every server of every work is started afresh, warmed up, measured and ended, in an
-- order drawn anew: whatever slows the machine down for a while meets them all alike. A measurement during
-- which the hypervisor gave much of the processors to others is repeated. Ratios are taken within a round, and
-- their medians shown. A measurement that fails is left out, and told at the end.
--
-- SKETCH in the environment is a folder with a proto.c and a server.lua: a sketch of a server, which is measured too.

package.path = "bench/?.lua;" .. package.path
local machine = require "machine"
local page = require "page"
local report = require "report"
local results = require "results"
local works = require "works"

local RESULTS = (os.getenv "LASTCALL_BUILD" or "build") .. "/bench/results.tsv"

local options = { rounds = 5, seconds = 0.3, warm = 0.1, only = {}, servers = {}, page = false, again = false }

local function say(...) io.stderr:write(string.format(...), "\n") end

local function misused(what)
  say("bench: what is this: %s\nusage: see bench/run.lua", what)
  os.exit(2)
end

local function read_command_line()
  local i = 1
  while arg[i] do
    local name, value = arg[i]:match "^%-%-(%l+)$", arg[i + 1]
    local kind = type(options[name])
    if name == "again" then options.again, i = true, i - 1
    elseif kind == "number" then options[name] = tonumber(value) or misused(arg[i])
    elseif kind == "table" then table.insert(options[name], value or misused(arg[i]))
    elseif name == "page" then options.page = value or misused(arg[i])
    else misused(arg[i]) end
    i = i + 2
  end
end

--- Whether the list is empty, or one of its texts is in the name.
local function is_wanted(name, texts)
  for _, text in ipairs(texts) do
    if name:find(text, 1, true) then return true end
  end
  return #texts == 0
end

-- --- who is here ---------------------------------------------------------------------------------

local function succeeds(command) return (os.execute(command .. " >/dev/null 2>&1")) end

--- Why a server cannot be measured here; nil when it can.
local function hindrance(server)
  if server.lacks then return server.lacks
  elseif server.file and not succeeds("test -x " .. server.file) then
    return ("%s was not built, for want of %s"):format(server.file, server.from)
  elseif server.runner and not succeeds("command -v " .. server.runner) then
    return ("there is no %s here"):format(server.runner)
  elseif server.module and not succeeds(("%s -e 'require \"%s\"'"):format(server.runner, server.module)) then
    return ("%s finds no module %s"):format(server.runner, server.module)
  end
end

--- Those of the servers of a work that are wanted and here; says once who is not, and why.
local told = {}
local function servers_of(work)
  local here = {}
  for _, name in ipairs(work.servers) do
    local wanted = name:find "^raw C" or is_wanted(name, options.servers)
    local why = wanted and hindrance(works.servers[name])
    if why and not told[name] then say("without %s: %s", name, why) end
    told[name] = true
    if wanted and not why then here[#here + 1] = name end
  end
  return here
end

-- --- measuring -----------------------------------------------------------------------------------

local failures = {}

local ENDED_BY_SIGTERM = 15 -- a rival that has no other end

--- The figures of one measurement; nil when it failed.
local function measure(work, server)
  local command = ("timeout 100 %s --seconds %g --warm %g %s %s -- %s"):format(
    works.load, options.seconds, options.warm, work.load, server.load or "", server.command)
  local pipe = assert(io.popen(command))
  local said = pipe:read "a"
  local fine = pipe:close()
  local figures = {}
  for name, number in said:gmatch "([%w_]+)=([-%d.e+]+)" do figures[name] = tonumber(number) end
  fine = fine and (figures.status == 0 or figures.status == ENDED_BY_SIGTERM)
    and (figures.failed or 0) == 0 and (figures.lost or 0) == 0
  if fine then return figures end
  failures[#failures + 1] = ("%s\n  %s"):format(command, said)
end

local STOLEN_AT_MOST = 0.03 -- of the processors' time: what a measurement may lack without being repeated
local TRIES = 4
local spare -- repetitions that are left: with all of them a run takes half as long again

--- The same, of the try that was disturbed least, with the share that was stolen from it.
local function measure_undisturbed(work, server)
  local best
  for _ = 1, TRIES do
    local all, stolen = machine.processor_time()
    local figures = measure(work, server)
    if not figures then return best end
    local all_now, stolen_now = machine.processor_time()
    figures.stolen = (stolen_now - stolen) / math.max(all_now - all, 1)
    if not best or figures.stolen < best.stolen then best = figures end
    if best.stolen <= STOLEN_AT_MOST or spare == 0 then break end
    spare = spare - 1
  end
  return best
end

local function shuffled(list)
  local copy = table.move(list, 1, #list, 1, {})
  for i = #copy, 2, -1 do
    local j = math.random(i)
    copy[i], copy[j] = copy[j], copy[i]
  end
  return copy
end

local function measure_work(work, round, found)
  for _, name in ipairs(shuffled(work.here)) do
    local figures = measure_undisturbed(work, works.servers[name])
    if figures then found:add(work.name, name, round, figures) end
  end
end

local function measure_all(chosen, found)
  local began = os.time()
  spare = 0
  for _, work in ipairs(chosen) do spare = spare + #work.here * options.rounds // (2 * (work.every or 1)) end
  for round = 1, options.rounds do
    for _, work in ipairs(chosen) do
      if (round - 1) % (work.every or 1) == 0 then measure_work(work, round, found) end
    end
    local elapsed = os.time() - began
    say("round %d of %d, %d s, %d s to go", round, options.rounds, elapsed, elapsed // round * (options.rounds - round))
  end
end

local function choose()
  local chosen = {}
  for _, work in ipairs(works.works) do
    work.here = is_wanted(work.name, options.only) and servers_of(work) or {}
    if #work.here > 0 then chosen[#chosen + 1] = work end
  end
  return chosen
end

local function run_anew()
  local found = results.create(RESULTS, page.heading(options))
  measure_all(choose(), found)
  return found
end

read_command_line()
local found = options.again and results.load(RESULTS) or run_anew()
if options.page then page.write(options.page, found, works.works) end
report.write(io.stdout, found, works.works)
for _, failure in ipairs(failures) do say("FAILED %s", failure) end
os.exit(#failures == 0)
