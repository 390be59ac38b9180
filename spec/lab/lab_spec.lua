-- scripts/test: alone
local helper = require "spec.helper"

local NO_LAB = 77

-- One row of stop_storm.sh at a round trip of 40 ms: how many connected, how many of them were lost.
local function stop_in_a_storm(server)
  local output, _, status = helper.run("spec/lab/stop_storm.sh --stops 3 --rtt 40 -- " .. server, 100)
  if status == NO_LAB then return nil, output:match("skipped: ([^\n]*)") end
  local counts = {}
  for number in output:match("([%d ]+)\n$"):gmatch("%d+") do counts[#counts + 1] = math.tointeger(number) end
  local count = #counts
  return { connected = counts[count - 8], lost = counts[count - 5] + counts[count - 4], output = output }
end

describe("a server stopped 40 ms away from its clients", function()
  it("loses those in mid-handshake when it closes its listener, so that the lab sees a loss", function()
    local seen, reason = stop_in_a_storm(helper.program("plain_server") .. " --stop close 10.77.0.1:0")
    if not seen then return pending(reason) end
    assert.is_true(seen.connected > 100, seen.output)
    assert.is_true(seen.lost > 0, seen.output)
  end)

  it("loses nobody when lastcall stops it", function()
    helper.stopping.needs_hiding(pending)
    local seen, reason = stop_in_a_storm("lua5.4 spec/support/line_server.lua 10.77.0.1:0 10")
    if not seen then return pending(reason) end
    assert.is_true(seen.connected > 100, seen.output)
    assert.equal(0, seen.lost, seen.output)
  end)
end)

describe("an HTTP server stopped 40 ms away from its keep-alive clients", function()
  it("loses no request of those that ask often, and counts whom it loses", function()
    if not helper.long then return pending("at full length only (make check)") end
    local output, fine, status = helper.run("env ONLY=lastcall STOPS=2 spec/lab/keepalive.sh", 260)
    if status == NO_LAB then return pending(output:match("skipped: ([^\n]*)")) end
    assert.is_true(fine, output)
  end)
end)

describe("a peer that vanishes from the network", function()
  it("is noticed in the time configured, whatever it was doing", function()
    local output, fine, status = helper.run("spec/lab/vanish.sh", 60)
    if status == NO_LAB then return pending(output) end
    assert.is_true(fine, output)
  end)
end)
