-- A server under everything at once: resets, floods, slow readers, half requests, silence, look-ups that no server
-- answers, tasks that wait deep inside coroutines while they are dumped, errors, and a stderr that is not read. It is
-- stopped in the middle of it, again and again. Usage: lua soak_hardships.lua [SECONDS], 600 by default.
--
-- Clients that have connected and ask in order must be answered, whenever the stop comes, unless the request crossed
-- the FIN of an idle connection: those are counted, and the server's reports must not count fewer. Every server must
-- end by itself with status 0. Under the address sanitizer a finding ends it with another one.

local lastcall = require "lastcall"

local SECONDS = tonumber(arg[1] or 600)
local PATIENCE = 30

local random = math.random
local tally = { answered = 0, crossed = 0, lost = 0, stops = 0, late = 0, disturbed = 0 }
local losses, failed = {}, {}

local work = os.tmpname()
os.remove(work)
os.execute("mkdir " .. work)

local function contents(path)
  local file <close> = io.open(path)
  return file and file:read "a" or ""
end

local function wait_for(path, pattern)
  local until_ = lastcall.now() + PATIENCE
  while lastcall.now() < until_ do
    local found = contents(path):match(pattern)
    if found then return found end
    lastcall.sleep(0.02)
  end
  return nil
end

local count = 0

--- A server whose stderr is a pipe that is read a little at first and then no more.
local function start()
  count = count + 1
  local log, pid = ("%s/log%d"):format(work, count), ("%s/pid%d"):format(work, count)
  os.execute(("{ { lua5.4 spec/support/hardship_server.lua 2>&3 >%s & echo $! >%s; wait $!; echo \"status $?\" >>%s; } "
    .. "3>&1 | { head -c 4096 >%s.err; sleep 60; }; } >/dev/null 2>&1 &"):format(log, pid, log, log))
  local address = assert(wait_for(log, "listening ([^\n]+)"), "no server: " .. contents(log .. ".err"))
  return { log = log, address = address, pid = wait_for(pid, "%d+") }
end

local function look_after(server)
  local status = wait_for(server.log, "status (%d+)")
  local text = contents(server.log)
  tally.late = tally.late + tonumber(text:match "(%d+) late" or 0)
  if status ~= "0" then failed[#failed + 1] = text .. contents(server.log .. ".err") end
end

-- --- clients ---------------------------------------------------------------------------------------

local ORDERLY = {
  function() return "echo hello", "hello" end,
  function() return ("sleep %.3f"):format(random() * 0.2), "slept" end,
  function() return "deep " .. random(5, 60), "deep" end,
  function() return "job " .. random(99), nil end,
  function() return "big 60000", nil end,
  function() return "lookup silent.example.test", nil end,
}

--- Asks one thing after the other, until the server has had enough.
local function ask(conn)
  for turn = 1, random(8) do
    local request, expected = ORDERLY[random(#ORDERLY)]()
    if not (conn:write(request, "\n") and conn:flush()) then return end -- it had left before
    local answer, code, message = conn:read()
    if not answer and turn > 1 and (code == "eof" or code == "reset") then
      tally.crossed = tally.crossed + 1
      return
    elseif not answer or expected and answer ~= expected then
      tally.lost = tally.lost + 1
      if #losses < 10 then
        losses[#losses + 1] = ("%s: %s, %s (%s)"):format(request, tostring(answer), tostring(code), tostring(message))
      end
      return
    end
    tally.answered = tally.answered + 1
    if random(3) == 1 then lastcall.sleep(random() * 0.2) end
  end
end

local DISTURBING = {
  function(conn) conn:write "sleep 0.5\n" conn:flush() conn:abort() end,
  function(conn) -- a flood, whose answers nobody reads
    for _ = 1, 200 do
      if not conn:post("echo " .. ("f"):rep(200) .. "\n") then break end
    end
    lastcall.sleep(0.3)
    conn:abort()
  end,
  function(conn) -- a slow reader
    conn:write "big 300000\n"
    for _ = 1, 20 do
      if not conn:read_some(4096) then break end
      lastcall.sleep(0.02)
    end
  end,
  function(conn) conn:write "echo half a li" conn:flush() lastcall.sleep(0.5) end,
  function() lastcall.sleep(1) end,
  function(conn) conn:write "fail\n" conn:read() end,
  function(conn) conn:write "echo and goodbye\n" conn:shutdown "write" conn:read "a" end,
}

local function client(current, ends)
  while lastcall.now() < ends do
    local conn, code = lastcall.connect(current.address, { timeout = PATIENCE, read_timeout = PATIENCE, linger = 0.2 })
    if not conn then
      assert(code == "refused" or code == "timeout" or code == "reset", code)
      lastcall.sleep(0.05)
    elseif random(3) == 1 then
      DISTURBING[random(#DISTURBING)](conn)
      tally.disturbed = tally.disturbed + 1
      conn:close "background"
    else
      ask(conn)
      conn:close "background"
    end
  end
end

local report = lastcall.run(function()
  local current = start()
  local ends = lastcall.now() + SECONDS
  local clients = lastcall.group()
  for _ = 1, 60 do clients:go(client, current, ends) end
  while lastcall.now() < ends do
    for _ = 1, random(3) do
      lastcall.sleep(0.5 + random())
      os.execute("kill -USR1 " .. current.pid)
    end
    local old = { pid = current.pid, log = current.log }
    os.execute("kill -TERM " .. old.pid)
    tally.stops = tally.stops + 1
    lastcall.go(look_after, old)
    local following = start()
    current.address, current.pid, current.log = following.address, following.pid, following.log
  end
  assert(clients:wait())
  os.execute("kill -TERM " .. current.pid)
  look_after(current)
end, { log = function() end, drain = PATIENCE })

local SUMMARY = "hardships: %d s, %d stops: %d answered, %d crossed a FIN, %d late by the reports, "
  .. "%d disturbances, %d lost"
print(SUMMARY:format(SECONDS, tally.stops, tally.answered, tally.crossed, tally.late, tally.disturbed, tally.lost))
for _, one in ipairs(losses) do print("lost: " .. one) end
for _, one in ipairs(failed) do print("a server ended badly:\n" .. one) end
os.execute("rm -r " .. work)
os.exit(report.ok and tally.lost == 0 and #failed == 0 and tally.late >= tally.crossed)
