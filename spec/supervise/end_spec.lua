-- scripts/test: early
local helper = require "spec.helper"
local process = require "spec.support.process"
local supervised = require "spec.support.supervised"

local LINES = { command = supervised.QUIETLY, script = "spec/support/line_server.lua" }

local function options(address, more)
  local given = { args = { address, "10" } }
  for name, value in pairs(LINES) do given[name] = value end
  for name, value in pairs(more or {}) do given[name] = value end
  return given
end

-- %q: the address
local MASTER = [[
local lastcall = require "lastcall"
lastcall.run(function()
  local service = lastcall.assert(lastcall.supervise { script = "spec/support/line_server.lua", workers = 2,
    args = { %q, "10" }, probation = 0 })
  local pids = {}
  for i, one in ipairs(service:status()) do pids[i] = one.pid end
  print(table.concat(pids, " "))
  io.stdout:flush()
  print(service:wait())
end, { signals = false })
]]

--- A storm that ends when nobody is let in any more. Calls `act()` in the middle; what the storm saw.
local function in_a_storm(lastcall, address, act)
  local output, fine
  local storm = lastcall.go(function()
    output, fine = helper.run_beside(lastcall,
      ("%s --name-lost %s --storm rate=400,seconds=10,until_refused=300"):format(helper.program "clients", address), 30)
  end)
  lastcall.sleep(0.5)
  act()
  storm:wait()
  return output, fine
end

local function unix_address()
  local path = os.tmpname()
  os.remove(path)
  return "unix:" .. path, path
end

--- A client of the old generation is being served for a second when `then_do(lastcall, service)` comes. Its answer.
local function answer_of_the_old(kind, then_do)
  local address = kind == "unix" and unix_address() or supervised.address()
  local path = supervised.script(([[
    local lastcall = require "lastcall"
    lastcall.run(function()
      assert(lastcall.listen %q):serve(function(conn)
        conn:write(conn:read(), "\n")
        conn:flush()
        lastcall.sleep(1)
        conn:write "the end\n"
      end)
    end, { log = function() end })
  ]]):format(address))
  local answer
  local report = supervised.run({ script = path, workers = 1, drain = helper.seconds(10) }, function(lastcall, service)
    local conn = assert(lastcall.connect(address))
    conn:write "hello\n"
    assert.equal("hello", conn:read())
    assert.same({ true }, { service:reload() })
    lastcall.sleep(0.2) -- what comes sooner than 0.1 s after a signal is the same signal
    then_do(lastcall, service)
    answer = conn:read()
    conn:close(0)
  end)
  return answer, report
end

