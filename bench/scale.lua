--- One machine's end: idle connections, ten times as many in each step, 64 more that are served, then one
-- SIGTERM for all of them. What each costs has to stay what it was.
--
--   lua5.4 bench/scale.lua [MOST]        up to so many connections (1000000)
--
-- Prints a table, and keeps it for doc/benchmarks.md (bench/page.lua).
-- One process has as many as its limit of descriptors allows; more are held by several of one script
-- (examples/prefork.lua). Both sides share the machine's processors. Handlers begin with the first byte.

package.path = "bench/?.lua;" .. package.path
local machine = require "machine"

local most = tonumber(arg[1] or 1000000)
local build = os.getenv "LASTCALL_BUILD" or "build"
local load = build .. "/bench/load"

local DESCRIPTORS = machine.descriptors()
local RESERVE = 100                     -- descriptors of a process that are not connections
local SHARE = DESCRIPTORS - 12 * RESERVE -- of one process among several: the kernel deals unevenly
local BYTES_EACH = 13.5 * 1024          -- both ends in the kernel, ours in user space, and some
local DRAIN = 110                       -- seconds

--- name of the figure, heading, format
local COLUMNS = {
  { "processes", "processes", "%.0f" },
  { "accept_cpu", "µs to accept", "%.1f" },
  { "first_cpu", "µs for the first request", "%.1f" },
  { "request_cpu", "µs for a request", "%.1f" },
  { "close_cpu", "µs to close", "%.1f" },
  { "timer_cpu", "µs a timer", "%.2f" },
  { "memory", "bytes each", "%.0f" },
  { "longest_turn", "longest turn, ms", "%.1f" },
  { "rate", "requests a second of 64 active", "%.0f" },
  { "p99", "their p99, µs", "%.0f" },
  { "accept_seconds", "s to connect all", "%.2f" },
  { "eof", "ms until the last is closed", "%.0f" },
  { "exit", "ms until exit", "%.0f" },
  { "lost", "lost", "%.0f" },
}

local function read_figures(command)
  local pipe = assert(io.popen(command))
  local said = pipe:read "a"
  local fine = pipe:close()
  local figures = {}
  for name, number in said:gmatch "([%w_]+)=([-%d.e+]+)" do figures[name] = tonumber(number) end
  return figures, fine and (figures.status or 0) == 0, said
end

local function server_for(count)
  if count <= DESCRIPTORS - RESERVE then return "lua5.4 bench/rivals/lastcall.lua lines data", 1 end
  local processes = math.ceil(count / SHARE)
  return ("lua5.4 examples/prefork.lua 127.0.0.1:0 %d data %d"):format(processes, DRAIN), processes
end

local function measure(count)
  local server, processes = server_for(count)
  local figures, fine, said = read_figures(([[timeout 400 %s --idle %d --connections 64 --seconds 2 --settle 1 %s \
    --server-cpu -1 --load-cpu -1 -- %s]]):format(load, count, processes == 1 and "--mark" or "", server))
  if not fine then io.stderr:write(("FAILED with %d connections: %s\n"):format(count, said)) end
  figures.processes = processes
  figures.timer_cpu = read_figures("timeout 100 lua5.4 bench/tasks/timers.lua " .. count).timer_cpu
  return figures, fine and figures.lost == 0
end

local kept = assert(io.open(build .. "/bench/scale.md", "w"))
kept:setvbuf "line"

local function say(...)
  local line = string.format(...)
  print(line)
  kept:write(line, "\n")
end

local function print_row(count, figures)
  local cells = { machine.thousands(count) }
  for _, column in ipairs(COLUMNS) do
    local value = figures[column[1]]
    cells[#cells + 1] = value and column[3]:format(value) or ""
  end
  say("| %s |", table.concat(cells, " | "))
end

local function print_heading()
  local cells = { "connections" }
  for _, column in ipairs(COLUMNS) do cells[#cells + 1] = column[2] end
  say("%s.\n", machine.describe())
  say("| %s |\n%s|", table.concat(cells, " | "), ("|---"):rep(#cells))
end

print_heading()
local all_fine = true
local counts = { 1000, 10000, 100000, 1000000 }
if DESCRIPTORS < 100000 then table.insert(counts, 3, DESCRIPTORS - RESERVE) end -- the end of one process
for _, count in ipairs(counts) do
  local needed, free = count * BYTES_EACH, machine.free_memory()
  if needed > free then
    say("\n%s connections take some %.1f GiB of memory; %.1f are free.",
      machine.thousands(count), needed / 2 ^ 30, free / 2 ^ 30)
  elseif 2.1 * count > machine.open_files() then
    say("\n%s connections take more open files than the system permits (fs.file-max).", machine.thousands(count))
  elseif count <= most then
    local figures, fine = measure(count)
    print_row(count, figures)
    all_fine = all_fine and fine
  end
end
os.exit(all_fine)
