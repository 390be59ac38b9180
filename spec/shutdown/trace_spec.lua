-- scripts/test: early, fast clock
local helper = require "spec.helper"
local process = require "spec.support.process"

local HERE = "spec/shutdown/trace_spec.lua:%d+"

--- A log that keeps what it is told, and the list.
local function keeping()
  local told = {}
  return function(level, event, fields) told[#told + 1] = { level = level, event = event, fields = fields } end, told
end

--- The first of `told` with this event, and step where it is given.
local function find(told, event, step)
  for _, one in ipairs(told) do
    if one.event == event and (not step or one.fields.step == step) then return one end
  end
end

local function wait_for(lastcall, condition)
  while not condition() do lastcall.sleep(0.02) end
end

--- Waits for the line that says who holds the shutdown. It comes every five seconds.
local function wait_for_held(lastcall, told)
  while not find(told, "shutdown held") do lastcall.sleep(0.5) end
  return find(told, "shutdown held")
end

-- A program whose shutdown is held: by a connection over a unix-domain socket, a guard, and at last a hook.
local HELD = [[
  if os.getenv "LASTCALL_CLOCK" == "fast" then require "spec_clock" end
  local lastcall = require "lastcall"
  local path = os.tmpname()
  os.remove(path)
  lastcall.on_shutdown("flush", function() lastcall.sleep(5.3) end)
  lastcall.run(function()
    local server = assert(lastcall.listen("unix:" .. path))
    lastcall.go(function() server:serve(function(conn) conn:read() lastcall.sleep(9) end) end)
    for _ = 1, 7 do
      lastcall.go(function()
        local _ <close> = lastcall.work "job"
        lastcall.sleep(9)
      end)
    end
    local client = assert(lastcall.connect("unix:" .. path))
    client:write "x\n"
    client:flush()
    assert(server:wait_for("==", 1))
    while server:count "active" == 0 do lastcall.sleep(0.01) end
    io.stdout:write "listening now\n"
    io.stdout:flush()
    client:read()
  end, { drain = { timeout = 20, hooks = 8 }, OPTIONS })
]]

local function start(options)
  local one = process.script((HELD:gsub("OPTIONS", options)))
  assert(one:address())
  one:signal "TERM"
  return one
end

describe("a shutdown leaves a trace", function()
  it("by lastcall.shutdown: steps, connections by state, who holds it; in the run's log, not the server's", function()
    local log, told = keeping()
    local servers_log, servers_told = keeping()
    local held
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, function(conn)
        for line in conn:lines() do
          if line == "hold" then held = wait_for_held(lastcall, told) end
          conn:write(line, "\n")
        end
      end, { log = servers_log })
      local idle, active = helper.spoken(address), helper.ask(address, "hold")
      wait_for(lastcall, function() return server:count "active" == 1 end)
      lastcall.shutdown()
      assert.equal("hold", active:read())
      active:close()
      idle:close()
    end, { log = log, drain = 12 })
    local stop = helper.stopping.here().event -- of its listener, which is the server's affair
    assert.same({ stop }, { servers_told[1] and servers_told[1].event })
    assert.is_nil(servers_told[2])
    for _, step in ipairs { "unready", "stop", "drain", "hooks", "done" } do
      assert.equal("info", (find(told, "shutdown", step) or {}).level, step)
    end
    local first = find(told, "shutdown", "unready").fields
    assert.same({ 1, 1, 0 }, { first.active, first.idle, first.closing })
    assert.equal("drain", held.fields.step)
    assert.equal(1, held.fields.active)
    assert.matches("^connection %d+ from 127.0.0.1:%d+, active.* at " .. HERE, held.fields.by)
    assert.is_nil(find(told, "shutdown signal"))
  end)

  it("names the peers that alone hold it, over TCP and unix-domain sockets, and what they have not taken", function()
    local log, told = keeping()
    local peers = {}
    helper.task(function(lastcall)
      local servers, clients = {}, {}
      for i, at in ipairs { "127.0.0.1:0", "unix:" .. helper.socket_path() } do
        servers[i] = assert(lastcall.listen(at, { linger = 30, write_timeout = 30 }))
        lastcall.spawn(servers[i].serve, servers[i], function(conn)
          conn:read()
          conn:setsockopt("sndbuf", 200000)
          conn:write(("x"):rep(100000))
        end)
      end
      for i = 1, 7 do
        local server = servers[i <= 3 and 1 or 2]
        clients[i] = assert(lastcall.connect(server:addresses()[1]))
        clients[i]:setsockopt("rcvbuf", 4096)
        helper.send(clients[i], "go\n")
        wait_for(lastcall, function() return servers[1]:count "closing" + servers[2]:count "closing" == i end)
      end
      for _, server in ipairs(servers) do
        for _, conn in ipairs(server:connections()) do peers[#peers + 1] = conn end
      end
      lastcall.shutdown()
      wait_for_held(lastcall, told)
      for _, conn in ipairs(clients) do conn:abort() end
    end, { log = log, drain = 20 })
    local by = find(told, "shutdown held").fields.by
    table.sort(peers, function(a, b) return a.id < b.id end)
    local lines = {}
    for line in by:gmatch "connection [^;]*" do lines[#lines + 1] = line end
    assert.equal(5, #lines, by)
    for i, line in ipairs(lines) do
      assert.truthy(line:find(("connection %d from %s, closing, "):format(peers[i].id, peers[i].peer), 1, true), line)
      assert.matches(i <= 3 and "%d+ bytes unsent, [1-9]%d* unacknowledged" or "not read by the peer", line)
    end
    assert.matches("; 2 more$", by)
  end)

  it("by a signal, over a unix-domain socket: guards, a few of them, and a hook; not beside the live line", function()
    local plain, live = start "", start "progress = true"
    local said, shown = plain:finish(), live:finish()
    assert.matches("info: shutdown signal signal=TERM\n", said)
    assert.matches("info: shutdown active=1 closing=0 idle=0 seconds_left=%d+%.%d step=drain\n", said)
    assert.matches("info: shutdown held active=1 by=work 'job', held after %d%.%d s, taken at [^\n]*:11;", said)
    assert.matches("; 3 more closing=0 ", said)
    assert.matches("info: shutdown held active=0 by=hook flush [^\n]*step=hooks\n", said)
    assert.matches("lastcall: drain", shown)
    assert.is_nil(shown:find("info: shutdown", 1, true))
  end)

  it("not when a run ends because nothing is left to do", function()
    local log, told = keeping()
    local lastcall = require "lastcall"
    lastcall.run(function() lastcall.sleep(0.01) end, { signals = false, log = log })
    assert.equal(0, #told)
  end)

  it("also when the log raises: on_error is told, and the shutdown goes on", function()
    local errors = 0
    local report = helper.task(function(lastcall) helper.serve(lastcall, helper.echo) end, {
      log = function() error "no log" end,
      on_error = function(err)
        assert.matches("no log", err)
        errors = errors + 1
      end,
    })
    assert.is_true(report.ok, tostring(report))
    assert.is_true(errors >= 4, errors)
  end)
end)
