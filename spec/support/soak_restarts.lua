-- A storm of clients while the server behind their address is restarted again and again. Usage:
-- lua soak_restarts.lua [SECONDS [CLIENTS [MIB]]], MIB that memory may grow by (4)
--
-- Two addresses: one server lives for the whole time, to see that its memory stays as it is; the other's process is
-- replaced every second or so, by one that listens before it stops (they share the port) or only after. Clients
-- ask and are answered, or reset their connection, or say nothing and leave. A client that has connected and not
-- left by itself must be answered. A client that comes between two servers may be refused, and nothing else.
-- Prints what happened; the exit status tells whether all was well.

local core = require "lastcall.core"
local lastcall = require "lastcall"

local SECONDS = tonumber(arg[1] or 120)
local CLIENTS = tonumber(arg[2] or 60)
local PATIENCE = 20 -- seconds, for an answer or for a process
local GROWTH = tonumber(arg[3] or 4) * 2 ^ 20 -- bytes that memory may have more in the end than after the first seconds

local random = math.random
local tally = { served = 0, refused = 0, left = 0, lost = 0, restarts = 0 }
local losses = {}
local failed = {}

local function lose(what, code, message)
  tally.lost = tally.lost + 1
  if #losses < 10 then losses[#losses + 1] = ("%s: %s (%s)"):format(what, code, message) end
end

-- --- processes -------------------------------------------------------------------------------------

local work = os.tmpname()
os.remove(work)
os.execute("mkdir " .. work)
local count = 0

local function contents(path)
  local file <close> = io.open(path)
  return file and file:read "a" or ""
end

local function wait_for(path, pattern)
  local until_ = lastcall.now() + PATIENCE
  while lastcall.now() < until_ do
    local found = contents(path):match(pattern)
    if found then return found end
    lastcall.sleep(0.01)
  end
  error(("%s never came: %s"):format(pattern, contents(path)), 0)
end

--- A server's process, which listens: its pid, its address, and where it writes.
local function start(address)
  count = count + 1
  local log, pid = ("%s/log%d"):format(work, count), ("%s/pid%d"):format(work, count)
  os.execute(("(lua5.4 spec/support/line_server.lua %s 10,0.3 reuseport=true >%s 2>&1 & echo $! >%s; wait $!; "
    .. "echo \"status $?\" >>%s) &"):format(address, log, pid, log))
  return { log = log, address = wait_for(log, "listening ([^\n]+)"), pid = wait_for(pid, "%d+") }
end

local function stop(server) os.execute("kill -TERM " .. server.pid) end

local function look_after(server)
  local status = wait_for(server.log, "status (%d+)")
  if status ~= "0" then failed[#failed + 1] = contents(server.log) end
end

local function resident(pid)
  return tonumber(contents(("/proc/%s/statm"):format(pid)):match "^%d+ (%d+)") * 4096
end

local function descriptors(pid)
  local pipe <close> = assert(io.popen(("ls /proc/%s/fd | wc -l"):format(pid)))
  return pipe:read "n"
end

-- --- clients ---------------------------------------------------------------------------------------

local REQUESTS = {
  function() return "echo hello", "hello" end,
  function() return ("slow %d patience"):format(random(100)), "patience" end,
  function() return "big 50000", nil end,
}

local function ask(conn)
  local request, expected = REQUESTS[random(#REQUESTS)]()
  local fine, code, message = conn:write(request, "\n")
  if not fine then return lose("writing", code, message) end
  local answer
  answer, code, message = conn:read()
  if not answer then return lose(request, code, message) end
  if answer ~= expected and (expected or #answer ~= 50000) then return lose(request, "wrong answer", answer) end
  tally.served = tally.served + 1
  conn:close()
end

local function leave(conn)
  if random(2) == 1 then
    conn:write "slow 50 unheard\n"
    conn:flush()
  end
  lastcall.sleep(random() * 0.1)
  if random(2) == 1 then conn:abort() else conn:close "background" end
  tally.left = tally.left + 1
end

local function client(addresses, ends)
  while lastcall.now() < ends do
    local conn, code, message = lastcall.connect(addresses[random(#addresses)], { timeout = PATIENCE,
      read_timeout = PATIENCE, linger = 1 })
    if not conn and code == "refused" then
      tally.refused = tally.refused + 1
      lastcall.sleep(0.02)
    elseif not conn then
      lose("connecting", code, message)
    elseif random(4) == 1 then
      leave(conn)
    else
      ask(conn)
    end
    lastcall.sleep(random() * 0.02)
  end
end

-- --- the storm -------------------------------------------------------------------------------------

local function restart(server)
  local following
  if random(3) > 1 then following = start(server.address) end
  stop(server)
  lastcall.go(look_after, server)
  following = following or start(server.address)
  tally.restarts = tally.restarts + 1
  return following
end

local figures
local report = lastcall.run(function()
  local constant, changing = start "127.0.0.1:0", start "127.0.0.1:0"
  local before = descriptors(constant.pid)
  local ends = lastcall.now() + SECONDS
  local addresses = { constant.address, changing.address, changing.address }
  local clients = lastcall.group()
  for _ = 1, CLIENTS do clients:go(client, addresses, ends) end
  lastcall.sleep(math.min(10, SECONDS / 4))
  collectgarbage()
  local me = contents "/proc/self/stat":match "^%d+"
  local mine, its = resident(me), resident(constant.pid)
  while lastcall.now() < ends do
    lastcall.sleep(0.3 + random())
    changing = restart(changing)
  end
  assert(clients:wait())
  lastcall.sleep(1)
  collectgarbage()
  figures = { mine = resident(me) - mine, its = resident(constant.pid) - its,
    descriptors = descriptors(constant.pid) - before }
  for _, one in ipairs { constant, changing } do
    stop(one)
    look_after(one)
  end
end, { log = function() end, drain = PATIENCE })
os.execute("rm -r " .. work)

print(("soak: %d s, %d restarts: %d served, %d left by themselves, %d refused between two servers, %d lost"):format(
  SECONDS, tally.restarts, tally.served, tally.left, tally.refused, tally.lost))
for _, one in ipairs(losses) do print("lost: " .. one) end
for _, one in ipairs(failed) do print("a server ended badly:\n" .. one) end
if not figures then os.exit(false) end
print(("memory after the first seconds and in the end: clients %+d KiB, the server that stayed %+d KiB"):format(
  figures.mine // 1024, figures.its // 1024))
local stats = core.loop_stats()
print(("left: %d descriptors in the server, %d tasks, %d connections, %d timers"):format(
  figures.descriptors, stats.tasks, stats.connections, stats.timers))
os.exit(report.ok and tally.lost == 0 and #failed == 0 and figures.descriptors <= 0
  and figures.mine < GROWTH and figures.its < GROWTH)
