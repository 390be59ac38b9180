local helper = require "spec.helper"

local PEERS = 1000

--- Connections that are opened and never read from, in a process of their own, so that they cost this
-- process's loop nothing.
local function open_stalled_peers(address)
  local pipe = assert(io.popen(([[echo $$; %sexec timeout 60 lua5.4 -e '
    local lastcall = require "lastcall"
    lastcall.run(function()
      local open = {}
      for i = 1, %d do
        open[i] = assert(lastcall.connect("%s", { timeout = 30 }))
        open[i]:write("go\n")
        open[i]:flush()
      end
      print("open")
      io.stdout:flush()
      lastcall.sleep(60)
    end, { signals = false, log = function() end })']]):format(helper.environment, PEERS, address)))
  return pipe, tonumber(pipe:read())
end

local function threads()
  for line in io.lines("/proc/self/status") do
    local count = line:match("^Threads:%s+(%d+)")
    if count then return tonumber(count) end
  end
end

describe("a thousand stalled peers, closed with linger = 2", function()
  it("cost no thread, are gone in time, and the loop answers the others meanwhile", function()
    local core = require "lastcall.core"
    local slowest, longest, before, most_threads, took = 0, 0, nil, 0, nil
    helper.task(function(lastcall)
      local closing, closed, all_there, first, last = 0, 0, false, nil, nil
      local server = assert(lastcall.listen("127.0.0.1:0", { log = function() end }))
      lastcall.spawn(function()
        server:serve(function(conn)
          local line = conn:read()
          if line == "go" then
            conn:setsockopt("sndbuf", 8192)
            conn:post(("x"):rep(200000))
            while not all_there do lastcall.sleep(0.05) end
            first = first or lastcall.now()
            closing = closing + 1
            local fine, code = conn:close(2)
            if not fine and code == "timeout" then closed = closed + 1 end
            last = lastcall.now()
          else
            repeat
              conn:write(line, "\n")
              line = conn:read()
            until not line
          end
        end)
      end)
      lastcall.sleep(0)
      local address = server:addresses()[1]
      before = threads() -- this one, and the watchdog
      local pipe, pid = open_stalled_peers(address)
      assert.is_true(server:wait_for(">=", PEERS, helper.seconds(15)))
      local conn = assert(lastcall.connect(address))
      lastcall.sleep(0.1)
      core.loop_stats(true) -- begins a new longest turn
      all_there = true
      while closed < PEERS and (not first or lastcall.now() - first < helper.seconds(6)) do
        local began = lastcall.now()
        helper.send(conn, "still there?\n")
        assert.equal("still there?", conn:read())
        slowest = math.max(slowest, lastcall.now() - began)
        most_threads = math.max(most_threads, threads())
        lastcall.sleep(0.01)
      end
      longest = core.loop_stats().longest_turn
      took = last - first
      assert.equal(PEERS, closing)
      assert.equal(PEERS, closed)
      conn:close("background")
      os.execute("kill " .. pid)
      pipe:close()
    end, { drain = 5 })
    print(("%d stalled peers: closed within %.2f s, the longest turn %.1f ms, the slowest answer %.1f ms")
      :format(PEERS, took, longest * 1000, slowest * 1000))
    assert.equal(before, most_threads)
    assert.is_true(took >= 1.9 and took < helper.seconds(4), took)
    assert.is_true(slowest < helper.seconds(0.5), slowest)
  end)
end)
