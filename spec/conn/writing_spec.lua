local helper = require "spec.helper"

local between, failure = helper.between, helper.failure

--- A small buffer in the kernel, so that a peer that does not read soon holds a writer up.
local function narrow(here) assert(here:setsockopt("sndbuf", 32768)) end

--- Posts until the peer's kernel takes no more either.
local function stall(here, lastcall)
  narrow(here)
  repeat
    local posted = 0
    while here:post(("x"):rep(4000)) do
      posted = posted + 1
      lastcall.sleep(0)
    end
    lastcall.sleep(0.05)
  until posted == 0
end

local MEGABYTE = ("0123456789abcdef"):rep(65536)

describe("conn:write", function()
  it("takes strings and numbers, any number of them", function()
    between(function(here, there)
      assert.is_true(here:write("a", 1, 2.5, "", -7, "\0z"))
      assert.is_true(here:write())
      assert.is_true(here:write(""))
      local many = {}
      for i = 1, 200 do many[i] = i end
      assert.is_true(here:write(table.unpack(many)))
      here:shutdown("write")
      assert.equal("a12.5-7\0z" .. table.concat(many), there:read("a"))
    end)
  end)

  it("gathers: what one task writes before it waits goes out together", function()
    between(function(here, there, lastcall)
      for i = 1, 10 do here:write(i, "\n") end
      local stats = here:stats()
      assert.equal(21, stats.unsent)
      assert.equal(0, stats.sent)
      lastcall.sleep(0)
      assert.equal(0, here:stats().unsent)
      assert.equal(21, here:stats().sent)
      lastcall.sleep(0.02)
      assert.equal(21, #there:read_some())
    end)
  end)

  it("sends when 16 KiB are waiting", function()
    between(function(here)
      local piece = ("x"):rep(1024)
      for _ = 1, 15 do here:write(piece) end
      assert.equal(0, here:stats().sent)
      here:write(piece)
      assert.equal(16 * 1024, here:stats().sent)
    end)
  end)

  it("sends for one connection what was gathered when another one writes", function()
    between(function(here, there)
      for i = 1, 100 do
        here:write("request ", i, "\n")
        there:write("reply ", i, "\n")
      end
      for i = 1, 100 do
        assert.equal("request " .. i, there:read())
        assert.equal("reply " .. i, here:read())
      end
    end)
  end)

  it("moves 4 MB through small kernel buffers, whole and in order", function()
    between(function(here, there, lastcall)
      narrow(here)
      local all = MEGABYTE:rep(4)
      local writing = lastcall.go(function()
        local result = { here:write("head\n", all, "tail\n") }
        here:shutdown("write")
        return table.unpack(result)
      end)
      lastcall.sleep(0.02)
      assert.equal("waiting", (writing:status()))
      assert.is_true(there:read("a") == "head\n" .. all .. "tail\n")
      assert.is_true(writing:wait(2))
    end)
  end)

  it("is never interleaved with another task's write", function()
    between(function(here, there, lastcall)
      narrow(here)
      local tasks = {}
      for i = 1, 8 do
        tasks[i] = lastcall.go(function()
          for n = 1, 3 do
            local letter = string.char(96 + i)
            assert(here:write("<", letter:rep(20000), letter:rep(20000), letter, ">"))
            if n == 2 then lastcall.sleep(0) end
          end
          return true
        end)
      end
      for _ = 1, 24 do
        assert.equal("<", there:read(1))
        local body = there:read_until(">", 50000)
        assert.is_true(body == body:sub(1, 1):rep(40001) .. ">")
      end
      for i = 1, 8 do assert.is_true(tasks[i]:wait(2)) end
    end)
  end)

  it("holds a gathered write back no longer than until the handler returns", function()
    helper.task(function(lastcall)
      local _, address = helper.serve(lastcall, function(conn) conn:write("bye") end)
      local conn = assert(lastcall.connect(address))
      assert.equal("bye", conn:read("a"))
      conn:close()
    end)
  end)
end)

describe("conn:flush and conn:setvbuf", function()
  it("flush is true when the kernel took all of it", function()
    between(function(here, there, lastcall)
      narrow(here)
      assert.is_true(here:flush())
      here:write("abc")
      assert.is_true(here:flush())
      assert.equal(0, here:stats().unsent)
      stall(here, lastcall)
      local flushing = lastcall.go(function() return here:flush(), here:stats().unsent end)
      lastcall.sleep(0.02)
      assert.equal("waiting", (flushing:status()))
      local reading = lastcall.go(function() return there:read("a") end)
      local fine, left = flushing:wait(5)
      assert.is_true(fine)
      assert.equal(0, left)
      here:shutdown("write")
      assert.equal(here:stats().sent, #reading:wait(5))
    end, { max_queue = 20000 })
  end)

  it("setvbuf \"no\" sends each write at once, \"full\" says how much is gathered", function()
    between(function(here)
      assert.is_true(here:setvbuf("no"))
      here:write("abc")
      assert.equal(3, here:stats().sent)
      assert.is_true(here:setvbuf("full", 10))
      here:write("123456789")
      assert.equal(3, here:stats().sent)
      here:write("0")
      assert.equal(13, here:stats().sent)
      assert.is_true(here:setvbuf("full"))
      here:write(("x"):rep(16000))
      assert.equal(13, here:stats().sent)
    end)
  end)
end)

describe("conn:post", function()
  it("queues without waiting, and is full at max_queue", function()
    between(function(here, there, lastcall)
      stall(here, lastcall)
      failure("full", here:post(("x"):rep(4000)))
      local stats = here:stats()
      assert.is_true(stats.unsent > 16000 and stats.unsent <= 20000)
      local posted, got = stats.sent + stats.unsent, 0
      while got < posted do got = got + #there:read_some() end
      assert.equal(posted, got)
      assert.is_true(here:post("on we go"))
      assert.equal("on we go", there:read(8))
    end, { max_queue = 20000 })
  end)

  it("is not full for a peer that reads, though the task that posts does not wait", function()
    helper.task(function(lastcall)
      local posted, got = 0, 0
      local _, address = helper.serve(lastcall, function(conn)
        for line in conn:lines() do
          for subscriber in conn:server():each() do
            if subscriber ~= conn and subscriber:post(line) then posted = posted + 1 end
          end
        end
      end, { max_queue = 10000 })
      local subscriber = assert(lastcall.connect(address))
      local reading = lastcall.go(function()
        while got < 1000 * 2000 do got = got + #assert(subscriber:read_some()) end
        return got
      end)
      local publisher = assert(lastcall.connect(address))
      for _ = 1, 1000 do publisher:write(("x"):rep(2000), "\n") end
      publisher:flush()
      assert.equal(2000000, reading:wait(helper.seconds(10)))
      assert.equal(1000, posted)
      subscriber:close()
      publisher:close()
    end)
  end)

  it("is not full once the peer has read, though no turn of the loop has told", function()
    helper.task(function(lastcall)
      local system = require "spec_system"
      local here, there, server = helper.pair(lastcall, { max_queue = 20000 })
      local fd, _, ticket = there:detach()
      ticket:done()
      stall(here, lastcall)
      failure("full", here:post(("x"):rep(4000)))
      local is_posted
      for _ = 1, 1000 do
        system.read(fd)
        is_posted = here:post(("x"):rep(4000))
        if is_posted then break end
      end
      assert.is_true(is_posted)
      here:abort()
      system.close(fd)
      server:close()
    end)
  end)

  it("goes out between two writes, never inside one", function()
    between(function(here, there, lastcall)
      narrow(here)
      local big = ("a"):rep(300000)
      local writing = lastcall.go(function() return here:write("<", big, ">") end)
      lastcall.sleep(0.02)
      assert.is_true(here:post("posted"))
      assert.is_true(here:post("!"))
      assert.is_true(there:read(300002) == "<" .. big .. ">")
      assert.equal("posted!", there:read(7))
      assert.is_true(writing:wait(2))
    end)
  end)

  it("works outside of any task, and for a connection that nobody serves at the moment", function()
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, function(conn) conn:read() end)
      local conn = assert(lastcall.connect(address))
      server:wait_for("==", 1, 2)
      local queued, dropped = server:broadcast("news\n")
      assert.same({ 1, 0 }, { queued, dropped })
      assert.equal("news", conn:read())
      conn:close()
    end)
  end)

  it("says why a connection takes nothing more", function()
    between(function(here)
      here:close("background")
      failure("closed", here:post("x"))
    end)
  end)
end)