describe("the end of a service", function()
  it("hurries no worker that drains already after a reload", function()
    for kind, then_do in pairs {
      tcp = function(_, service) service:stop() end,
      unix = function(lastcall, service)
        lastcall.go(function() service:reload() end) -- behind the drain, and ended by the stop
        lastcall.sleep(0.05)
        service:stop()
      end,
    } do
      local answer, report = answer_of_the_old(kind, then_do)
      assert.equal("the end", answer, kind)
      assert.equal(0, report.canceled)
      assert.is_true(report.clean, tostring(report))
    end
  end)

  for kind, make in pairs { TCP = supervised.address, ["a unix-domain path"] = unix_address } do
    it("loses nobody in a storm over " .. kind, function()
      local address = make()
      local report = supervised.run(options(address), function(lastcall, service)
        local output, fine = in_a_storm(lastcall, address, function() service:stop() end)
        service:wait() -- another stop would hurry it
        assert.is_true(fine, output)
        assert.is_truthy(output:find(" lost=0 truncated=0 ", 1, true), output)
      end)
      assert.is_true(report.clean, tostring(report))
      assert.is_false(helper.exists(address:match "^unix:(.*)" or "/nonexistent"))
    end)
  end

  it("is within one budget, which a worker's own only shortens; stragglers are named by process", function()
    local address = supervised.address()
    local path = supervised.script(([[
      local lastcall = require "lastcall"
      lastcall.run(function()
        assert(lastcall.listen "%s"):serve(function(conn) conn:read() lastcall.sleep(60) end)
      end, { log = function() end, drain = 30 })
    ]]):format(address))
    local began, pid
    local report = supervised.run({ script = path, workers = 1, drain = 1 }, function(lastcall, service)
      local conn = helper.ask(address, "hello")
      lastcall.sleep(0.2)
      pid, began = service:status()[1].pid, lastcall.now()
      service:stop()
      service:wait()
      conn:close(0)
    end)
    assert.is_true(require("lastcall").now() - began < helper.seconds(4))
    assert.is_false(report.clean)
    assert.is_truthy(tostring(report):find(("worker 1 (pid %d, generation 1): connection"):format(pid), 1, true),
      tostring(report))
  end)

  it("passes a second signal on, and a third", function()
    local address = supervised.address()
    local path = supervised.script(([[
      local lastcall = require "lastcall"
      lastcall.run(function()
        assert(lastcall.listen "%s"):serve(function(conn)
          conn:read()
          while true do lastcall.sleep(0.01) end
        end)
      end, { log = function() end, drain = 30 })
    ]]):format(address))
    supervised.run({ script = path, drain = 30 }, function(lastcall, service)
      local conn = helper.ask(address, "hello")
      lastcall.sleep(0.2)
      local began = lastcall.now()
      service:stop()
      lastcall.sleep(0.3)
      service:stop()
      lastcall.sleep(0.3)
      service:stop()
      service:wait()
      assert.is_true(lastcall.now() - began < helper.seconds(5))
      conn:close(0)
    end)
  end)

  it("comes in the middle of a reload, which fails", function()
    local address = supervised.address()
    local path = supervised.script(([[
      local lastcall = require "lastcall"
      lastcall.run(function()
        local server = assert(lastcall.listen "%s")
        if lastcall.worker().generation > 1 then lastcall.sleep(60) end
        server:serve(function(conn) for line in conn:lines() do conn:write(line, "\n") end end)
      end, { log = function() end })
    ]]):format(address))
    local report = supervised.run({ script = path, drain = 3 }, function(lastcall, service)
      local outcome = lastcall.go(function() return service:reload() end)
      supervised.wait_until(lastcall, function() return #service:status() == 4 end)
      local conn = helper.spoken(address)
      service:stop()
      assert.same({ nil, "the service is stopped" }, { outcome:wait() })
      service:wait()
      assert.equal("eof", select(2, conn:read()))
      conn:close(0)
    end)
    assert.equal(4, report.workers)
  end)

  -- The first worker has one client in hand, which blocks its loop, and three wait in the queue.
  for kind, make in pairs { ["not ready"] = unix_address, ["in its probation"] = supervised.address } do
    it("gives no client to a new worker that is " .. kind, function()
      local address = make()
      local path, sign = supervised.script(([[
        local lastcall = require "lastcall"
        local generation = lastcall.worker().generation
        lastcall.run(function()
          local server = assert(lastcall.listen("%s", { max_connections = 1 }))
          if generation > 1 then
            lastcall.set_ready(%s)
            lastcall.go(function() io.open(arg[1], "w"):close() end)
          end
          server:serve(function(conn)
            conn:read()
            os.execute "sleep 0.3"
            conn:write(generation, "\n")
          end)
        end, { log = function() end })
      ]]):format(address, kind ~= "not ready")), os.tmpname()
      os.remove(sign)
      local probation = kind == "not ready" and 0 or helper.seconds(1)
      local given = { script = path, args = { sign }, workers = 1, probation = probation }
      local report = supervised.run(given, function(lastcall, service)
        lastcall.go(function() service:reload() end)
        supervised.wait_until(lastcall, function() return os.remove(sign) end)
        local clients = {}
        for i = 1, 4 do clients[i] = helper.ask(address, "ping") end
        service:stop()
        for i, conn in ipairs(clients) do assert.same({ i, "1" }, { i, (conn:read()) }) end
        for _, conn in ipairs(clients) do conn:close(0) end
      end)
      assert.equal(0, report.killed + report.reset_by_us, tostring(report))
    end)
  end

  it("removes a path while the workers still have clients: the master may be killed before they end", function()
    local address, path = unix_address()
    supervised.run(options(address), function(lastcall, service)
      local conn = lastcall.connect(address)
      conn:write "slow 500 served\n"
      supervised.wait_until(lastcall, function()
        local workers = service:status()
        return workers[1].accepted + workers[2].accepted == 1
      end)
      service:stop()
      supervised.wait_until(lastcall, function() return not helper.exists(path) end)
      assert.is_true(#service:status() > 0)
      assert.equal("served", conn:read())
      conn:close(0)
    end)
  end)

  it("may come to all processes at once, by a service manager's signal, and loses nobody", function()
    local address = supervised.address()
    local script = helper.write_file(MASTER:format(address))
    local master = process.start("lua5.4 " .. script)
    local pids
    repeat pids = master.pipe:read():match "^%d+ %d+$" until pids
    helper.task(function(lastcall)
      local output, fine = in_a_storm(lastcall, address, function()
        os.execute(("kill -TERM %s %s"):format(pids, master:program())) -- the workers first
      end)
      assert.is_true(fine, output)
      assert.is_truthy(output:find(" lost=0 truncated=0 ", 1, true), output)
    end)
    local said, fine = master:finish()
    assert.is_true(fine, said)
    assert.is_truthy(said:find("service ok, 2 workers, clean", 1, true), said)
    os.remove(script)
  end)

  it("of the master by kill -9 lets the workers drain, loses nobody, and leaves no path", function()
    local address, path = unix_address()
    local script = helper.write_file(MASTER:format(address))
    local master = process.start("lua5.4 " .. script)
    local pids
    repeat pids = master.pipe:read():match "^%d+ %d+$" until pids
    helper.task(function(lastcall)
      local output, fine = in_a_storm(lastcall, address, function() master:signal "KILL" end)
      assert.is_true(fine, output)
      assert.is_truthy(output:find(" lost=0 truncated=0 ", 1, true), output)
      supervised.wait_until(lastcall, function() return not os.execute(("kill -0 %s 2>/dev/null"):format(pids)) end)
    end)
    master:finish()
    os.remove(script)
    assert.is_false(helper.exists(path))
  end)
end)
