--- The master itself is replaced: the same process runs its program anew, and the workers serve on meanwhile.
--
--     conductor: nothing else is under way --> a trial: does the program load? --> exec
--                                                    `--- no: nothing has happened
--     new program: takes over the sockets, the lines and the children, and goes on as the old one left off
--
-- What the new program has to know goes over in the environment, in the words of a worker's line. Descriptors keep
-- their numbers.

local core = require "lastcall.core"
local line = require "lastcall.supervise.line"
local process = require "lastcall.subprocess"
local systemd = require "lastcall.systemd.environment"
local totals = require "lastcall.supervise.totals"
local worker = require "lastcall.supervise.worker"

local renewal = {}

local VARIABLE, TRIAL = "LASTCALL_MASTER", "LASTCALL_TRIAL"
local TRIAL_WITHIN = 10 -- seconds
local LONGEST = 200 -- bytes of a straggler that go over: the kernel takes 128 KiB in one variable

--- Ends a process that is a trial. Called when lastcall is loaded, before the program does anything.
function renewal.end_trial()
  if os.getenv(TRIAL) then os.exit(0) end
end

--- The command line of this process.
local function command_line()
  local argv, first = {}, 0
  while arg[first - 1] do first = first - 1 end
  for i = first, #arg do argv[#argv + 1] = arg[i] end
  return argv
end

-- ------------------------------------------------------------------------------------------------- what goes over --

local function describe_listener(one, say, keep)
  if not one.fd then return end
  local generations = {}
  for number in pairs(one.generations) do generations[#generations + 1] = number end
  keep[#keep + 1] = one.fd
  say("listener", one.n, one.address, one.fd, one.device or "", one.inode or "", one.is_given and 1 or 0,
    table.concat(generations, ","))
end

local function describe_worker(master, one, say, keep)
  local stderr = core.conn_fd(one.stderr)
  keep[#keep + 1] = one.line.fd
  keep[#keep + 1] = stderr
  say("worker", one.index, one.generation, one.pid, one.state, one.line.fd, stderr, one.began, one.ready_at or "",
    one.deadline or "", master.places[one.index] == one and 1 or 0, one.line.rest)
  say("figures", one.pid, one.figures:words())
  if one.processor then say("processor", one.pid, one.processor) end
  if one.report then say("report", one.pid, totals.words_of(one.report)) end
end

--- What is known of workers that have ended.
local function describe_past(master, say)
  say("totals", master.totals:words())
  for _, one in ipairs(master.totals.stragglers) do say("straggler", one:sub(1, LONGEST)) end
  for _, words in ipairs(master.counters:words()) do say("generation", table.unpack(words)) end
end

--- The state as text, and the descriptors that belong to it.
local function describe(master)
  local lines, keep = {}, {}
  local function say(...) lines[#lines + 1] = line.encode(...) end
  say("master", master.number, master.failures, #master.places, master.proved or "")
  describe_past(master, say)
  for _, one in ipairs(systemd.sockets()) do keep[#keep + 1] = one.fd end
  for _, one in ipairs(master.listeners.list) do describe_listener(one, say, keep) end
  for _, one in ipairs(master.workers) do describe_worker(master, one, say, keep) end
  return table.concat(lines), keep
end

local function environment(text)
  local list = { VARIABLE .. "=" .. text }
  for name, value in pairs(systemd.taken()) do list[#list + 1] = name .. "=" .. value end
  for _, one in ipairs(core.environment()) do
    if not one:find("^" .. VARIABLE .. "=") then list[#list + 1] = one end
  end
  return list
end

--- Whether the program can be loaded. Returns true, or nil and the reason.
local function try(argv)
  local child, _, problem = process.new { argv = argv, setenv = { [TRIAL] = "1" }, stdout = "null", stdin = "null" }
  if not child then return nil, problem end
  local how, status = child:wait(TRIAL_WITHIN)
  if how == "exit" and status == 0 then return true end
  child:kill "KILL"
  return nil, how and "the program cannot be loaded: its trial ended with status " .. tostring(status)
    or "the trial of the program did not end"
end

--- Runs the master's program anew. Returns only when that is impossible: nil and the reason.
function renewal.renew(master)
  local argv = command_line()
  local fine, reason = try(argv)
  if not fine then return nil, reason end
  if master:is_stopping() then return nil, "the service is stopped" end
  local text, keep = describe(master)
  master.log("info", "the master is replaced", { generation = master.number, workers = #master.workers })
  io.stdout:flush()
  local _, _, problem = core.replace_program(argv, environment(text), keep)
  return nil, problem
end

-- -------------------------------------------------------------------------------------------------- taking over --

local takes = {}

function takes.master(master, words)
  master.number, master.failures = math.tointeger(words[2]), math.tointeger(words[3])
  master.count, master.proved = math.tointeger(words[4]), words[5] ~= "" and words[5] or nil
end

function takes.totals(master, words) master.totals:add_words(table.unpack(words, 2)) end

function takes.straggler(master, words) table.insert(master.totals.stragglers, words[2]) end

function takes.generation(master, words) master.counters:take_words(table.unpack(words, 2)) end

local function worker_of(master, pid)
  for _, one in ipairs(master.workers) do
    if one.pid == math.tointeger(pid) then return one end
  end
end

function takes.figures(master, words)
  local one = worker_of(master, words[2])
  if one then one.figures:take(table.unpack(words, 3)) end
end

function takes.processor(master, words)
  local one = worker_of(master, words[2])
  if one then one.processor = math.tointeger(words[3]) end
end

function takes.report(master, words)
  local one = worker_of(master, words[2])
  if one then one.report = totals.reported(nil, table.pack(table.unpack(words, 3))) end
end

function takes.listener(master, words)
  local generations = {}
  for number in words[8]:gmatch "%d+" do generations[math.tointeger(number)] = true end
  core.keep_from_children(math.tointeger(words[4]))
  master.listeners:take_over {
    n = math.tointeger(words[2]), address = words[3], fd = math.tointeger(words[4]), device = math.tointeger(words[5]),
    inode = math.tointeger(words[6]), is_given = words[7] == "1", generations = generations,
  }
end

function takes.worker(master, words)
  local one = worker.take_over(master, {
    index = math.tointeger(words[2]), generation = math.tointeger(words[3]), pid = math.tointeger(words[4]),
    state = words[5], line = math.tointeger(words[6]), stderr = math.tointeger(words[7]), began = tonumber(words[8]),
    ready_at = tonumber(words[9]), deadline = tonumber(words[10]), rest = words[12],
  })
  if words[11] == "1" then master.places[one.index] = one end
end

--- Whether an earlier program of this process has left a service.
function renewal.is_due() return os.getenv(VARIABLE) ~= nil end

--- Goes on where the earlier program left off.
function renewal.take_over(master)
  local text = os.getenv(VARIABLE)
  core.forget_variable(VARIABLE)
  for one in text:gmatch "[^\n]+" do
    local words = line.decode(one)
    if takes[words[1]] then takes[words[1]](master, words) end -- the other may be of another version
  end
  for place = 1, master.count do -- a worker may have ended since, or had a pause before it
    if not master.places[place] then master:fill(place, master.number) end
  end
end

return renewal
