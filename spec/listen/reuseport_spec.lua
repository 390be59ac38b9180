-- scripts/test: early
--- Several sockets on one address (SO_REUSEPORT), and one of them is told to stop.
local helper = require "spec.helper"
local process = require "spec.support.process"

local function member(address, reuseport)
  local one = process.start(("lua5.4 spec/support/line_server.lua %s 10 reuseport=%s"):format(address, reuseport))
  one:address()
  return one
end

--- SIGTERM to `stopped` while 800 clients a second come; what became of the clients.
local function storm(stopped, address)
  local output, fine = helper.run(([[%s --name-lost --until 20 --sources 8 --term %d --term-after 200 %s \
    --storm rate=800,seconds=1.5]]):format(helper.program "clients", stopped.pid, address), 40)
  if not fine then -- what the server says tells which of the two has lost a client
    stopped:signal "TERM"
    output = output .. stopped:finish()
  end
  assert.is_true(fine, output)
  local count = setmetatable({ output = output }, { __index = function() return 0 end })
  for name, number in output:gmatch "(%l+)=(%d+)" do count[name] = tonumber(number) end
  assert.is_true(count.connected > 500, output)
  assert.equal(0, count.lost + count.truncated + count.unfinished + count.hanging + count.refused, output)
  return count
end

local function ended(one, method)
  local output, fine = one:finish()
  assert.is_true(fine, output)
  assert.is_truthy(output:find(("by %s in"):format(method), 1, true), output)
  assert.is_nil(output:find("not lossless", 1, true), output)
end

--- Asks the group `n` times, and fails unless a member answers at once each time.
local function ask(lastcall, address, n)
  for i = 1, n do
    local conn = assert(lastcall.connect(address, { timeout = helper.seconds(0.9), linger = 0 }))
    assert(conn:write("echo ", i, "\n"))
    assert.equal(tostring(i), conn:read())
    conn:close()
  end
end

local function echo(conn)
  for line in conn:lines() do conn:write(line:match "^echo (.*)$", "\n") end
end

local known = helper.stopping.method_in_group()

describe("one of two that share an address, told to stop in a storm,", function()
  for place = 1, 2 do
    it(("loses and delays nobody when it knows that its place is %d"):format(place), function()
      helper.stopping.needs_hiding(pending)
      local address = process.address_to_be()
      local both = { member(address, "1/2"), member(address, "2/2") }
      local count = storm(both[place], address)
      ended(both[place], known)
      if known == "steer" and helper.seconds(1) == 1 then assert.equal(0, count.delayed, count.output) end
      local survivor = both[3 - place]
      helper.task(function(lastcall)
        ask(lastcall, address, 20) -- it serves everybody
        local third = assert(lastcall.listen(address, { reuseport = { index = 2, of = 2 } }))
        lastcall.spawn(function() third:serve(echo) end)
        ask(lastcall, address, 60)
        local its_share = third:stats().accepted -- and the kernel deals them out to both again
        assert.is_true(its_share > 0 and its_share < 60, "the third was given " .. its_share)
        third:shutdown()
        assert.equal(known, third:wait().stop[1].method)
        ask(lastcall, address, 20)
      end)
      survivor:signal "TERM"
      ended(survivor, known)
    end)
  end

  it("loses nobody when its place is not known", function()
    helper.stopping.needs_hiding(pending)
    local address = process.address_to_be()
    local first, second = member(address, "true"), member(address, "true")
    storm(first, address)
    ended(first, "hide")
    second:signal "TERM"
    ended(second, "hide")
  end)

  it("loses nobody when its place is another than it was told", function()
    helper.stopping.needs_hiding(pending)
    local address = process.address_to_be()
    local first, second = member(address, "2/2"), member(address, "1/2")
    storm(first, address)
    ended(first, known)
    second:signal "TERM"
    ended(second, known)
  end)
end)

describe("the option reuseport", function()
  it("is a switch or a place, and says so", function()
    local lastcall = require "lastcall"
    for _, wrong in ipairs { {}, { index = 1 }, { of = 2 }, { index = 3, of = 2 }, { index = 0, of = 2 }, 2, "1/2" } do
      local fine, err = pcall(lastcall.listen, "127.0.0.1:0", { reuseport = wrong })
      assert.is_false(fine)
      assert.is_truthy(err:find("reuseport", 1, true) or err:find("'index'", 1, true), err)
    end
    local fine, err = pcall(lastcall.listen, "127.0.0.1:0", { reuseport = { index = 1, off = 2 } })
    assert.is_false(fine)
    assert.is_truthy(err:find("did you mean 'of'?", 1, true), err)
  end)

  it("with a place in a group of one stops like any other", function()
    helper.task(function(lastcall)
      local server = assert(lastcall.listen("127.0.0.1:0", { reuseport = { index = 1, of = 1 } }))
      lastcall.spawn(function() server:serve(echo) end)
      lastcall.sleep(0)
      server:shutdown()
      assert.equal(lastcall.features.stop, server:wait().stop[1].method)
    end)
  end)
end)
