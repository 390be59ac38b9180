-- scripts/test: early
local helper = require "spec.helper"
local manager = require "spec.support.activation"
local process = require "spec.support.process"

local SERVE = [[
  local lastcall = require "lastcall"
  lastcall.run(function()
    local server = assert(lastcall.listen "127.0.0.1:0")
    print("listening " .. server:addresses()[1])
    io.stdout:flush()
    server:serve(function(conn) for line in conn:lines() do conn:write("re:", line, "\n") end end)
  end, { drain = DRAIN, max_block = false })
]]

local function serving(drain) return (SERVE:gsub("DRAIN", drain or "5")) end

local function with(make, body)
  local one = make()
  local fine, err = xpcall(body, debug.traceback, one)
  one:close()
  assert(fine, err)
end

describe("the service manager", function()
  for kind, make in pairs { ["in a folder"] = manager.new, ["with an abstract name"] = manager.abstract } do
    it("is told of a server that is ready and that stops; its socket is " .. kind, function()
      with(make, function(one)
        local program = one:start(serving())
        assert(program:address())
        assert.is_truthy(one:wait_for("READY=1"):find("STATUS=serving, 0 connections", 1, true))
        program:signal "TERM"
        assert.is_nil(one:wait_for("STOPPING=1"):find("READY=1", 1, true))
        local output, fine = program:finish()
        assert.is_true(fine, output)
        assert.is_truthy(one:rest():find("\nEXTEND_TIMEOUT_USEC=5000000", 1, true))
        assert.is_nil(output:find("service manager", 1, true), output)
      end)
    end)
  end

  for name, text in pairs {
    ["accept by hand"] = [[
      lastcall.run(function() assert(lastcall.listen "127.0.0.1:0"):accept(20) end)
    ]],
    ["a server of requests"] = [[
      require "lastcall.http".serve("127.0.0.1:0", function() return "x" end)
    ]],
    ["the script's word, without any server"] = [[
      lastcall.run(function(ctx) lastcall.set_ready(true) ctx:wait() end)
    ]],
  } do
    it("is told that it is ready by " .. name, function()
      with(manager.new, function(one)
        local program = one:start("local lastcall = require 'lastcall' " .. text)
        one:wait_for "READY=1"
        program:signal "TERM"
        one:wait_for "STOPPING=1"
        program:signal "TERM"
        program:finish()
      end)
    end)
  end

  for name, text in pairs {
    accept = [[ local server = require "socket".bind("127.0.0.1", 0) server:accept() ]],
    select = [[
      local socket = require "socket"
      local server = socket.bind("127.0.0.1", 0)
      socket.select({ server }, nil, 20)
    ]],
  } do
    it("is told that a script for LuaSocket is ready: " .. name, function()
      with(manager.abstract, function(one)
        local program = one:start_script(text)
        one:wait_for "READY=1"
        program:signal "TERM"
        one:wait_for "STOPPING=1"
        program:finish()
      end)
    end)
  end

  it("waits for the script that has said that it is not ready", function()
    with(manager.new, function(one)
      local program = one:start [[
        local lastcall = require "lastcall"
        lastcall.set_ready(false)
        lastcall.run(function()
          local server = assert(lastcall.listen "127.0.0.1:0")
          lastcall.go(function() server:serve(function() end) end)
          lastcall.sleep(0.2)
          print(lastcall.ready(), server:ready())
          lastcall.set_ready(true)
          print(lastcall.ready(), server:ready())
          lastcall.sleep(0.2)
          lastcall.shutdown()
        end, { max_block = false })
      ]]
      local told = one:wait_for "READY=1"
      assert.is_truthy(told:find("STATUS=not ready, 0 connections.*READY=1\nSTATUS=serving"), told)
      one:wait_for "STOPPING=1"
      assert.equal("false\tfalse\ntrue\ttrue\n", helper.without_trace((program:finish())))
    end)
  end)

  it("is not told of runs before the service, nor of those behind it", function()
    with(manager.new, function(one)
      local program = one:start([[
        local lastcall = require "lastcall"
        lastcall.run(function() lastcall.sleep(0.01) end)
      ]] .. serving() .. [[
        lastcall.run(function() lastcall.set_ready(true) lastcall.sleep(0.01) end)
      ]])
      assert(program:address())
      local told = one:wait_for "READY=1"
      assert.is_nil(told:find("STOPPING", 1, true), told)
      program:signal "TERM"
      one:wait_for "STOPPING=1"
      assert.is_true(select(2, program:finish()))
      assert.is_nil(one:rest():find("READY", 1, true))
    end)
  end)

  it("and balancers of HTTP are told the same", function()
    helper.task(function(run)
      local http = require "lastcall.http"
      local server = assert(run.listen "127.0.0.1:0")
      run.go(function() server:serve(http.handler(function() return "x" end, { ready = "/ready" })) end)
      local client = http.client()
      local function status() return assert(client:get("http://" .. server:addresses()[1] .. "/ready")).status end
      assert.equal(200, status())
      run.set_ready(false)
      assert.equal(503, status())
      run.set_ready(true)
      assert.equal(200, status())
      assert.equal(200, assert(client:get("http://" .. server:addresses()[1] .. "/")).status)
      client:close()
      server:close()
    end)
    helper.raises("set_ready: the argument is true or false", require "lastcall".set_ready, "yes")
  end)

  it("that has no room is told later, and the program does not wait for it", function()
    with(manager.new, function(one)
      assert.is_true(one:fill() > 0)
      local program = one:start(serving())
      local address = program:address()
      helper.task(function() assert.equal("re:hello", helper.ask(address, "hello"):read()) end)
      one:wait_for "READY=1"
      program:signal "TERM"
      one:wait_for "STOPPING=1"
      assert.is_true(select(2, program:finish()))
    end)
  end)

  it("that is gone, or cannot be, costs a warning, and nothing else", function()
    local PATHS = { ["no such file"] = "/nowhere/at/all", ["neither with a slash nor with @"] = "here" }
    for what, path in pairs(PATHS) do
      local file = helper.write_file(serving())
      local program = process.start(("env NOTIFY_SOCKET=%s lua5.4 %s"):format(path, file))
      local warning = program.pipe:read()
      assert.is_truthy(warning:find("service manager", 1, true), warning)
      assert.is_truthy(path == "/nowhere/at/all" or warning:find(what, 1, true), warning)
      assert(program:address())
      program:signal "TERM"
      local output, fine = program:finish()
      os.remove(file)
      assert.is_true(fine, output)
      assert.is_nil(output:find("service manager", 1, true), output)
    end
  end)

  it("is nothing that a child process learns of", function()
    with(manager.new, function(one)
      local program = one:start([[
        local lastcall = require "lastcall"
        lastcall.run(function() os.execute "env" end)
      ]], "WATCHDOG_USEC=5000000 OTHER=stays")
      local output = program:finish()
      assert.is_nil(output:find("NOTIFY_SOCKET", 1, true), output)
      assert.is_nil(output:find("WATCHDOG", 1, true), output)
      assert.is_truthy(output:find("OTHER=stays", 1, true), output)
    end)
  end)
end)

