-- scripts/test: fast clock
local helper = require "spec.helper"

local LATE = helper.seconds(0.5) -- how much later than asked a busy machine may be

local between, echo = helper.between, helper.echo

--- Calls `fn` and says what code it failed with, and after how long.
local function timed(lastcall, fn, ...)
  local began = lastcall.now()
  local _, code = fn(...)
  return code, lastcall.now() - began
end

local function within(expected, took)
  assert(took >= expected and took < expected + LATE, ("%.4f s instead of %.4f"):format(took, expected))
end

describe("a deadline", function()
  it("in the past fires at once, for reads and writes, and leaves the connection usable", function()
    between(function(here, there, lastcall)
      here:set_deadline(lastcall.now() - 1)
      lastcall.sleep(0)
      for _, read in ipairs { "read", "read_some", "await" } do
        local code, took = timed(lastcall, here[read], here)
        assert.equal("timeout", code)
        assert.is_true(took < LATE)
      end
      here:set_deadline(nil)
      helper.send(there, "fine\n")
      assert.equal("fine", here:read())
      assert.is_true(here:write("fine"))
    end)
  end)

  it("before all time fires at once, too", function()
    between(function(here, _, lastcall)
      for _, at in ipairs { -math.huge, math.mininteger, -9.2e9 } do
        here:set_deadline(at)
        local code, took = timed(lastcall, here.read, here)
        assert.equal("timeout", code)
        assert.is_true(took < LATE)
      end
    end)
  end)

  it("that is cleared never fires", function()
    between(function(here, there, lastcall)
      here:set_deadline(lastcall.now() + 0.05)
      local reading = lastcall.go(function() return here:read() end)
      lastcall.sleep(0.01)
      here:set_deadline(nil)
      lastcall.sleep(0.1)
      assert.equal("waiting", (reading:status()))
      helper.send(there, "x\n")
      assert.equal("x", reading:wait(1))
    end)
  end)

  it("moved while an operation is blocked takes effect: nearer, and further away", function()
    between(function(here, _, lastcall)
      local reading = lastcall.go(function() return timed(lastcall, here.read, here) end)
      here:set_deadline(lastcall.now() + 60)
      lastcall.sleep(0.03)
      here:set_deadline(lastcall.now() + 0.03)
      local code, took = reading:wait(5)
      assert.equal("timeout", code)
      within(0.06, took)
      here:set_deadline(lastcall.now() + 0.03)
      reading = lastcall.go(function() return timed(lastcall, here.read, here) end)
      lastcall.sleep(0.01)
      here:set_deadline(lastcall.now() + 0.1)
      code, took = reading:wait(5)
      assert.equal("timeout", code)
      within(0.1, took)
    end)
  end)

  it("holds for a blocked write, and for those behind it", function()
    between(function(here, _, lastcall)
      here:setsockopt("sndbuf", 32768)
      local big = ("x"):rep(1000000)
      local first = lastcall.go(function() return here:write(big) end)
      local second = lastcall.go(function() return here:write("more") end)
      lastcall.sleep(0.02)
      here:set_deadline(lastcall.now() + 0.02)
      local _, code, _, done = first:wait(2)
      assert.equal("timeout", code)
      assert.is_true(done > 0 and done < #big)
      assert.equal("timeout", select(2, second:wait(2)))
    end)
  end)

  it("from one millisecond to a second, thousands at once: none early, none much too late", function()
    helper.task(function(lastcall)
      local server = assert(lastcall.listen("127.0.0.1:0"))
      local pairs_of, tasks, worst = {}, {}, 0
      for i = 1, 300 do
        pairs_of[i] = { assert(lastcall.connect(server:addresses()[1])), server:accept() }
      end
      for i, pair in ipairs(pairs_of) do
        for j, conn in ipairs(pair) do
          tasks[#tasks + 1] = lastcall.go(function()
            for round = 1, 5 do
              local seconds = ((i * 7 + j * 13 + round * 101) % 200 + 1) / 1000
              conn:set_read_timeout(seconds)
              local code, took = timed(lastcall, conn.read, conn)
              assert.equal("timeout", code)
              if took < seconds then return ("%.6f s too early"):format(seconds - took) end
              worst = math.max(worst, took - seconds)
            end
            return true
          end)
        end
      end
      for _, task in ipairs(tasks) do assert.is_true(task:wait(helper.seconds(15))) end
      assert.is_true(worst < LATE, worst)
      for _, pair in ipairs(pairs_of) do
        pair[1]:abort()
        pair[2]:abort()
      end
      server:close()
    end)
  end)

  it("counts from the call, not from the beginning of a turn that computed first", function()
    between(function(here, _, lastcall)
      here:set_read_timeout(0.05)
      local until_then = lastcall.now() + 0.06
      while lastcall.now() < until_then do end
      local code, took = timed(lastcall, here.read, here)
      assert.equal("timeout", code)
      within(0.05, took)
      until_then = lastcall.now() + 0.06
      while lastcall.now() < until_then do end
      code, took = timed(lastcall, here.await, here, 0.05)
      assert.equal("timeout", code)
      within(0.05, took)
    end)
  end)
end)

describe("read_timeout", function()
  it("is for the whole operation: bytes that trickle in do not prolong it", function()
    between(function(here, there, lastcall)
      local trickling = lastcall.go(function()
        while there:write("x") and there:flush() do lastcall.sleep(0.01) end
      end)
      local code, took = timed(lastcall, here.read, here)
      assert.equal("timeout", code)
      within(0.1, took)
      trickling:cancel()
    end, { read_timeout = 0.1 })
  end)

  it("is one for all formats of a read", function()
    between(function(here, there, lastcall)
      local saying = lastcall.go(function()
        while there:write("x\n") and there:flush() do lastcall.sleep(0.03) end
      end)
      local formats = {}
      for i = 1, 16 do formats[i] = "l" end
      local _, code, _, partial = here:read(table.unpack(formats))
      assert.equal("timeout", code)
      assert.is_true(#partial > 0)
      here:set_read_timeout(helper.seconds(5)) -- the next read has a time of its own
      assert.same({ "x", "x" }, { here:read("l", "l") })
      saying:cancel()
    end, { read_timeout = 0.1 })
  end)

  it("set while a read is blocked holds for it, and nil takes it back", function()
    between(function(here, there, lastcall)
      local reading = lastcall.go(function() return here:read() end)
      lastcall.sleep(0.01)
      here:set_read_timeout(0.03)
      assert.equal("timeout", select(2, reading:wait(2)))
      reading = lastcall.go(function() return here:read() end)
      lastcall.sleep(0.01)
      here:set_read_timeout(nil)
      lastcall.sleep(0.06)
      helper.send(there, "x\n")
      assert.equal("x", reading:wait(1))
    end)
  end)

  it("does not run while the handler works", function()
    between(function(here, there, lastcall)
      helper.send(there, "x\ny\n")
      assert.equal("x", here:read())
      lastcall.sleep(0.1)
      assert.equal("y", here:read())
    end, { read_timeout = 0.05 })
  end)
end)

--- The causes of the moves into closing that a server tells, in order.
local function closing_causes(options, handler, client)
  local causes = {}
  helper.task(function(lastcall)
    local server, address = helper.serve(lastcall, handler, options)
    server:on_state(function(_, _, to, cause)
      if to == "closing" then causes[#causes + 1] = cause end
    end)
    client(lastcall, address, server)
    server:wait_for("==", 0, helper.seconds(3))
  end)
  return causes
end

describe("the limits that close a connection", function()
  it("first_byte_timeout: one that never says a word, greeted or not", function()
    for _, greeting in ipairs { "", "hello\n" } do
      local causes = closing_causes({ first_byte_timeout = 0.1 }, function(conn)
        conn:write(greeting)
        echo(conn)
      end, function(lastcall, address)
        local silent, speaking = assert(lastcall.connect(address)), assert(lastcall.connect(address))
        helper.send(speaking, "x\n")
        local began = lastcall.now()
        assert.equal(greeting, silent:read("a"))
        within(0.05, lastcall.now() - began)
        lastcall.sleep(0.05)
        assert.equal("active", speaking:state())
        helper.send(speaking, "y\n")
        assert.equal(greeting .. "x\ny\n", speaking:read(#greeting + 4))
        speaking:close("background")
        silent:close("background")
      end)
      assert.same({ "first byte timeout", "handler returned" }, causes)
    end
  end)

  it("first_byte_timeout spares one whose byte came in time but lies unread, and burns no time on it", function()
    closing_causes({ first_byte_timeout = 0.05 }, function(conn)
      require "lastcall".sleep(0.3)
      echo(conn)
    end, function(lastcall, address)
      local core = require "lastcall.core"
      local conn = assert(lastcall.connect(address))
      helper.send(conn, "x\n")
      lastcall.sleep(0.1)
      local turns = core.loop_stats().turns
      lastcall.sleep(0.1)
      assert.is_true(core.loop_stats().turns - turns < 50)
      assert.equal("x", conn:read())
      conn:close("background")
    end)
  end)

  it("idle_timeout: only the idle", function()
    local causes = closing_causes({ idle_timeout = 0.1 }, function(conn)
      for line in conn:lines() do
        if line == "work" then require "lastcall".sleep(0.3) end
        conn:write(line, "\n")
      end
    end, function(lastcall, address)
      local idle, busy = assert(lastcall.connect(address)), assert(lastcall.connect(address))
      helper.send(idle, "x\n")
      helper.send(busy, "work\n")
      assert.equal("x", idle:read())
      local code, took = timed(lastcall, idle.read, idle)
      assert.equal("eof", code)
      within(0.05, took)
      assert.equal("work", busy:read())
      assert.equal("eof", (select(2, busy:read())))
      idle:close("background")
      busy:close("background")
    end)
    assert.same({ "idle timeout", "idle timeout" }, causes)
  end)

  it("max_age: at the next idle moment, within a tenth either way", function()
    local causes = closing_causes({ max_age = 0.2 }, echo, function(lastcall, address)
      local conn = assert(lastcall.connect(address))
      local began, answered = lastcall.now(), 0
      while conn:write("x\n") and conn:flush() and conn:read() do
        answered = answered + 1
        lastcall.sleep(0.01)
      end
      within(0.17, lastcall.now() - began)
      assert.is_true(answered > 2)
      conn:close("background")
    end)
    assert.same({ "max age" }, causes)
  end)
end)
