-- scripts/test: early
--- Bad luck, seen from Lua: a call of the kernel fails, memory runs out, a state is closed at a bad moment.
local faults = require "spec_faults" -- before lastcall, whose loop in this state runs on it
local helper = require "spec.helper"

local SHORTAGES = { "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM" }

--- Serves three clients and drains. Ends by itself whatever is lost on the way. Failures must say which
-- operation met which errno.
local LIFE = [[
local faults = require "spec_faults"
local expected = { WORDS } -- the words of one errno
local lastcall = require "lastcall"
faults.speed(SPEED)

local function check(value, code, message)
  if value then return value end
  local told = tostring(code) .. " " .. tostring(message)
  for _, word in ipairs(expected) do if told:find(word, 1, true) then return nil end end
  if code == "timeout" or code == "closed" or code == "eof" or code == "reset" or code == "broken pipe" then
    return nil -- what the other end makes of it
  end
  error("does not say why: " .. told, 2)
end

local answered = 0
local function ask(address)
  local conn = check(lastcall.connect(address, { timeout = 20, read_timeout = 20 }))
  if not conn then return end
  if check(conn:write("hello\n")) and check(conn:read()) == "hello" then answered = answered + 1 end
  check(conn:close(0.5))
end

local function main()
  lastcall.spawn(function() lastcall.sleep(60) lastcall.shutdown(0) end)
  local server = check(lastcall.listen("127.0.0.1:0")) or check(lastcall.listen("127.0.0.1:0"))
  if not server then return lastcall.shutdown() end
  lastcall.spawn(function()
    server:serve(function(conn)
      for line in conn:lines() do conn:write(line, "\n") end
    end)
  end)
  for _ = 1, 3 do ask(server:addresses()[1]) end
  lastcall.shutdown()
end

local function quiet() end
faults.arm()
FIRST
local report = lastcall.run(main, { signals = false, drain = 10, log = quiet, on_error = quiet,
  exit_when_stuck = false }) -- with time running so fast, a pause of the scheduler counts as seconds
assert(report.elapsed < 60, "the drain took too long")
]]

local slow = helper.seconds(1)