describe("the watchdog of the service manager", function()
  it("hears from a loop that turns, and not from one that stands still", function()
    with(manager.new, function(one)
      local program = one:start([[
        local lastcall = require "lastcall"
        local system = require "spec_system"
        lastcall.run(function()
          lastcall.sleep(0.5)
          lastcall.set_ready(true)
          lastcall.sleep(0.1)
          os.execute "sleep 1"
          print "awake"
        end, { max_block = false })
      ]], "WATCHDOG_USEC=300000")
      local before = select(2, one:wait_for("READY=1"):gsub("WATCHDOG=1", ""))
      assert.is_true(before >= 2, before)
      local now = require "lastcall".now
      local longest, last = 0, now()
      repeat
        if one:told(0.05) then longest, last = math.max(longest, now() - last), now() end
      until program:has_ended()
      assert.is_true(longest >= helper.least(1), longest)
      program:finish()
    end)
  end)

  for what, variables in pairs {
    ["another process's"] = "WATCHDOG_USEC=90000 WATCHDOG_PID=1",
    ["none"] = "WATCHDOG_USEC=soon",
  } do
    it("that is " .. what .. " hears nothing", function()
      with(manager.new, function(one)
        local program = one:start([[
          local lastcall = require "lastcall"
          lastcall.run(function() lastcall.sleep(0.2) end)
        ]], variables)
        local output = program:finish()
        assert.is_nil(one:rest():find("WATCHDOG", 1, true))
        assert.equal(what == "none", output:find("WATCHDOG_USEC is \"soon\"", 1, true) ~= nil, output)
      end)
    end)
  end
end)

