local helper = require "spec.helper"
local system = require "spec_system"

describe("poll", function()
  local reading, writing

  before_each(function() reading, writing = system.pipe() end)
  after_each(function()
    system.close(reading)
    system.close(writing)
  end)

  it("waits for somebody else's descriptor while other tasks run", function()
    helper.task(function(lastcall)
      local turns = 0
      lastcall.go(function()
        for _ = 1, 5 do
          lastcall.sleep(0.005)
          turns = turns + 1
        end
        system.write(writing, "now")
      end)
      assert.equal("r", (lastcall.poll(reading, "r", helper.seconds(5))))
      assert.equal(5, turns)
      assert.equal("now", system.read(reading))
    end)
  end)

  it("ends with its time and with its task, and another one's wait goes on", function()
    helper.task(function(lastcall)
      assert.equal("timeout", select(2, lastcall.poll(reading, "r", 0.01)))
      local task = lastcall.go(function() return lastcall.poll(reading) end)
      local other = lastcall.go(function() return lastcall.poll(reading, "r", helper.seconds(5)) end)
      lastcall.sleep(0)
      task:cancel()
      assert.equal("canceled", select(2, task:wait(1)))
      assert.equal("waiting", other:status())
      system.write(writing, "x")
      assert.equal("r", (other:wait(helper.seconds(5))))
    end)
  end)

  it("takes two tasks for one descriptor, one for each way", function()
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, function(conn)
        lastcall.sleep(0.05)
        conn:write("x")
      end)
      local fd, _, ticket = assert(lastcall.connect(address)):detach()
      local reader = lastcall.go(function() return lastcall.poll(fd, "r", helper.seconds(5)) end)
      assert.equal("w", (lastcall.poll(fd, "w")))
      assert.equal("w", (lastcall.poll(fd, "rw")))
      assert.equal("r", (reader:wait()))
      assert.equal("rw", (lastcall.poll(fd, "rw")))
      system.close(fd)
      ticket:done()
      assert.is_true(server:wait_for("==", 0, helper.seconds(2)))
    end)
  end)

  it("takes the descriptor that a connection of ours waits for, too", function()
    helper.task(function(lastcall)
      local socket = require "lastcall.socket"
      local server <close> = assert(socket.bind("127.0.0.1", 0))
      local host, port = server:getsockname()
      local client <close> = assert(socket.connect(host, port))
      local peer <close> = assert(server:accept())
      local fd = math.tointeger(client:getfd())
      local line = lastcall.go(function() return client:receive() end)
      local seen = lastcall.go(function() return lastcall.poll(fd, "r", helper.seconds(5)) end)
      assert.equal("w", (lastcall.poll(fd, "rw")))
      assert.equal("timeout", select(2, lastcall.poll(fd, "r", 0.01)))
      peer:send("said\n")
      assert.equal("said", (line:wait()))
      peer:send("again\n")
      assert.equal("r", (seen:wait()))
      assert.equal("again", client:receive())
    end)
  end)

  it("finds a regular file always ready, and lets the others run", function()
    helper.task(function(lastcall)
      local fd, turns = system.open("README.md"), 0
      lastcall.go(function() turns = turns + 1 end)
      for _ = 1, 500 do assert.equal("r", (lastcall.poll(fd))) end
      assert.equal(1, turns)
      system.close(fd)
    end)
  end)

  it("says what is no descriptor", function()
    helper.task(function(lastcall)
      local _, code, message = lastcall.poll(19999)
      assert.equal("closed", code)
      assert.matches("19999", message)
      assert.equal("closed", select(2, lastcall.poll(-1)))
    end)
  end)

  it("asks objects for descriptor, mode and time", function()
    helper.task(function(lastcall)
      assert.is_true(lastcall.poll { timeout = 0.01 })
      assert.equal("timeout", select(2, lastcall.poll({ timeout = 5 }, nil, 0.01)))
      system.write(writing, "x")
      local object = { pollfd = function() return reading end, events = function() return "r" end }
      assert.equal("r", (lastcall.poll(object)))
      object.events, object.timeout = "", 0.01
      assert.is_true(lastcall.poll(object))
    end)
  end)

  it("raises for what cannot be polled, and outside a task", function()
    helper.task(function(lastcall)
      assert.error_matches(function() lastcall.poll({}) end, "pollfd, events and timeout")
      assert.error_matches(function() lastcall.poll(reading, "x") end, '"r", "w" or "rw"')
      assert.error_matches(function() lastcall.poll(reading, "r", "long") end, "seconds")
      for _, time in ipairs { "long", 0 / 0 } do
        assert.error_matches(function() lastcall.poll { pollfd = reading, timeout = time } end, "timeout%(%) says")
      end
    end)
    assert.error_matches(function() require "lastcall".poll(reading) end, "only a task can wait")
  end)
end)
