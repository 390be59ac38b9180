local helper = require "spec.helper"
local supervised = require "spec.support.supervised"

local ECHO = [[
local lastcall = require "lastcall"
lastcall.run(function()
  assert(lastcall.listen "%s"):serve(function(conn)
    for line in conn:lines() do
      if line == "die" then os.exit(tonumber(lastcall.worker().index) - 1) end
      if line == "leave" then lastcall.shutdown() end
      conn:write(line, " ", lastcall.worker().index, "\n")
    end
  end)
end, { log = function() end })
]]

local function pids_of(service)
  local pids = {}
  for _, one in ipairs(service:status()) do
    if one.state == "ready" then pids[#pids + 1] = one.pid end
  end
  table.sort(pids)
  return pids
end

local function has(list, wanted)
  for _, one in ipairs(list) do if one == wanted then return true end end
  return false
end

--- Ends one worker by `act(pid)`, and waits until another is in its place. Meanwhile each client is served.
local function replace_one(act)
  local address = supervised.address()
  return supervised.run({ script = supervised.script(ECHO:format(address)) }, function(lastcall, service)
    local victim = pids_of(service)[1]
    act(victim, address, lastcall)
    supervised.wait_until(lastcall, function()
      assert.is_truthy(supervised.ask(lastcall, address, "hello"))
      local pids = pids_of(service)
      return #pids == 2 and not has(pids, victim) or #pids == 2 and not victim
    end)
  end)
end

describe("a worker", function()
  it("that is killed is replaced, and the others serve", function()
    local report = replace_one(function(pid) os.execute("kill -KILL " .. pid) end)
    assert.equal(1, report.failed)
    assert.is_false(report.ok)
  end)

  it("that gets SIGTERM itself drains, and is replaced", function()
    local report = replace_one(function(pid) os.execute("kill -TERM " .. pid) end)
    assert.equal(0, report.failed)
    assert.is_true(report.ok, tostring(report))
  end)

  it("that exits with status 0, or shuts down by itself, is replaced", function()
    local address = supervised.address()
    supervised.run({ script = supervised.script(ECHO:format(address)), workers = 1 }, function(lastcall, service)
      for _, word in ipairs { "die", "leave" } do
        local before = pids_of(service)[1]
        supervised.ask(lastcall, address, word)
        supervised.wait_until(lastcall, function()
          local now = pids_of(service)
          return #now == 1 and now[1] ~= before
        end)
        assert.equal("hello 1", supervised.ask(lastcall, address, "hello"))
      end
    end)
  end)

  it("comes and goes with grow and shrink", function()
    local address = supervised.address()
    supervised.run({ script = supervised.script(ECHO:format(address)), workers = 1 }, function(lastcall, service)
      assert.same({ true }, { service:grow() })
      assert.same({ true }, { service:grow() })
      local list = service:status()
      assert.same({ 1, 2, 3 }, { list[1].index, list[2].index, list[3].index })
      assert.same({ true }, { service:reload() })
      supervised.wait_until(lastcall, function() return #service:status() == 3 end)
      assert.same({ true }, { service:shrink() })
      assert.same({ true }, { service:shrink() })
      assert.same({ nil, "one worker is left; stop the service instead" }, { service:shrink() })
      supervised.wait_until(lastcall, function() return #service:status() == 1 end)
      assert.equal("hello 1", supervised.ask(lastcall, address, "hello"))
    end)
  end)

  it("tells how many connections it has", function()
    local address = supervised.address()
    supervised.run({ script = supervised.script(ECHO:format(address)), workers = 1 }, function(_, service)
      local conn = helper.ask(address, "hello")
      assert.equal("hello 1", conn:read())
      local one = service:status()[1]
      assert.same({ 1, 1, "ready", 1 }, { one.connections, one.accepted, one.state, one.generation })
      conn:close(0)
    end)
  end)

  it("has the descriptors that it was given, and no others, and its children have none of them", function()
    local address = supervised.address()
    local path = supervised.script(([[
      local lastcall = require "lastcall"
      assert(os.getenv "LASTCALL_WORKER" == nil)
      local function open_in(pid)
        local list = io.popen("ls -l /proc/" .. pid .. "/fd")
        local text = list:read "a"
        list:close()
        return select(2, text:gsub("socket:", "")) + select(2, text:gsub("pipe:", ""))
      end
      lastcall.run(function()
        assert(lastcall.listen "%s"):serve(function(conn)
          conn:write(open_in("self"), " ", os.getenv "LASTCALL_WORKER" or "none", "\n")
        end)
      end, { log = function() end })
    ]]):format(address))
    supervised.run({ script = path, workers = 1 }, function(lastcall)
      assert.equal("2 none", supervised.ask(lastcall, address, "hello")) -- of a child of it: stdout, and stderr
    end)
  end)

  it("whose script has port 0 shares one port with all others", function()
    local told = os.tmpname()
    local path = supervised.script(([[
      local lastcall = require "lastcall"
      lastcall.run(function()
        local server = assert(lastcall.listen "127.0.0.1:0")
        local other = assert(lastcall.listen "127.0.0.1:0")
        local file = io.open(%q, "a")
        file:write(server:addresses()[1], " ", other:addresses()[1], "\n")
        file:close()
        lastcall.spawn(function() other:serve(function() end) end)
        server:serve(function() end)
      end, { log = function() end })
    ]]):format(told))
    supervised.run({ script = path, workers = 3 }, function(_, service)
      assert.same({ true }, { service:reload() })
      local lines, first = 0, nil
      for line in io.lines(told) do
        first, lines = first or line, lines + 1
        assert.equal(first, line)
      end
      assert.equal(6, lines)
      local one, other = first:match "^(%S+) (%S+)$"
      assert.are_not.equal(one, other)
    end)
    os.remove(told)
  end)
end)

describe("workers that end again and again", function()
  it("are started after growing pauses, and after many not for a while", function()
    local pause = require("lastcall.supervise.crashes").pause
    local pauses = {}
    for failures = 1, 10 do pauses[failures] = pause(failures) end
    assert.same({ 0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 60 }, pauses)
  end)

  it("are told in the log", function()
    local address = supervised.address()
    local options = { script = supervised.script(ECHO:format(address)), workers = 1 }
    supervised.run(options, function(lastcall, service, log)
      for i = 1, 3 do
        supervised.wait_until(lastcall, function() return supervised.ask(lastcall, address, "die") == nil end)
        supervised.wait_until(lastcall, function() return #log == i end)
      end
      assert.equal("worker ended unasked", log[3].event)
      assert.equal(0.2, log[3].fields.restart_in)
      assert.equal("with status 0", log[3].fields.ended)
      supervised.wait_until(lastcall, function() return #pids_of(service) == 1 end)
    end)
  end)
end)

describe("a master that is process 1", function()
  local UNSHARE = "unshare --fork --pid --mount-proc --kill-child "
  local _, can_unshare = helper.run(UNSHARE .. "true")

  it("takes a share of them in a turn, however many have ended", function()
    local core = require "lastcall.core"
    local process_id, reap = core.process_id, core.subprocess_reap_stranger
    local taken, turns = 0, 0
    core.process_id = function() return 1 end
    core.subprocess_reap_stranger = function() -- more and more
      taken = taken + 1
      return taken < 2000 and taken
    end
    helper.task(function(lastcall)
      local forget = require "lastcall.supervise.strangers".follow()
      while taken < 2000 do
        turns = turns + 1
        lastcall.sleep(0)
      end
      forget()
    end)
    core.process_id, core.subprocess_reap_stranger = process_id, reap
    assert.is_true(turns > 50, turns)
  end)

  it("waits for the children of processes that have ended", function()
    if not can_unshare then return pending "no process numbers of one's own here: unshare is refused" end
    local worker = helper.write_file(([[
      os.execute "(sleep 0.1 &)"
      ]] .. ECHO):format(supervised.address()))
    local master = helper.write_file(([[
      local lastcall = require "lastcall"
      local function count()
        local list = io.popen "cat /proc/[0-9]*/stat"
        local _, zombies = list:read("a"):gsub("%%) Z ", "")
        list:close()
        return zombies
      end
      lastcall.run(function()
        local service = lastcall.assert(lastcall.supervise { script = %q, workers = 3, probation = 0 })
        lastcall.sleep(0.3) -- by then those that the workers have left behind have ended
        local deadline = lastcall.now() + 10
        while count() > 0 and lastcall.now() < deadline do lastcall.sleep(0.1) end
        print(count())
        service:stop()
        print(service:wait())
      end, { signals = false, log = function() end })
    ]]):format(worker))
    local output, fine = helper.run(UNSHARE .. "lua5.4 " .. master)
    os.remove(worker)
    os.remove(master)
    assert.is_true(fine, output)
    assert.is_truthy(output:find("0\nservice ok, 3 workers", 1, true), output)
  end)
end)