-- The drain is held by a connection; the spec counts the requests for more time by the fast clock.
local HELD = [[
  if os.getenv "LASTCALL_CLOCK" == "fast" then require "spec_clock" end
  local lastcall = require "lastcall"
  lastcall.run(function()
    local server = assert(lastcall.listen "127.0.0.1:0")
    lastcall.go(function() server:serve(function(conn, ctx) HANDLER end) end)
    local client = assert(lastcall.connect(server:addresses()[1]))
    client:write "x\n"
    client:flush()
    server:wait_for("==", 1)
    while server:count "active" == 0 do lastcall.sleep(0.01) end
    lastcall.shutdown()
    while client:read() do end
  end, { drain = { timeout = 9 } })
]]

describe("more time to stop", function()
  local function extensions(handler)
    local count
    with(manager.new, function(one)
      local program = one:start((HELD:gsub("HANDLER", handler)), "LASTCALL_CLOCK=fast")
      repeat one:told(0.05) until program:has_ended()
      program:finish()
      count = select(2, table.concat(one.messages, "\n"):gsub("EXTEND_TIMEOUT_USEC=", ""))
    end)
    return count
  end

  it("is asked for as long as the drain makes progress, and no longer", function()
    local held = extensions "conn:read() lastcall.sleep(8)"
    local busy = extensions "conn:read() for _ = 1, 16 do conn:write 'y\\n' conn:flush() lastcall.sleep(0.5) end"
    assert.is_true(held <= 4, held) -- the steps are progress
    assert.is_true(busy >= 6, busy)
  end)
end)

describe("LASTCALL_GRACE", function()
  local function warned(variables, drain, program)
    local file = helper.write_file(([[
      local lastcall = require "lastcall"
      lastcall.run(function()
        local server = assert(lastcall.listen "127.0.0.1:0")
        lastcall.go(function() server:serve(function() end) end)
        lastcall.sleep(0.02)
        server:shutdown(1)
      end, { drain = %s, log = function(level, event, fields)
        local grace, given = fields.LASTCALL_GRACE, fields.given
        if grace or given then print(level, event, fields.drain_timeout, grace, given) end
      end })
    ]]):format(drain))
    local output = helper.run(("env %s lua5.4 %s %s"):format(variables, program or "", file))
    os.remove(file)
    return helper.without_trace(output)
  end

  it("that the drain does not fit into is told at the start, with both numbers", function()
    for grace, drain in pairs { ["20"] = "25", ["30s"] = "{ timeout = 30 }" } do
      local numbers = ("over\t%s\t%s"):format(drain:match "%d+", grace:match "%d+")
      local output = warned("LASTCALL_GRACE=" .. grace, drain)
      assert.is_truthy(output:find("^warning\tthe process is killed before its drain is " .. numbers), output)
    end
  end)

  it("is compared with the script's own drain where the program lastcall runs it", function()
    assert.equal("", warned("LASTCALL_GRACE=20", "15", "bin/lastcall"))
    assert.is_truthy(warned("LASTCALL_GRACE=20", "21", "bin/lastcall"):find("over\t21\t20", 1, true))
  end)

  it("that leaves enough time, or is not set, is no news; one that is no number is told", function()
    assert.equal("", warned("LASTCALL_GRACE=30", "25"))
    assert.equal("", warned("", "25"))
    assert.is_truthy(warned("LASTCALL_GRACE=long", "25"):find("no number of seconds\tnil\tnil\tlong", 1, true))
  end)
end)
