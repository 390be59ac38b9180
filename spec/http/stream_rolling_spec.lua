local helper = require "spec.helper"
local process = require "spec.support.process"

local function start(address, place)
  local server = process.start(("lua5.4 spec/support/http/ticks.lua %s %d"):format(address, place))
  server:address()
  return server
end

--- Follows the stream as a browser does: it comes back, and names the last event that it has seen.
local function follow(lastcall, address, tally)
  local retry = 0
  repeat
    local conn = assert(lastcall.connect(address))
    helper.send(conn, ("GET /events HTTP/1.1\r\nHost: here\r\n%s\r\n"):format(
      tally.last and ("Last-Event-ID: %d\r\n"):format(tally.last) or ""))
    local line
    for next_line in conn:lines() do
      line = next_line ~= "\r" and next_line or line
      retry = tonumber(line:match "^retry: (%d+)$") or retry
      local id = tonumber(next_line:match "^id: (%d+)$")
      if id and id ~= (tally.last or id - 1) + 1 then error(("%d after %d"):format(id, tally.last)) end
      if id then tally.last, tally.count = id, tally.count + 1 end
    end
    assert(line == "0\r", "the stream is cut") -- its last chunk
    conn:close()
    tally.streams = tally.streams + 1
    lastcall.sleep(retry / 1000)
  until tally.is_over
  return true
end

describe("event streams over a rolling restart of two servers", function()
  it("lose no event, and repeat none", function()
    helper.stopping.needs_hiding(pending)
    local tallies = {}
    helper.task(function(lastcall)
      local address, tasks = process.address_to_be(), {}
      local servers = { start(address, 1), start(address, 2) }
      for i = 1, 8 do
        tallies[i] = { count = 0, streams = 0 }
        tasks[i] = lastcall.go(follow, lastcall, address, tallies[i])
      end
      lastcall.sleep(0.3)
      for i = 1, 2 do
        assert.equal("clean\n", servers[i]:drain_beside(lastcall))
        servers[i] = start(address, i)
        lastcall.sleep(0.3)
      end
      for _, tally in ipairs(tallies) do -- some come back late: their SYN met a server that was hidden
        while tally.last < lastcall.now() * 50 - 10 do lastcall.sleep(0.05) end
        tally.is_over = true
      end
      for _, server in ipairs(servers) do assert.equal("clean\n", server:drain_beside(lastcall)) end
      for _, task in ipairs(tasks) do assert(task:wait()) end
    end)
    for _, tally in ipairs(tallies) do
      assert.is_true(tally.count > 20 and tally.streams >= 2, ("%d in %d"):format(tally.count, tally.streams))
    end
  end)
end)