--- `first` is done when everything is loaded; time goes `speed` times as fast.
local function life(words, first, speed)
  local parts = { WORDS = words or "", FIRST = first or "", SPEED = math.max(1, (speed or 20) // slow) }
  return (LIFE:gsub("%u%u%u+", parts))
end

--- Fails the n-th call of a kind in the n-th life, until there are no more such calls.
local function walk(call, code, words)
  local runs = 0
  for n = 1, 300 do
    if n > 40 and n % 16 ~= 0 then goto continue end
    local result = faults.run(life(words, ('faults.fail("%s", %d, 1, "%s")'):format(call, n, code))
      .. ('\nif faults.failed("%s") == 0 then error("nothing left to fail", 0) end\nassert(answered >= 2, '
      .. '"one client\'s trouble was another\'s: " .. answered)'):format(call))
    assert.equal(0, result.open, ("%s %d: descriptors left: %s"):format(call, n, result.message))
    assert.equal(0, result.strange, ("%s %d: closed what was not open"):format(call, n))
    if result.message == "nothing left to fail" then break end
    assert.is_true(result.ok, ("%s %d: %s"):format(call, n, result.message))
    runs = runs + 1
    ::continue::
  end
  assert.is_true(runs > 0, call .. " was never called")
end

describe("bad luck:", function()
  it("a life without any leaves nothing behind", function()
    local result = faults.run(life() .. "\nassert(answered == 3)")
    assert.is_true(result.ok, result.message)
    assert.equal(0, result.open)
  end)

  for _, case in ipairs {
    { "socket", "EMFILE", '"emfile", "open files"' },
    { "bind", "EADDRINUSE", '"address in use"' },
    { "listen", "EADDRINUSE", '"address in use"' },
    { "setsockopt", "ENOBUFS", '"enobufs", "buffer space"' },
    { "getsockname", "ENOBUFS", '"enobufs", "buffer space"' },
    { "connect", "EACCES", '"permission denied"' },
    { "accept", "ECONNABORTED" },
    { "accept", "EMFILE" },
    { "accept", "EINTR" },
    { "setsockopt", "EINTR" },
    { "poller_wait", "EINTR" },
    { "sendmsg", "EINTR" },
    { "poller_control", "ENOSPC", '"enospc", "space"' },
    { "recv", "EIO", '"eio"' },
    { "recv", "EINTR" },
    { "sendmsg", "EPIPE", '"broken pipe"' },
    { "sendmsg", "EIO", '"eio"' },
    { "sendmsg", "ENOBUFS" },
    { "shutdown", "ENOTCONN", '"reset", "not connected"' },
    { "unacked", "EIO", '"eio"' },
    { "close", "EINTR" },
  } do
    it(("%s may fail with %s at any point"):format(case[1], case[2]), function()
      walk(case[1], case[2], case[3])
    end)
  end

  for _, call in ipairs { "poller_create", "wake_create" } do
    it(call .. " may fail: loading says why, and can be tried again", function()
      local result = faults.run(([[
        local faults = require "spec_faults"
        faults.fail("%s", 1, 1, "EMFILE")
        local fine, message = pcall(require, "lastcall")
        assert(not fine and tostring(message):find("open files"), tostring(message))
        assert(faults.open() == 0 or collectgarbage() == 0)
        assert(require "lastcall".run(function() end, { signals = false }).ok)
      ]]):format(call))
      assert.is_true(result.ok, result.message)
      assert.equal(0, result.open)
    end)
  end

  for _, code in ipairs(SHORTAGES) do
    it(code .. " at accept pauses, is told once, and those who wait are served", function()
      local notes = {}
      helper.task(function(lastcall)
        local _, address = helper.serve(lastcall, function(conn)
          for line in conn:lines() do conn:write(line, "\n") end
        end)
        local first = assert(lastcall.connect(address))
        assert(first:write("before\n"))
        assert.equal("before", first:read())
        faults.fail("accept", 1, 4, code)
        local before = faults.made("accept")
        local second = assert(lastcall.connect(address))
        assert(second:write("queued\n"))
        assert(second:flush())
        assert(first:write("meanwhile\n")) -- the others are served
        assert.equal("meanwhile", first:read())
        assert.equal("queued", second:read())
        assert.is_true(faults.made("accept") - before < 10) -- no spinning
        first:close()
        second:close()
      end, { log = function(_, message, fields)
        if message:find("accept") then notes[#notes + 1] = { message, fields.code or fields.cause } end
      end })
      assert.equal(2, #notes)
      assert.equal("accept paused", notes[1][1])
      assert.equal("accept resumed", notes[2][1])
    end)
  end
end)

describe("where one call fails", function()
  local function lives(script)
    local result = faults.run('local faults = require "spec_faults"\nlocal lastcall = require "lastcall"\n' .. script)
    assert.is_true(result.ok, result.message)
    assert.equal(0, result.open)
  end

  it("a task that begins to poll in vain leaves those who poll the same descriptor waiting for it", function()
    lives [[
      lastcall.run(function()
        local server = assert(lastcall.listen("127.0.0.1:0"))
        local conn = assert(lastcall.connect(server:addresses()[1]))
        local fd, _, ticket = assert(server:accept()):detach()
        local first = lastcall.go(lastcall.poll, fd, "r", 5)
        lastcall.sleep(0.01)
        faults.fail("poller_control", 2, 1, "ENOMEM") -- the first takes it out
        local ready, code = lastcall.poll(fd, "r", 5)
        assert(ready == nil and code == "enomem", code)
        conn:write("x")
        conn:flush()
        assert(first:wait() == "r")
        ticket:done()
        require "lastcall.core".socket.close(fd)
        conn:close(0)
        lastcall.shutdown()
      end, { signals = false, drain = 1, log = function() end })
    ]]
  end)

  it("a first byte that no memory was there for ends the connection, whose handler would never begin", function()
    lives [[
      lastcall.run(function()
        local server = assert(lastcall.listen("127.0.0.1:0", { start = "data" }))
        lastcall.spawn(function() server:serve(function() error("there was no first byte") end) end)
        local conn = assert(lastcall.connect(server:addresses()[1], { read_timeout = 5 }))
        lastcall.sleep(0.05)
        faults.fail("recv", 1, 1, "ENOMEM")
        conn:write("x")
        conn:flush()
        lastcall.sleep(0.1)
        local _, code = conn:read()
        assert(code == "reset", code)
        conn:close()
        lastcall.shutdown()
      end, { signals = false, drain = 1, log = function() end })
    ]]
  end)

  for _, when in ipairs { "the key of its handshake", "the mask of its first message" } do
    it("a WebSocket client says so when there are no random bytes for " .. when, function()
      lives(([[
        local http = require "lastcall.http"
        local is_key = %s
        lastcall.run(function()
          local server = assert(lastcall.listen("127.0.0.1:0"))
          lastcall.spawn(function()
            server:serve(http.handler(function(request, response)
              local ws = http.websocket(request, response)
              while ws and ws:read() do end
            end))
          end)
          if is_key then faults.fail("random", 1, 1, "EIO") end
          local ws, code, message = http.connect_websocket("ws://" .. server:addresses()[1])
          if not is_key then
            faults.fail("random", 1, 1, "EIO")
            ws, code, message = assert(ws):send("hello")
          end
          assert(ws == nil and code == "eio" and message:find("Input/output error", 1, true), message)
          lastcall.shutdown()
        end, { signals = false, drain = 1, log = function() end })
      ]]):format(when:find "key" ~= nil))
    end)
  end

  it("a status page says so when there are no random bytes for it, and in its own name", function()
    lives [[
      local http = require "lastcall.http"
      local said
      lastcall.run(function()
        local server = assert(lastcall.listen("127.0.0.1:0", { on_error = function(err) said = err end }))
        lastcall.spawn(function() server:serve(http.handler(http.status())) end)
        local url = ("http://%s/"):format(server:addresses()[1])
        faults.fail("random", 1, 1, "EIO")
        assert(http.get(url).status == 500)
        assert(said:find("http.status: Input/output error", 1, true), said)
        assert(not said:find("websocket", 1, true), said)
        assert(http.get(url).status == 200)
        lastcall.shutdown()
      end, { signals = false, drain = 1, log = function() end })
    ]]
  end)
end)

describe("short of memory,", function()
  for _, times in ipairs { 2, 12, 1000000 } do
    it(("a life ends, with %s refused, at whatever moment it begins"):format(
      times == 1000000 and "everything from then on" or times .. " allocations"), function()
      local script = life('"memory"', nil, 200) -- what waits for an answer in vain is not waited for
      local all = faults.run(script).allocations
      assert.is_true(all > 100)
      for n = 1, all, 11 do
        local result = faults.run(script, { n, times })
        assert.equal(0, result.open, ("allocation %d: descriptors left: %s"):format(n, result.message))
        assert.equal(0, result.strange)
      end
    end)
  end

  --- Refuses two allocations, beginning with each in turn.
  local function at_every_point(script)
    local all = faults.run(script)
    assert.is_true(all.ok, all.message)
    for n = 1, all.allocations do
      local result = faults.run(script, { n, 2 })
      assert.equal(0, result.open, ("allocation %d: descriptors left: %s"):format(n, result.message))
      assert.equal(0, result.strange)
    end
  end

  it("listen with a control function leaves no descriptor", function()
    at_every_point [[
      local lastcall = require "lastcall"
      local options = { control = function(sock) sock:setsockopt("rcvbuf", 65536) end }
      require "spec_faults".arm()
      pcall(lastcall.listen, "127.0.0.1:0", options)
    ]]
  end)

  it("detach hands the descriptor over or leaves it with the connection", function()
    at_every_point(([[
      local faults = require "spec_faults"
      local lastcall = require "lastcall"
      local close = require "lastcall.core".socket.close
      faults.speed(%d)
      local hooks = { on_drain = function() end }
      lastcall.run(function()
        local server = assert(lastcall.listen("127.0.0.1:0"))
        local conn = assert(lastcall.connect(server:addresses()[1]))
        local there = assert(server:accept())
        conn:write("hello")
        conn:flush()
        there:await()
        local function detach()
          local fd, _, ticket = there:detach(hooks)
          close(fd)
          ticket:done()
        end
        faults.arm()
        pcall(detach)
        lastcall.shutdown()
      end, { signals = false, drain = 2, log = function() end, on_error = function() end, exit_when_stuck = false })
    ]]):format(math.max(1, 200 // slow)))
  end)

  for _, make in ipairs { "tcp4", "tcp6", "udp4", "udp6" } do
    it(("socket.%s leaves no descriptor"):format(make), function()
      at_every_point(([[
        local make = require "lastcall.socket".%s
        require "spec_faults".arm()
        pcall(make)
      ]]):format(make))
    end)
  end

  for way, call in pairs { ["ctx:go"] = "pcall(ctx.go, ctx, work)", ["a task of the modules' own"] =
    'pcall(require "lastcall.core".system_task, ctx, work)' } do
    it(way .. " that cannot start a task leaves the context to the collector", function()
      local script = ([[
        local faults = require "spec_faults"
        local lastcall = require "lastcall"
        local seen = setmetatable({}, { __mode = "k" })
        local function work() end
        local function try()
          local ctx = lastcall.context.with_cancel()
          seen[ctx] = true
          faults.arm()
          %s
        end
        lastcall.run(function()
          try()
          for _ = 1, 3 do
            lastcall.sleep(0)
            collectgarbage()
          end
          assert(not next(seen), "the context is held")
        end, { signals = false, log = function() end, exit_when_stuck = false })
      ]]):format(call)
      for n = 1, 8 do
        local result = faults.run(script, { n, 2 })
        assert.is_nil(result.message:find "is held", n)
      end
      local whole = faults.run(script)
      assert.is_true(whole.ok, whole.message)
    end)
  end

  for way, lines in pairs {
    ["server:accept"] = { "waiting = lastcall.connect(address, { read_timeout = 0.1 })", "server:accept(0.001)" },
    ["socket:accept"] = { "waiting = lastcall.connect(address, { read_timeout = 0.1 })", "listening:accept()" },
    ["lastcall.connect"] = { "", "lastcall.connect(address)" },
  } do
    it(way .. " leaves no connection that it has no object for", function()
      local script = ([[
        local faults = require "spec_faults"
        local lastcall = require "lastcall"
        local socket = require "lastcall.socket"
        local waiting
        local function some_turns() for _ = 1, 10 do lastcall.sleep(0) end end
        lastcall.run(function()
          local server = assert(lastcall.listen("127.0.0.1:0"))
          local listening = assert(socket.bind("127.0.0.1", 0))
          local address = %q == "socket:accept" and "127.0.0.1:" .. select(2, listening:getsockname())
            or server:addresses()[1]
          local function prepare() %s end
          local function call() return %s end
          prepare()
          faults.arm()
          local fine = pcall(call)
          collectgarbage() -- an object that nobody got closes its connection
          some_turns()
          listening:settimeout(0)
          if fine or waiting and call() then left = false -- the first call had not come as far as to take it
          elseif waiting then left = select(2, waiting:read()) == "timeout"
          else left = require "lastcall.core".close_outbound() > 0 end
          if waiting then waiting:abort() end
          lastcall.shutdown(0)
        end, { signals = false, log = function() end, exit_when_stuck = false })
        assert(not left, "a connection is left")
      ]]):format(way, lines[1], lines[2])
      for n = 1, 20 do
        local result = faults.run(script, { n, 2 })
        assert.is_nil(result.message:find "is left", n)
      end
      local whole = faults.run(script)
      assert.is_true(whole.ok, whole.message)
    end)
  end

  it("a server that could not be made whole takes no part in the shutdown", function()
    at_every_point(([[
      local faults = require "spec_faults"
      local lastcall = require "lastcall"
      faults.speed(%d)
      faults.arm()
      lastcall.run(function()
        pcall(lastcall.listen, "127.0.0.1:0", { log = tostring, on_error = tostring, farewell = "bye\n" })
        lastcall.shutdown()
      end, { signals = false, drain = 2, log = function() end, on_error = function() end, exit_when_stuck = false })
    ]]):format(math.max(1, 200 // slow)))
  end)
end)

describe("a state that is closed", function()
  local function closed(script)
    local result = faults.run('local lastcall = require "lastcall"\n' .. script)
    assert.equal(0, result.open, result.message)
    assert.equal(0, result.strange)
    return result
  end

  it("after a run that an error ended, with connections still held, leaves no descriptor", function()
    local result = closed [[
      kept = {}
      lastcall.run(function()
        local server = assert(lastcall.listen("127.0.0.1:0"))
        lastcall.spawn(function() server:serve(function(conn) conn:read() end) end)
        for i = 1, 5 do kept[i] = assert(lastcall.connect(server:addresses()[1])) end
        lastcall.go(lastcall.sleep, 1000)
        lastcall.sleep(0.01)
        error("on purpose")
      end, { signals = false, drain = 0.1, log = function() end, on_error = function() end })
    ]]
    assert.is_truthy(result.message:find("on purpose"))
  end)

  it("without having run anything, leaves no descriptor", function()
    closed 'server = lastcall.listen("127.0.0.1:0")'
  end)

  it("while a name is looked up, waits for that and leaves no descriptor", function()
    closed [[
      lastcall.run(function()
        lastcall.go(function() lastcall.connect("localhost:1", { timeout = 5 }) end)
        lastcall.sleep(0)
        lastcall.shutdown(0)
      end, { signals = false, log = function() end, on_error = function() end })
    ]]
  end)

  it("does not touch another state that serves on", function()
    helper.task(function(lastcall)
      local _, address = helper.serve(lastcall, function(conn) conn:write(conn:read(), "\n") end)
      local result = faults.run(([[
        local lastcall = require "lastcall"
        lastcall.run(function()
          local server = assert(lastcall.listen("127.0.0.1:0"))
          lastcall.spawn(function() server:serve(function(conn) conn:write("inner\n") end) end)
          local conn = assert(lastcall.connect(server:addresses()[1]))
          assert(conn:read() == "inner")
          local outer = assert(lastcall.connect(%q)) -- its loop stands still while this one turns
          outer:write("x\n")
          outer:flush()
          lastcall.shutdown(0.2)
        end, { signals = false, log = function() end })
      ]]):format(address))
      assert.is_true(result.ok, result.message)
      assert.equal(0, result.open)
      local conn = assert(lastcall.connect(address))
      conn:write("still here\n")
      assert.equal("still here", conn:read())
      conn:close()
    end)
  end)
end)

describe("the time of day", function()
  it("is what the kernel says, for lastcall.socket's gettime, and moves no deadline", function()
    local result = faults.run [[
      local faults = require "spec_faults"
      local lastcall = require "lastcall"
      local socket = require "lastcall.socket"
      lastcall.run(function()
        local began = lastcall.now()
        lastcall.spawn(function() lastcall.sleep(0.01) faults.time_of_day(1e9 + 3600.5) end)
        faults.time_of_day(1e9)
        assert(socket.gettime() == 1e9)
        local listening = assert(socket.bind("127.0.0.1", 0))
        listening:settimeout(0.05)
        assert(select(2, listening:accept()) == "timeout")
        assert(lastcall.now() - began >= 0.05)
        assert(socket.gettime() == 1e9 + 3600.5)
        listening:close()
      end, { signals = false })
    ]]
    assert.is_true(result.ok, result.message)
    assert.equal(0, result.open)
  end)
end)
