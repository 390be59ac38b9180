-- A worker that crashes after a bad deployment starts anew from the file that is bad now.
local build = require "lastcall.supervise.build"
local crashes = require "lastcall.supervise.crashes"
local helper = require "spec.helper"
local supervised = require "spec.support.supervised"

local SOUND = [[
  local lastcall = require "lastcall"
  lastcall.run(function()
    assert(lastcall.listen "%s"):serve(function(conn)
      local line = conn:read()
      if line == "pid" then return conn:write(io.open "/proc/self/stat":read "n", "\n") end
      conn:write(ANSWER, "\n")
    end)
  end, { log = function() end })
]]
local QUIET = { "sh", "-c", 'exec lua5.4 "$0" 2>/dev/null' }

local function answering(address, answer) return (SOUND:format(address):gsub("ANSWER", ("%q"):format(answer))) end

local function told(log, event)
  local list = {}
  for _, one in ipairs(log) do
    if one.event == event then list[#list + 1] = one.fields end
  end
  return list
end

local FAILS = "no worker in the place of one that ended: the script fails"

--- Puts `bad` in the place of the script, by `deploy(lastcall, service)` too, and kills one of two workers: the other
-- serves on, alone. Then the script is good again, and the place is filled.
local function crash_among(bad, options, deploy)
  local address = supervised.address()
  local path = supervised.script(answering(address, "good"))
  local given = { script = path, command = QUIET }
  for name, value in pairs(options or {}) do given[name] = value end
  local first
  supervised.run(given, function(lastcall, service, log)
    supervised.replace(path, bad:find "%%s" and bad:format(address) or bad)
    if deploy then deploy(lastcall, service) end
    os.execute("kill -KILL " .. supervised.ready(service)[1].pid)
    supervised.wait_until(lastcall, function()
      assert.equal("good", supervised.ask(lastcall, address, "hello"))
      return #told(log, FAILS) >= 1
    end)
    assert.equal(1, #supervised.ready(service))
    first = told(log, FAILS)[1]
    assert.equal(path, first.script)
    assert.is_truthy(first.remedy:find "^put a sound script there")
    assert.equal(0.1, first.restart_in)
    supervised.replace(path, answering(address, "better"))
    local seen = {}
    supervised.wait_until(lastcall, function()
      local answer = supervised.ask(lastcall, address, "hello")
      seen[answer or "none"] = true
      return seen.better
    end)
    assert.is_nil(seen.none)
    assert.equal(2, #supervised.ready(service))
    assert.same({ true }, { service:reload() })
    assert.equal("better", supervised.ask(lastcall, address, "hello"))
  end)
  return first.text
end

describe("a worker that crashes after a bad deployment", function()
  it("is tried again while the others serve, when the script does not parse or dies", function()
    assert.is_truthy(crash_among "local = ":find "worker %d has ended with status 1 before it was ready")
    local function reload(_, service) assert.is_nil((service:reload())) end
    assert.is_truthy(crash_among("os.exit(7)", {}, reload):find "with status 7 before it was ready")
  end)

  it("is ended when it hangs, or says that it is not ready", function()
    local seconds = helper.seconds(2)
    local said = ("worker %%d is given up: is not ready after %g s"):format(seconds)
    assert.is_truthy(crash_among("while true do end", { start_timeout = seconds }):find(said))
  end)

  it("gets no client before it has stayed and passed the check, as in a reload", function()
    local function check(_, connect)
      local conn = assert(connect())
      conn:write "hello\n"
      local answer = conn:read()
      conn:close(0)
      return answer == "good" or answer == "better", "it answers " .. tostring(answer)
    end
    local text = crash_among((SOUND:gsub("ANSWER", '"bad"')), { check = check })
    assert.is_truthy(text:find("is given up: the check failed: it answers bad", 1, true), text)
    local dies = SOUND:gsub("ANSWER", '"bad"'):gsub("lastcall.run%(function%(%)",
      "%0 lastcall.spawn(function() lastcall.sleep(0.03) os.exit(3) end)")
    crash_among(dies, { probation = helper.seconds(0.2) })
  end)

  it("is started at once when the script is the one that was proved", function()
    local address = supervised.address()
    local path = supervised.script(answering(address, "good"))
    supervised.run({ script = path, probation = helper.seconds(0.2) }, function(lastcall, service, log)
      for _ = 1, 2 do
        os.execute("kill -KILL " .. supervised.ready(service)[1].pid)
        supervised.wait_until(lastcall, function()
          return #service:status() == 2 and #supervised.ready(service) == 2
        end)
      end
      assert.equal(0, #told(log, FAILS))
      assert.equal(0, told(log, "worker ended unasked")[1].restart_in)
    end)
  end)
end)

describe("a place without a worker", function()
  it("is filled as soon as the file changes, however long the pause", function()
    local path = helper.write_file "bad"
    helper.task(function(lastcall)
      local log, fills = {}, 0
      local gone = { index = 1, began = lastcall.now(), build = build.mark(path),
        is_alive = function() return false end, failure = function() return "why" end }
      local master = { failures = 30, options = { script = path }, places = { gone },
        listeners = { of_place = function() return {} end },
        log = function(_, event, fields) log[event] = fields end, is_stopping = function() return false end,
        wait_change = function(_, seconds) lastcall.sleep(math.min(seconds, 0.02)) end,
        fill = function() fills = fills + 1 end }
      crashes.replace(master, gone)
      assert.same({ failures = 31, seconds = 60 }, log["workers end soon after each start: no start for a while"])
      lastcall.sleep(0.1)
      os.remove(path)
      lastcall.sleep(0.05)
      assert.equal(0, fills)
      helper.write_file("good again", path)
      supervised.wait_until(lastcall, function() return fills == 1 end)
    end)
    os.remove(path)
  end)

  it("is filled when processes can be made again", function()
    local address = supervised.address()
    local path = supervised.script(answering(address, "good"))
    local result = require "spec_faults".run(([[
      package.path = "./?.lua;" .. package.path
      local faults = require "spec_faults"
      local lastcall = require "lastcall"
      lastcall.run(function()
        local log = {}
        local service = lastcall.assert(lastcall.supervise { script = "%s", probation = 0, workers = 2, signals = false,
          command = { "sh", "-c", 'exec lua5.4 "$0" 2>/dev/null' },
          log = function(level, event, fields) log[#log + 1] = event .. " " .. tostring(fields.text) end })
        for _, call in ipairs { "spawn EAGAIN", "pipe EMFILE" } do
          local before = service:status()[1].pid
          faults.fail(call:match "^%%l+", 1, 2, call:match "%%u+$")
          os.execute("kill -KILL " .. before)
          while #log == 0 or not log[#log]:find "cannot be started" do lastcall.sleep(0.01) end
          repeat
            lastcall.sleep(0.01)
            local list = service:status()
          until #list == 2 and list[1].state == "ready" and list[2].state == "ready"
          faults.none()
        end
        log = table.concat(log, "\n")
        assert(log:find "no worker in the place of [^\n]*the limit of processes is reached", log)
        assert(log:find "no worker in the place of [^\n]*no descriptor is free", log)
        service:stop()
        service:wait()
      end, { signals = false, log = print, on_error = print })
    ]]):format(path))
    os.remove(path)
    assert.is_true(result.ok, result.message)
    assert.equal(0, result.open)
  end)
end)
