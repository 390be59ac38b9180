-- scripts/test: busy
local helper = require "spec.helper"

--- Serves greedy handlers, and checks that an echo on the same server, timers and a shutdown get their turn.
local function others_are_served(greedy, client)
  local report = helper.task(function(lastcall)
    local server, address = helper.serve(lastcall, function(conn)
      local kind = conn:read()
      if kind == "greedy" then return greedy(conn) end
      for line in conn:lines() do conn:write(line, "\n") end
    end)
    local bad = assert(lastcall.connect(address))
    helper.send(bad, "greedy\n")
    local feeding = lastcall.go(function() client(bad, lastcall) end)
    lastcall.sleep(0.05)
    local conn = assert(lastcall.connect(address))
    helper.send(conn, "good\n")
    for i = 1, 20 do
      local began = lastcall.now()
      helper.send(conn, i, "\n")
      assert.equal(tostring(i), conn:read())
      assert.is_true(lastcall.now() - began < helper.seconds(1))
    end
    conn:close("background")
    feeding:cancel()
    feeding:wait(1)
    bad:abort()
    server:shutdown(0.5)
    assert.is_true(server:wait().elapsed < helper.seconds(2))
  end, { on_error = function() end })
  assert.is_true(report.elapsed < helper.seconds(4))
end

local PIECE = ("0123456789abcde\n"):rep(4096)

local function flood(conn) while conn:write(PIECE) do end end

describe("a handler that never has to wait", function()
  for name, greedy in pairs {
    ["read_some"] = function(conn) while conn:read_some() do end end,
    ["lines"] = function(conn) for _ in conn:lines() do end end,
    ["read of one byte"] = function(conn) while conn:read(1) do end end,
    ["await"] = function(conn) while conn:await() do end end,
    ["read of nothing"] = function(conn) while conn:read(0) do end end,
  } do
    it(("does not hold others up: %s on a peer that never stops sending"):format(name), function()
      others_are_served(greedy, flood)
    end)
  end

  it("does not hold others up: write to a peer that always reads", function()
    others_are_served(flood, function(conn) while conn:read_some() do end end)
  end)
end)

describe("a handler that loops on a dead connection", function()
  for name, operation in pairs {
    read = function(conn) conn:read() end,
    read_some = function(conn) conn:read_some() end,
    await = function(conn) conn:await() end,
    lines = function(conn) for _ in conn:lines() do end end,
    write = function(conn) conn:write("x") end,
    flush = function(conn) conn:flush() end,
    post = function(conn) conn:post("x") end,
    shutdown = function(conn) conn:shutdown("write") end,
    close = function(conn) conn:close() end,
    abort = function(conn) conn:abort() end,
    detach = function(conn) conn:detach() end,
    sleep = function() require "lastcall".sleep(1) end,
  } do
    it("does not hold others up: " .. name, function()
      others_are_served(function(conn)
        local stop = false
        conn:context():on_done(function() end)
        conn:read("a")
        while not stop do
          operation(conn)
          stop = conn.data.stop
        end
      end, function(conn, lastcall)
        lastcall.sleep(0.01)
        conn:abort()
      end)
    end)
  end
end)

