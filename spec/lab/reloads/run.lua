--- Reloads servers under a storm of clients, and prints a row for each: spec/lab/reloads.sh runs it.
--
--   run.lua ROOM [NAME=VALUE...]
--
-- Each row is one server at one place. The first ten reloads have a quiet stretch before each: what 99 of 100 clients
-- take at most is compared between the two.

package.path = "spec/lab/reloads/?.lua;" .. package.path
local clients = require "clients"
local kinds = require "kinds"
local lastcall = require "lastcall"
local machine = require "machine"
local subject = require "subject"

local COMPARED = 10  -- reloads with a quiet stretch beside them
local BAR = 20       -- ms that the slowest 1 % may take longer during reloads
local GROWTH = 2^16  -- bytes that a master's memory in use may grow by

local room = arg[1]
local options = { reloads = 1000, rivals = 50, rate = 800, keepalive = 100, stretch = 1, only = "" }
for i = 2, #arg do
  local name, value = arg[i]:match "^(%l+)=(.*)$"
  options[name] = math.type(options[name]) and tonumber(value) or value
end

-- The kernel does not give this port away, and no other process has this address.
local pid = math.tointeger(machine.contents "/proc/self/stat":match "^%d+")
local near = ("127.%d.%d.%d:7099"):format(64 + pid // 65536 % 128, pid // 256 % 256, pid % 254 + 1)
local left, right = os.getenv "LAB_LEFT", os.getenv "LAB_RIGHT"
local function inside(namespace) return namespace and { "ip", "netns", "exec", namespace } or {} end

local places = {
  { name = "TCP, loopback", address = near, server = {}, clients = {} },
  { name = "TCP, RTT 40 ms", address = "10.77.0.1:7099", server = inside(left), clients = inside(right),
    missing = not left and os.getenv "LAB_MISSING" },
  { name = "unix", address = ("unix:%s/socket"):format(room), server = {}, clients = {}, ours_only = true },
}

-- --- one row ---------------------------------------------------------------------------------------

local shows_progress = os.execute "test -t 2"
local function progress(...)
  if shows_progress then io.stderr:write("\r\27[K", string.format(...)) end
end

local function median(list)
  table.sort(list)
  local half = #list // 2
  return #list % 2 == 1 and list[half + 1] or #list > 0 and (list[half] + list[half + 1]) / 2 or nil
end

--- Reloads so often. Returns the windows of time: quiet ones and those of reloads in turn.
local function reload_often(one, count, told)
  local windows = {}
  local function window(body)
    local from = lastcall.now()
    body()
    lastcall.sleep(math.max(0, from + options.stretch - lastcall.now()))
    windows[#windows + 1] = { from = from, to = lastcall.now() }
  end
  for i = 1, count do
    progress("%s: %d of %d", told, i, count)
    if i <= COMPARED then
      window(function() end)
      window(function() one:reload() end)
    else
      one:reload()
    end
  end
  return windows
end

local function harm(counts)
  return counts.lost + counts.truncated + counts.garbled + counts.unfinished + counts.hanging + counts.other
end

--- What must be as it was; nil when it is.
local function changed(before, after)
  local list = {}
  for _, name in ipairs { "descriptors", "processes" } do
    if before[name] ~= after[name] then list[#list + 1] = ("%s %d, then %d"):format(name, before[name], after[name]) end
  end
  if after.memory - before.memory > GROWTH then
    list[#list + 1] = ("memory %+.1f KiB"):format((after.memory - before.memory) / 1024)
  end
  return list[1] and table.concat(list, ", ")
end

local function measure(kind, place, count, told)
  local one <close> = subject.start(kind, place.server, room .. "/log")
  clients.wait_for(place.address, place.clients)
  one:reload()
  local before = one:figures()
  local storm <close> = clients.start(place.address, place.clients, options, room)
  local windows = reload_often(one, count, told)
  local counts = storm:finish()
  local quiet, busy = {}, {}
  for i, p99 in ipairs(storm:percentiles(windows)) do table.insert(i % 2 == 1 and quiet or busy, p99) end
  local after = one:figures()
  return { storm = counts.storm, keepalive = counts.keepalive, quiet = median(quiet), busy = median(busy),
    changed = changed(before, after), memory = after.memory - before.memory }
end

-- --- the table -------------------------------------------------------------------------------------

local ROW = "%-24s %-15s %7s %9s %6s %8s %6s %9s %7s %9s %9s"
local function row(...) print((ROW:format(...))) end
local function ms(value) return value and ("%.1f ms"):format(value) or "-" end

local failed, grown = 0, 0
local function fail(...)
  failed = failed + 1
  print("  " .. string.format(...))
end

local function judge(seen)
  local storm, keepalive = seen.storm, seen.keepalive
  if harm(storm) + storm.refused > 0 then fail "clients were lost or refused" end
  if storm["local"] + keepalive["local"] > 0 then fail "this host had no ports or descriptors for some clients" end
  grown = math.max(grown, seen.memory)
  if seen.changed then fail("the master is not as it was: %s", seen.changed) end
  if seen.busy and seen.quiet and seen.busy - seen.quiet > BAR then
    print(("  the slowest 1 %% take more than %d ms longer during reloads"):format(BAR))
  end
end

local function add_row(kind, place, count)
  local told = kind.name .. ", " .. place.name
  if not told:find(options.only, 1, true) or count == 0 then return end
  local started, reason
  if place.missing then reason = place.missing else started, reason = kind.at(place.address, room) end
  if not started then return print(("%-24s %-15s skipped: %s"):format(kind.name, place.name, reason)) end
  local fine, seen = pcall(measure, started, place, count, told)
  progress ""
  if not fine then return fail("%s: %s", told, seen) end
  local storm, keepalive = seen.storm, seen.keepalive
  row(kind.name, place.name, count, storm.connected, harm(storm), storm.refused, storm.delayed, keepalive.requests,
    harm(keepalive) + keepalive.refused, ms(seen.quiet), ms(seen.busy))
  if kind.is_ours then judge(seen) end
end

lastcall.run(function()
  print(("%d connects a second, %d keep-alive clients"):format(options.rate, options.keepalive))
  row("server", "where", "reloads", "connects", "lost", "refused", "late", "requests", "errors", "p99 quiet",
    "reloading")
  local parts = #places * #kinds.ours
  local left_over = options.reloads % parts
  for i, place in ipairs(places) do
    for j, kind in ipairs(kinds.ours) do
      local number = (i - 1) * #kinds.ours + j
      add_row(kind, place, options.reloads // parts + (number <= left_over and 1 or 0))
    end
  end
  for _, kind in ipairs(kinds.rivals) do
    for _, place in ipairs(places) do
      if not place.ours_only then add_row(kind, place, options.rivals) end
    end
  end
  print(("lastcall's masters: memory in use grew by %.1f KiB at most"):format(grown / 1024))
  print "late: served after more than 0.9 s"
  print "errors: requests on kept connections without a reply, and connects of theirs that were refused"
  print(("p99: what 99 of 100 new clients took at most; lastcall's bar is %d ms more during reloads"):format(BAR))
end, { log = function() end }) -- looking at processes holds the loop, which serves nobody
os.exit(failed == 0)
