local helper = require "spec.helper"
local lastcall = require "lastcall"

local function stay() while true do lastcall.sleep(60) end end

local function fates(report)
  local found = {}
  for _, one in ipairs(report.stragglers) do found[one.fate] = (found[one.fate] or 0) + 1 end
  return found
end

-- So many are listed, the oldest first, and the sentence tells of the others.
local function assert_listed(report, listed, unlisted)
  assert.equal(listed, #report.stragglers)
  assert.equal(unlisted, report.stragglers_unlisted)
  for i = 2, listed do assert.is_true(report.stragglers[i - 1].age >= report.stragglers[i].age) end
  local text = tostring(report)
  local _, lines = text:gsub("\n", "")
  assert.is_true(lines < listed + 20)
  assert.truthy(text:find(("and %d more stragglers"):format(unlisted), 1, true), text)
end

-- A run that is shut down when `begin` has returned.
local function shut_down(begin, timeout)
  return lastcall.run(function()
    begin()
    lastcall.sleep(0.01)
    lastcall.shutdown()
  end, { signals = false, drain = timeout, exit_when_stuck = false, log = function() end })
end

describe("a report of many stragglers", function()
  it("lists the first hundred tasks, and counts all", function()
    local report = shut_down(function()
      for _ = 1, 1500 do lastcall.spawn(stay) end
    end, 0.5)
    assert.equal(1500, report.tasks_left)
    assert_listed(report, 100, 1400)
    assert.same({ killed = 100 }, fates(report))
  end)

  it("lists the first hundred connections, and counts all", function()
    local clients = {}
    local report = shut_down(function()
      local _, address = helper.serve(lastcall, function(conn)
        conn:read()
        lastcall.sleep(60)
      end)
      for i = 1, 130 do clients[i] = helper.ask(address, "x") end
      lastcall.sleep(0.1)
    end, helper.seconds(1))
    assert.equal(130, report.canceled)
    assert_listed(report, 100, 30)
    assert.same({ canceled = 100 }, fates(report))
    for _, conn in ipairs(clients) do conn:close() end
  end)

  it("lists the first hundred guards of work, and counts all", function()
    local guards = {}
    local report = shut_down(function()
      for i = 1, 120 do guards[i] = lastcall.work("job") end
    end, 0.5)
    assert.equal(120, report.work_left)
    assert_listed(report, 100, 20)
    assert.same({ held = 100 }, fates(report))
    for _, guard in ipairs(guards) do guard:done() end
  end)

  it("lists those that were killed also where more were canceled before them", function()
    local report = shut_down(function()
      local server = assert(lastcall.listen "127.0.0.1:0")
      for _ = 1, 150 do server:go(lastcall.sleep, 60) end
      for _ = 1, 3 do server:go(stay) end
    end, 3) -- a tenth of it for those that are canceled
    assert.equal(153, report.tasks_canceled)
    assert.equal(3, report.tasks_left)
    assert_listed(report, 103, 50)
    assert.same({ canceled = 100, killed = 3 }, fates(report))
  end)

  it("counts one that was canceled, and later killed, once among those that are not listed", function()
    local report = shut_down(function()
      local server = assert(lastcall.listen "127.0.0.1:0")
      for _ = 1, 140 do server:go(stay) end
    end, 0.5)
    assert.equal(140, report.tasks_left)
    assert_listed(report, 100, 40)
    assert.same({ killed = 100 }, fates(report))
  end)

  it("lists connections also where tasks of theirs are more", function()
    local client
    local report = shut_down(function()
      local _, address = helper.serve(lastcall, function(conn)
        conn:read()
        for _ = 1, 150 do lastcall.go(stay) end
        stay()
      end)
      client = helper.ask(address, "x")
      lastcall.sleep(0.05)
    end, helper.seconds(0.5))
    assert.equal(1, report.killed)
    assert_listed(report, 101, 50)
    assert.equal("killed", report.stragglers[1].fate)
    assert.truthy(report.stragglers[1].id)
    client:close()
  end)

  it("lists a hundred of several servers together", function()
    local report = shut_down(function()
      for _ = 1, 3 do
        local server = assert(lastcall.listen "127.0.0.1:0")
        for _ = 1, 60 do server:go(stay) end
      end
    end, 0.5)
    assert.equal(180, report.tasks_left)
    assert_listed(report, 100, 80)
  end)

  for kind, at in pairs { TCP = "127.0.0.1:0", ["unix-domain"] = "unix:" .. helper.socket_path() } do
    it("lists the first hundred connections with undelivered bytes, and counts all: over " .. kind, function()
      local clients, said = {}, 0
      local report = shut_down(function()
        local server = assert(lastcall.listen(at, { linger = 0.1, write_timeout = 0.1 }))
        lastcall.spawn(server.serve, server, function(conn)
          conn:read()
          conn:setsockopt("sndbuf", 200000)
          assert(conn:write(("x"):rep(100000)))
          said = said + 1
          conn:await()
        end)
        for i = 1, 130 do
          clients[i] = assert(lastcall.connect(server:addresses()[1]))
          clients[i]:setsockopt("rcvbuf", 4096)
          helper.send(clients[i], "go\n")
        end
        while said < 130 do lastcall.sleep(0.01) end
      end, helper.seconds(5))
      assert.equal(130, report.failed_flushes)
      assert.equal(0, report.canceled)
      assert_listed(report, 100, 30)
      assert.same({ undelivered = 100 }, fates(report))
      for _, conn in ipairs(clients) do conn:abort() end
    end)
  end

  it("tells of their nested coroutines as long as these are not too many", function()
    local function nest(depth)
      if depth == 0 then stay() end
      return (lastcall.coroutine.wrap(nest)(depth - 1))
    end
    local report = shut_down(function()
      for _ = 1, 60 do lastcall.spawn(nest, 60) end
    end, 0.5)
    local levels, cut = 0, 0
    for _, one in ipairs(report.stragglers) do
      assert.truthy(one.traceback:find("stragglers_spec.lua:4:", 1, true), one.traceback)
      local _, resumed = one.traceback:gsub("resumed by", "")
      levels = levels + resumed
      if one.traceback:find "%(%d+ coroutines%)" then cut = cut + 1 end
    end
    assert.equal(60, #report.stragglers)
    assert.is_true(levels < 1200, levels)
    assert.is_true(cut > 30 and cut < 60, cut)
  end)
end)

describe("a handler that goes by a context that is not its connection's", function()
  -- The report of a server whose handler is killed in `outside`, a context that no shutdown ends, after `begin`.
  local function report_of(begin)
    local report
    helper.task(function()
      local outside = lastcall.context.with_cancel(lastcall.context.background())
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        begin(conn)
        outside:call(stay)
      end)
      local conn = assert(lastcall.connect(address))
      conn:write("go\n")
      lastcall.sleep(0.1)
      server:shutdown(0.2)
      report = server:wait()
      conn:abort()
    end, { on_error = function() end })
    return report
  end

  for name, begin in pairs {
    ["open"] = function() end,
    ["closed before"] = function(conn) conn:abort() end,
  } do
    it("is shown with its connection, once: one that is " .. name, function()
      local report = report_of(begin)
      assert.equal(1, #report.stragglers)
      local one = report.stragglers[1]
      assert.is_number(one.id)
      assert.equal("killed", one.fate)
      local line = debug.getinfo(stay, "S").linedefined
      assert.truthy(one.traceback:find(("stragglers_spec.lua:%d"):format(line), 1, true), one.traceback)
      assert.equal(0, report.tasks_left)
      assert.equal(1, report.killed)
    end)
  end
end)