describe("a signal", function()
  it("is served though a handler loops on a dead connection, and others are busy", function()
    local output, fine = helper.run([[lua5.4 -e '
      local lastcall = require "lastcall"
      local report = lastcall.run(function()
        local server = assert(lastcall.listen("127.0.0.1:0"))
        lastcall.spawn(function()
          server:serve(function(conn) while true do conn:read_some() end end)
        end)
        lastcall.sleep(0)
        for i = 1, 3 do
          local conn = assert(lastcall.connect(server:addresses()[1]))
          if i == 1 then conn:abort() else
            lastcall.spawn(function() while conn:write(("x"):rep(65536)) do end end)
          end
        end
        lastcall.spawn(function()
          lastcall.sleep(0.2)
          os.execute("kill -TERM " .. io.open("/proc/self/stat"):read("n") // 1)
        end)
      end, { drain = 0.5, log = function() end, on_error = function() end })
      print("ended", report.elapsed < 2)']], 20)
    assert.is_true(fine, output)
    assert.is_truthy(output:find("ended\ttrue", 1, true), output)
  end)
end)

--- For how long others compute, at most, while one sleeps two milliseconds at a time. It is this process's own
-- processor time, since it does not tell of what other processes do.
local function latest_sleeper(lastcall, seconds)
  local latest, ends = 0, lastcall.now() + seconds
  while lastcall.now() < ends do
    local began = os.clock()
    lastcall.sleep(0.002)
    latest = math.max(latest, os.clock() - began)
  end
  return latest
end

local function compute(seconds)
  local ends = os.clock() + seconds
  while os.clock() < ends do end
end

-- 128 operations of 1 ms, or as many tasks, took 0.13 s before anybody else had a turn.
local BOUND = helper.seconds(0.06)

describe("what takes long though each part of it is short does not hold others up", function()
  it("a client that pipelines without end to a handler that computes", function()
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, function(conn)
        for _ in conn:lines() do compute(0.001) end
      end)
      local bad = assert(lastcall.connect(address))
      local flooding = lastcall.go(function() while bad:write(("x\n"):rep(1000)) do end end)
      lastcall.sleep(0.05)
      assert.is_true(latest_sleeper(lastcall, 0.3) < BOUND)
      flooding:cancel()
      bad:abort()
      server:close()
    end)
  end)

  it("a handler that computes between its writes", function()
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, function(conn)
        while conn:write("x") do compute(0.001) end
      end)
      local conn = assert(lastcall.connect(address))
      lastcall.sleep(0.05)
      assert.is_true(latest_sleeper(lastcall, 0.3) < BOUND)
      conn:abort()
      server:close()
    end)
  end)

  it("many tasks that are ready at once, and yield", function()
    helper.task(function(lastcall)
      local ends = lastcall.now() + 0.4
      for _ = 1, 20 do
        lastcall.spawn(function()
          while lastcall.now() < ends do
            compute(0.001)
            coroutine.yield()
          end
        end)
      end
      assert.is_true(latest_sleeper(lastcall, 0.3) < BOUND)
    end)
  end)

  it("many connections that are told of to on_state", function()
    helper.task(function(lastcall)
      local told = 0
      local server, address = helper.serve(lastcall, function(conn) conn:read() end)
      server:on_state(function()
        told = told + 1
        compute(0.001)
      end)
      local conns = {}
      for i = 1, 100 do conns[i] = assert(lastcall.connect(address)) end
      lastcall.spawn(function() for _, conn in ipairs(conns) do conn:abort() end end)
      assert.is_true(latest_sleeper(lastcall, 0.3) < BOUND)
      assert.is_true(told >= 100)
      server:close()
    end)
  end)

  it("a client whose lines take 15 ms each, beside tasks that take nothing", function()
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, function(conn)
        for _ in conn:lines() do compute(lastcall, 0.015) end
      end)
      local bad = assert(lastcall.connect(address))
      local ends = lastcall.now() + 0.8
      for _ = 1, 20 do
        lastcall.spawn(function() while lastcall.now() < ends do lastcall.sleep(0.001) end end)
      end
      lastcall.go(function() while bad:write(("x\n"):rep(1000)) do end end)
      lastcall.sleep(0.05)
      assert.is_true(latest_sleeper(lastcall, 0.6) < helper.seconds(0.15)) -- sixteen lines take 0.24 s
      bad:abort()
      server:close()
    end)
  end)
end)

--- A server with so many connections; their other ends.
local function serve_many(lastcall, count, handler, options)
  local server, address = helper.serve(lastcall, handler, options)
  local conns = {}
  for i = 1, count do conns[i] = assert(lastcall.connect(address)) end
  assert.is_true(server:wait_for("==", count, helper.seconds(5)))
  return server, conns
end

-- 32 connections of 5 ms, or all of them, took 0.16 s or 0.3 s.
local LADDER_BOUND = helper.seconds(0.1)

describe("a ladder that takes long though each of its connections is short does not hold others up", function()
  it("the drain of silent connections whose farewell computes", function()
    helper.task(function(lastcall)
      local said = 0
      local server, conns = serve_many(lastcall, 60, function() end, {
        start = "data",
        drain = { quiet = 0 },
        farewell = function()
          said = said + 1
          compute(lastcall, 0.005)
          return "bye\n"
        end,
      })
      server:shutdown(helper.seconds(5))
      assert.is_true(latest_sleeper(lastcall, 0.5) < LADDER_BOUND)
      for _, conn in ipairs(conns) do conn:read("a") end
      server:wait()
      assert.equal(60, said)
      for _, conn in ipairs(conns) do conn:abort() end
    end)
  end)

  it("the kill of tasks that compute when they are closed", function()
    helper.task(function(lastcall)
      local closed = 0
      local closing = setmetatable({}, { __close = function()
        closed = closed + 1
        compute(lastcall, 0.005)
      end })
      local server, conns = serve_many(lastcall, 60, function()
        local _ <close> = closing
        while true do lastcall.sleep(0.01) end
      end)
      server:shutdown(0.1)
      assert.is_true(latest_sleeper(lastcall, 0.5) < LADDER_BOUND)
      assert.equal(60, server:wait().killed)
      assert.equal(60, closed)
      for _, conn in ipairs(conns) do conn:abort() end
    end)
  end)

  it("and ends in time, whatever timers are due", function()
    helper.task(function(lastcall)
      local server, conns = serve_many(lastcall, 20, function() lastcall.sleep(1000) end)
      local ends = lastcall.now() + 5
      for _ = 1, 2000 do
        lastcall.spawn(function() while lastcall.now() < ends do lastcall.sleep(0) end end)
      end
      server:shutdown(0.3)
      local report = server:wait()
      assert.is_true(report.elapsed < helper.AT_ONCE, report.elapsed)
      assert.equal(20, report.canceled)
      for _, conn in ipairs(conns) do conn:abort() end
    end, { on_error = function() end })
  end)
end)
