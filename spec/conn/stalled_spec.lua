-- scripts/test: early
local helper = require "spec.helper"

--- Connections that are opened and never read from, in a process of their own, so that they cost this
-- process's loop nothing: `large` of them ask for more than the buffers hold, `small` for a few bytes,
-- which their kernel acknowledges.
local function open_stalled_peers(address, large, small)
  local pipe = assert(io.popen(([[echo $$; %sexec timeout 90 lua5.4 -e '
    local lastcall = require "lastcall"
    lastcall.run(function()
      local open = {}
      for i = 1, %d do
        open[i] = assert(lastcall.connect("%s", { timeout = 30 }))
        open[i]:write(i <= %d and "large\n" or "small\n")
        open[i]:flush()
      end
      print("open")
      io.stdout:flush()
      lastcall.sleep(90)
    end, { signals = false, log = function() end })']]):format(helper.environment, large + small, address, large)))
  return pipe, tonumber(pipe:read())
end

local function threads()
  for line in io.lines("/proc/self/status") do
    local count = line:match("^Threads:%s+(%d+)")
    if count then return tonumber(count) end
  end
end

local REPLIES = { large = ("x"):rep(200000), small = "few bytes\n" }

--- Serves them all, then closes them all at once; what was seen meanwhile.
local function close_stalled(lastcall, large, small, linger)
  local core = require "lastcall.core"
  local peers, all_there, first, last = large + small, false, nil, nil
  local seen = { closed = 0, wrong = 0, slowest = 0, threads = 0 }
  local server = assert(lastcall.listen("127.0.0.1:0", { log = function() end }))
  lastcall.spawn(function()
    server:serve(function(conn)
      local line = conn:read()
      if not REPLIES[line] then
        repeat
          conn:write(line, "\n")
          line = conn:read()
        until not line
        return
      end
      conn:setsockopt("sndbuf", 8192)
      conn:post(REPLIES[line])
      while not all_there do lastcall.sleep(0.05) end
      first = first or lastcall.now()
      local fine, code, _, unacked = conn:close(linger)
      local verdict = fine and "small" or code == "timeout" and unacked > 0 and "large"
      if verdict ~= line then seen.wrong = seen.wrong + 1 end
      seen.closed = seen.closed + 1
      last = lastcall.now()
    end)
  end)
  lastcall.sleep(0)
  local address = server:addresses()[1]
  local before = threads() -- this one, and the watchdog
  local pipe, pid = open_stalled_peers(address, large, small)
  assert.is_true(server:wait_for(">=", peers, helper.seconds(15)))
  local conn = assert(lastcall.connect(address))
  lastcall.sleep(0.2)
  core.loop_stats(true) -- begins a new longest turn
  all_there = true
  while seen.closed < peers and (not first or lastcall.now() - first < helper.seconds(linger + 4)) do
    local began = lastcall.now()
    helper.send(conn, "still there?\n")
    assert.equal("still there?", conn:read())
    seen.slowest = math.max(seen.slowest, lastcall.now() - began)
    seen.threads = math.max(seen.threads, threads() - before)
    lastcall.sleep(0.01)
  end
  seen.longest = core.loop_stats().longest_turn
  seen.took = last - first
  conn:close("background")
  os.execute("kill " .. pid)
  pipe:close()
  return seen
end

local function check(large, small, linger)
  local seen
  helper.task(function(lastcall) seen = close_stalled(lastcall, large, small, linger) end, { drain = 5 })
  helper.figure("%d stalled peers, linger %g: closed within %.2f s, %d wrong verdicts, %d more threads",
    large + small, linger, seen.took, seen.wrong, seen.threads)
  helper.figure("the longest turn %.1f ms, the slowest answer to another %.1f ms",
    seen.longest * 1000, seen.slowest * 1000)
  assert.equal(large + small, seen.closed)
  assert.equal(0, seen.wrong)
  assert.equal(0, seen.threads)
  assert.is_true(seen.took >= linger - 0.1 and seen.took < helper.seconds(linger + 2), seen.took)
  assert.is_true(seen.slowest < helper.seconds(1), seen.slowest)
end

describe("stalled peers that are closed with a linger", function()
  it("cost no thread, are gone in time, and the loop answers the others meanwhile: a thousand", function()
    check(1000, 0, 2)
  end)

  it("are told apart, those whose host acknowledged all and those whose did not: four thousand", function()
    local limit = tonumber((helper.run "sh -c 'ulimit -n'")) or math.huge
    if limit < 4200 then return pending(("no more than %d descriptors are permitted here"):format(limit)) end
    check(2000, 2000, 5)
  end)
end)
