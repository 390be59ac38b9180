-- Workers that do not do what they say on their line to the supervisor.
local helper = require "spec.helper"
local supervised = require "spec.support.supervised"

local SHORT = helper.seconds(0.3)

local SOUND = [[
  local lastcall = require "lastcall"
  lastcall.run(function()
    lastcall.assert(lastcall.listen "%s"):serve(function(conn)
      conn:write(conn:read(), " ", lastcall.worker().generation, "\n")
    end)
  end, { log = function() end })
]]

-- Waits for the order to drain.
local UNTIL_ORDER = "exec head -c1 <&3 >/dev/null"

-- Sends descriptors, too.
local IN_LUA = [[
  exec lua5.4 -e '
    local core = require "lastcall.core"
    local null = core.pipe_pair()
    local function say(text, fd) core.line_send(3, text, fd) end
    %s
    core.line_wait(3, 60)'
]]

--- Runs body(lastcall, tell, service, log): tell(lie, options) reloads with workers that do so, and returns the reason
-- why that fails. Afterwards the old worker serves on.
local function among_liars(options, body)
  local address = supervised.address()
  local sound = supervised.script(SOUND:format(address))
  local path = supervised.script("exec lua5.4 " .. sound)
  local given = { script = path, workers = 1, command = { "sh" }, start_timeout = helper.seconds(10) }
  for name, value in pairs(options) do given[name] = value end
  supervised.run(given, function(lastcall, service, log)
    local before = supervised.generation(service)
    local descriptors
    local function tell(lie)
      supervised.replace(path, lie)
      local fine, reason = service:reload()
      assert.is_nil(fine, lie)
      supervised.wait_until(lastcall, function() return #service:status() == 1 end)
      assert.equal("hello " .. before, supervised.ask(lastcall, address, "hello"))
      descriptors = descriptors or helper.descriptors()
      assert.equal(descriptors, helper.descriptors())
      return reason
    end
    body(lastcall, tell, service, log)
    supervised.replace(path, "exec lua5.4 " .. sound)
    assert.same({ true }, { service:reload() })
    assert.is_truthy(supervised.ask(lastcall, address, "hello"))
  end)
end

local function assert_says(said, ...)
  for _, words in ipairs { ... } do assert.is_truthy(said:find(words, 1, true), said) end
end

describe("a worker that says that it is ready", function()
  it("and ends, or is not ready any more, keeps the old ones serving", function()
    among_liars({ probation = SHORT }, function(_, tell)
      assert_says(tell "echo ready >&3; exit 0", "has ended with status 0", "after it was ready")
      assert_says(tell "echo ready >&3; echo ready >&3; kill -9 $$", "has ended by signal KILL", "after it was ready")
      assert_says(tell("echo ready >&3; echo unready >&3; " .. UNTIL_ORDER), "is not ready any more")
      assert_says(tell("echo ready >&3; echo draining >&3; " .. UNTIL_ORDER), "drains by itself")
    end)
  end)

  it("and never accepts is found by the check", function()
    local function check(_, connect)
      local conn = assert(connect())
      conn:write "hello\n"
      conn:set_read_timeout(SHORT)
      local answer, code = conn:read()
      conn:close(0)
      return answer ~= nil, "no answer: " .. tostring(code)
    end
    among_liars({ check = check }, function(_, tell)
      local keeps = 'say "ready\\n" core.line_wait(3, 60) core.line_receive(3)'
      assert_says(tell(IN_LUA:format(keeps)), "the check failed: no answer: timeout")
      assert_says(tell "echo ready >&3; exec head -c8 <&3 >/dev/null", "the check failed: no answer: reset")
    end)
  end)

  it("twice, or for another place and generation, is itself and no other", function()
    local address = supervised.address()
    local sound = supervised.script(SOUND:format(address))
    local lie = "printf 'ready\\nready 7\\nready 1\\n' >&3; LASTCALL_WORKER=3:9:9:go exec lua5.4 "
    local path = supervised.script(lie .. sound)
    supervised.run({ script = path, workers = 1, command = { "sh" } }, function(lastcall, service)
      for generation = 1, 2 do
        supervised.wait_until(lastcall, function()
          local list = service:status()
          return #list == 1 and list[1].generation == generation and list[1].index == 1 and list[1].state == "ready"
        end)
        if generation == 1 then assert.same({ true }, { service:reload() }) end
      end
    end)
  end)
end)

describe("a worker that sends nonsense", function()
  it("without an end, or in one that is no message, is given up", function()
    among_liars({}, function(_, tell)
      assert_says(tell "head -c 20000 /dev/zero >&3; exec sleep 60", "worker 1 is given up",
        "more than 16384 bytes without an end of line")
      assert_says(tell "echo 'opened 1 127.0.0.1:1' >&3; exec sleep 60", "127.0.0.1:1 is no socket that listens")
      assert_says(tell(IN_LUA:format 'say("opened 1 here\\n", null)'), "here is no socket that listens")
      assert_says(tell(IN_LUA:format 'for _ = 1, 9 do say("facts 1 2 3\\n", null) end'), "belong to no message")
      assert_says(tell(IN_LUA:format 'for _ = 1, 9 do say("f", null) end'), "belong to no message")
      assert_says(tell "exec 3>&-; exec sleep 60", "it has closed its line")
    end)
  end)

  it("in whole lines is not ready, and named; the loop goes on however much it sends", function()
    among_liars({ start_timeout = helper.seconds(2) }, function(lastcall, tell, _, log)
      local turns, is_over = 0, false
      local counting = lastcall.go(function()
        while not is_over do turns = turns + 1 lastcall.sleep(0.01) end
      end)
      assert_says(tell [[
        printf '\n\1\377 x\nreport ok=99999999999999999999 x=1 =\nstraggler\nlisten\nfacts a b\n' >&3
        yes facts >&3]], "is not ready after", "its line has a message that is not known")
      is_over = true
      counting:wait()
      assert.is_true(turns > 20, turns)
      local told = 0
      for _, one in ipairs(log) do told = told + (one.event == "worker sends what is no message" and 1 or 0) end
      assert.equal(1, told)
    end)
  end)
end)

describe("a line whose descriptors find no room", function()
  it("says so of that message, and has the next one's right", function()
    local path = helper.write_file [[
      local core = require "lastcall.core"
      local line = require "lastcall.supervise.line"
      local ours, theirs = core.socket_pair()
      local from, to = core.pipe_pair()
      local here, there = line.new(ours), line.new(theirs)
      for n = 1, 3 do assert(here:send_with(n == 2 and to or from, n == 2 and "opened" or "take", n, "a")) end
      local held = {}
      repeat held[#held + 1] = io.open "/dev/null" until not io.open "/dev/null"
      local function tell()
        local message = there:receive()
        print(message[1], message[2], message.fd ~= nil, message.is_without)
      end
      tell()
      for _, one in ipairs(held) do one:close() end
      collectgarbage()
      tell()
      tell()
    ]]
    local output = helper.run(("sh -c 'ulimit -n 40; exec lua5.4 %s'"):format(path))
    os.remove(path)
    assert.equal("take\t1\tfalse\ttrue\nopened\t2\ttrue\tfalse\ntake\t3\ttrue\tfalse\n", output)
  end)
end)
