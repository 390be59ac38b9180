-- What the workers count stays with the master, by generation: when they end or die, and when the master is replaced.
local counters = require "lastcall.supervise.counters"
local helper = require "spec.helper"
local process = require "spec.support.process"
local supervised = require "spec.support.supervised"

-- %s: the address
local SERVER = [[
local http, lastcall = require "lastcall.http", require "lastcall"
lastcall.run(function()
  local handler = http.handler(function(request)
    if request.path == "/raise" then error "no" end
    return request.path == "/busy" and 503 or 200, "here"
  end)
  assert(lastcall.listen "%s"):serve(handler)
end, { log = function() end, on_error = function() end })
]]

local function ask(lastcall, address, path)
  return supervised.ask(lastcall, address, ("GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r"):format(path))
end

local function of_generation(service, number)
  local _, sums = service:status()
  for _, one in ipairs(sums) do
    if one.generation == number then return one end
  end
end

local function wait_alone(lastcall, service)
  supervised.wait_until(lastcall, function() return #service:status() == 1 end)
end

describe("the counters of a service", function()
  it("stay when workers are renewed, and have the generation as a label", function()
    local address = supervised.address()
    local report = supervised.run({ script = supervised.script(SERVER:format(address)), workers = 1 },
      function(lastcall, service)
        for _, path in ipairs { "/", "/busy", "/raise", "/" } do assert(ask(lastcall, address, path)) end
        local first = of_generation(service, 1)
        local function figures(one)
          return { one.accepted, one.requests, one.replies_5xx, one.errors, one.workers, one.failed }
        end
        assert.same({ 4, 4, 2, 1, 0, 0 }, figures(first))
        assert.same({ true }, { service:reload() })
        wait_alone(lastcall, service)
        assert(ask(lastcall, address, "/busy"))
        assert.same({ 4, 4, 2, 1, 1, 0 }, figures(of_generation(service, 1)))
        assert.same({ 1, 1, 1, 0, 0, 0 }, figures(of_generation(service, 2)))
        local one = service:status()[1]
        assert.same({ 2, 1, 1, 0 }, { one.generation, one.requests, one.replies_5xx, one.errors })
      end)
    assert.equal(2, #report.generations)
    assert.same({ 4, 1 }, { report.generations[1].requests, report.generations[2].requests })
    assert.same({ 1, 1 }, { report.generations[1].workers, report.generations[2].workers })
  end)

  it("stay when a worker dies, as it has told them last", function()
    local address = supervised.address()
    local report = supervised.run({ script = supervised.script(SERVER:format(address)), workers = 1 },
      function(lastcall, service)
        for _, path in ipairs { "/", "/raise" } do assert(ask(lastcall, address, path)) end
        local victim = service:status()[1].pid
        os.execute("kill -KILL " .. victim)
        supervised.wait_until(lastcall, function()
          local one = service:status()[1]
          return one and one.pid ~= victim and one.state == "ready"
        end)
        assert(ask(lastcall, address, "/"))
        local sums = of_generation(service, 1)
        assert.same({ 3, 1, 1, 1 }, { sums.requests, sums.errors, sums.workers, sums.failed })
      end)
    assert.equal(1, report.generations[1].failed)
  end)

  it("stay when the master is replaced, those of workers that drain too", function()
    local address = supervised.address()
    local script = helper.write_file(SERVER:format(address))
    local master = process.script(([[
      local lastcall = require "lastcall"
      lastcall.run(function()
        local service = lastcall.assert(lastcall.supervise { script = %q, workers = 1, probation = 0, drain = 5 })
        local function tell()
          local list, sums = service:status()
          local words = { #list }
          for _, one in ipairs(sums) do
            table.insert(words, table.concat({ one.generation, one.workers, one.failed, one.accepted, one.requests,
              one.replies_5xx, one.errors, one.finished + one.closed_idle }, ":"))
          end
          print("sums " .. table.concat(words, " "))
          io.stdout:flush()
        end
        tell()
        lastcall.on_signal("WINCH", tell)
        print(service:wait())
      end, { signals = false, log = function() end })
    ]]):format(script))
    local function next_sums()
      local line
      repeat line = assert(master.pipe:read()) until line:find "^sums"
      return line
    end
    next_sums()
    helper.task(function(lastcall)
      for _, path in ipairs { "/", "/raise", "/busy" } do assert(ask(lastcall, address, path)) end
      local kept = lastcall.connect(address)
      supervised.wait_until(lastcall, function()
        master:signal "WINCH"
        return next_sums() == "sums 1 1:0:0:4:3:2:1:0"
      end)
      master:signal "USR2"
      assert.equal("sums 1 1:0:0:4:3:2:1:0", next_sums())
      master:signal "HUP"
      kept:close(0)
      supervised.wait_until(lastcall, function()
        master:signal "WINCH"
        return next_sums():find "^sums 1 1:1:0:4:3:2:1:%d 2:0:0:0:0:0:0:0$"
      end)
      master:signal "USR2"
      assert.is_truthy(next_sums():find "^sums 1 1:1:0:4:3:2:1:%d 2:0:0:0:0:0:0:0$")
    end)
    local said = master:drain()
    assert.is_truthy(said:find("service ok, 2 workers", 1, true), said)
    os.remove(script)
  end)

  it("of old generations are one at last, and no count is lost or falls", function()
    local all = counters.new()
    local function end_worker(generation, accepted)
      local figures = counters.figures()
      figures:take(tostring(accepted), "x", "-1")
      figures:take("0", "2.5", "1e300", nil) -- no count falls, and what is none is left out
      all:ended { generation = generation, figures = figures, has_served = true, failed = generation % 2 == 1,
        report = { finished = 1 } }
    end
    for generation = 1, 40 do
      for _ = 1, 2 do end_worker(generation, generation) end
    end
    end_worker(3, 1000) -- it has drained for long
    local again = counters.new()
    for _, words in ipairs(all:words()) do again:take_words(table.unpack(words)) end
    for _, one in ipairs { all, again } do
      local sums = one:sums { { generation = 40, figures = counters.figures() } }
      assert.equal(0, sums[1].generation)
      assert.equal(17, #sums)
      assert.equal(40, sums[17].generation)
      local accepted, workers, failed, finished, rest = 0, 0, 0, 0, 0
      for _, entry in ipairs(sums) do
        accepted, workers, failed = accepted + entry.accepted, workers + entry.workers, failed + entry.failed
        finished, rest = finished + entry.finished, rest + entry.requests + entry.replies_5xx + entry.errors
      end
      assert.same({ 2 * 820 + 1000, 81, 41, 81, 0 }, { accepted, workers, failed, finished, rest })
    end
  end)
end)