describe("a write that fails", function()
  for code, at in pairs { reset = "127.0.0.1:0", ["broken pipe"] = "unix:" .. helper.socket_path() } do
    it(("says %s when the peer has left, and goes on saying so"):format(code), function()
      between(function(here, there, lastcall)
        there:abort()
        lastcall.sleep(0.02)
        here:write("x")
        lastcall.sleep(0)
        failure(code, here:write("x"))
        failure(code, here:flush())
        failure(code, here:post("x"))
        failure(code, here:read())
        assert.equal(code, here:error())
        assert.equal("closed", here:state())
        assert.is_true(here:context():done())
        assert.equal(code, here:context():cause())
      end, { at = at })
    end)
  end

  it("after close says closed, and after shutdown(\"write\") too", function()
    between(function(here, there)
      helper.send(here, "abc")
      assert.is_true(here:shutdown("write"))
      assert.equal(0, failure("closed", here:write("x")))
      failure("closed", here:flush())
      assert.is_false(here:context():done())
      assert.equal("abc", there:read("a"))
      here:close("background")
      assert.equal(0, failure("closed", here:write("x")))
    end)
  end)

  it("by write_timeout says how much was accepted, and cancels the context", function()
    between(function(here, _, lastcall)
      narrow(here)
      here:set_write_timeout(0.1)
      local began = lastcall.now()
      local done = failure("timeout", here:write(MEGABYTE))
      assert.is_true(lastcall.now() - began >= helper.least(0.1))
      assert.is_true(done > 0 and done < #MEGABYTE)
      local stats = here:stats()
      assert.equal(done, stats.sent + stats.unsent)
      assert.is_true(here:context():done())
    end)
  end)

  it("half-way leaves nothing that could follow: later writes fail, the end is a reset", function()
    between(function(here, there, lastcall)
      narrow(here)
      here:set_write_timeout(0.2)
      local writing = lastcall.go(function() return here:write(MEGABYTE) end)
      local behind = lastcall.go(function() return here:write("interleaved") end)
      local done = failure("timeout", writing:wait(2))
      assert.equal(0, failure("timeout", behind:wait(2)))
      assert.equal(0, failure("timeout", here:write("more")))
      failure("timeout", here:post("more"))
      local closed, code, _, unacked = here:close()
      assert.is_nil(closed)
      assert.equal("timeout", code)
      assert.is_true(unacked > 0)
      local _, ended, _, got = there:read("a")
      assert.equal("reset", ended)
      assert.is_true(#got < done)
    end)
  end)

  it("canceled half-way is a reset as well: half a reply never looks like a whole one", function()
    between(function(here, there, lastcall)
      narrow(here)
      local writing = lastcall.go(function() return here:write(MEGABYTE) end)
      lastcall.sleep(0.02)
      writing:cancel()
      assert.is_true(failure("canceled", writing:wait(2)) > 0)
      failure("canceled", here:close())
      assert.equal("reset", select(2, there:read("a")))
    end)
  end)

  it("canceled before its first byte harms nobody", function()
    between(function(here, there, lastcall)
      narrow(here)
      local first = lastcall.go(function() return here:write(MEGABYTE) end)
      local second = lastcall.go(function() return here:write("never") end)
      local third = lastcall.go(function() return here:write("third") end)
      lastcall.sleep(0.02)
      second:cancel()
      assert.equal(0, failure("canceled", second:wait(2)))
      assert.is_true(there:read(#MEGABYTE) == MEGABYTE)
      assert.equal("third", there:read(5))
      assert.is_true(first:wait(2))
      assert.is_true(third:wait(2))
    end)
  end)
end)

describe("gathered bytes", function()
  it("that never leave fail by write_timeout, told by the next operation", function()
    between(function(here, _, lastcall)
      stall(here, lastcall)
      here:set_write_timeout(0.1)
      assert.is_false(here:context():done())
      local began = lastcall.now()
      while not here:context():done() and lastcall.now() < began + helper.seconds(2) do
        here:post("a try is no progress")
        lastcall.sleep(0.01)
      end
      assert.is_true(here:context():done())
      failure("timeout", here:write("more"))
      assert.equal("timeout", here:error())
    end, { max_queue = 20000 })
  end)

  it("that leave slowly do not", function()
    between(function(here, there, lastcall)
      stall(here, lastcall)
      here:set_write_timeout(helper.seconds(0.5))
      local began, pieces = lastcall.now(), 0
      while here:stats().unsent > 0 do
        there:read_some(4096)
        pieces = pieces + 1
        -- By the clock: what was late is made up for.
        lastcall.sleep(math.max(0, began + helper.seconds(0.02) * pieces - lastcall.now()))
      end
      assert.is_true(lastcall.now() - began > helper.seconds(0.5))
      assert.is_false(here:context():done())
      assert.is_true(here:write("still fine"))
    end, { max_queue = 200000, at = "unix:" .. helper.socket_path() })
  end)
end)
