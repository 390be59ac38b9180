-- The option `pin`: each worker on a processor of its own.
local helper = require "spec.helper"
local process = require "spec.support.process"
local supervised = require "spec.support.supervised"

-- %s: the address
local SERVER = [[
local lastcall = require "lastcall"
lastcall.run(function()
  assert(lastcall.listen "%s"):serve(function(conn) conn:write(conn:read(), "\n") end)
end, { log = function() end })
]]

--- The processors that a process may use, as numbers.
local function processors_of(pid)
  local text, list = helper.read_file(("/proc/%s/status"):format(pid)):match "Cpus_allowed_list:%s*(%S+)", {}
  for from, to in text:gmatch "(%d+)%-?(%d*)" do
    for number = math.tointeger(from), math.tointeger(to) or math.tointeger(from) do list[#list + 1] = number end
  end
  return list
end

--- The processors that each worker may use, by its place.
local function by_place(service)
  local list = {}
  for _, one in ipairs(service:status()) do
    if one.state == "ready" then list[one.index] = processors_of(one.pid) end
  end
  return list
end

local all = processors_of "self"

local function of_place(place) return all[(place - 1) % #all + 1] end

describe("workers that are pinned", function()
  it("have a processor each, the same after a reload and a crash; more workers than processors share them", function()
    local count = math.min(#all, 4) + 1
    local expected = {}
    for place = 1, count do expected[place] = { of_place(place) } end
    local given = { script = supervised.script(SERVER:format(supervised.address())), pin = true, workers = count }
    supervised.run(given, function(lastcall, service)
      assert.same(expected, by_place(service))
      for _, one in ipairs(service:status()) do assert.equal(of_place(one.index), one.processor) end
      assert.same({ true }, { service:reload() })
      assert.same(expected, by_place(service))
      for _, one in ipairs(service:status()) do
        if one.state == "ready" and one.index == count then os.execute("kill -KILL " .. one.pid) end
      end
      supervised.wait_until(lastcall, function()
        local list = service:status()
        return #list == count and list[count].state == "ready"
      end)
      assert.same(expected, by_place(service))
    end)
  end)

  it("keep to the processors that the master was started with, and are not pinned without the option", function()
    local last = all[#all]
    for _, pin in ipairs { true, false } do
      local script = helper.write_file(SERVER:format(supervised.address()))
      local master = process.script(([[
        local lastcall = require "lastcall"
        lastcall.run(function()
          os.execute("taskset -cp %d " .. io.open("/proc/self/stat"):read "n" .. " >/dev/null")
          local service = lastcall.assert(lastcall.supervise { script = %q, workers = 2, probation = 0, pin = %s })
          os.execute("taskset -cp %d-%d " .. io.open("/proc/self/stat"):read "n" .. " >/dev/null")
          assert(service:grow())
          local list = {}
          for i, one in ipairs(service:status()) do list[i] = one.pid end
          print("pids " .. table.concat(list, " "))
          io.stdout:flush()
          print(service:wait())
        end, { signals = false, log = function() end })
      ]]):format(last, script, pin, all[1], last))
      local line
      repeat line = master.pipe:read() until not line or line:find "^pids"
      local pids, allowed = {}, {}
      for pid in (line or ""):gmatch "%d+" do
        pids[#pids + 1] = pid
        allowed[#pids] = processors_of(pid)
      end
      assert.equal(3, #pids, line)
      assert.same({ last }, allowed[1])
      assert.same({ last }, allowed[2])
      assert.same(pin and { of_place(3) } or all, allowed[3]) -- by then there are more
      master:drain()
      os.remove(script)
    end
  end)

  it("that cannot be run on all, and the log says so: its processor has gone, or none is known", function()
    local faults = require "spec_faults"
    local script = helper.write_file(SERVER:format(supervised.address()))
    for call, code in pairs { process_pin = "EINVAL", processors = "ENOSYS" } do
      local result = faults.run(([[
        local lastcall = require "lastcall"
        local faults = require "spec_faults"
        lastcall.run(function()
          faults.fail(%q, 1, 1, %q)
          local told = 0
          local service = lastcall.assert(lastcall.supervise { script = %q, workers = 2, probation = 0, pin = true,
            command = { "lua5.4" }, log = function(_, event)
              if event:find "not pinned" then told = told + 1 end
            end, signals = false })
          assert(told == 1, told)
          for _, one in ipairs(service:status()) do assert((one.processor == nil) == (one.index == 1)) end
          service:stop()
          service:wait()
        end, { log = function() end, signals = false })
      ]]):format(call, code, script))
      assert.is_true(result.ok, result.message)
    end
    os.remove(script)
  end)
end)
