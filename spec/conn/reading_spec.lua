-- scripts/test: fast clock
local helper = require "spec.helper"

local between = helper.between

local function failure(code, partial, ...) assert.equal(partial, helper.failure(code, ...)) end

describe("conn:read", function()
  it("takes the formats of io files", function()
    between(function(here, there)
      helper.send(there, "one\ntwo\nthree\n\n12345rest")
      there:shutdown("write")
      assert.equal("one", here:read())
      assert.equal("two", here:read("l"))
      assert.equal("three\n", here:read("L"))
      assert.equal("", here:read("*l"))
      assert.equal("12345", here:read(5))
      assert.equal("", here:read(0))
      assert.equal("rest", here:read("a"))
      assert.equal("", here:read("a"))
    end)
  end)

  it("takes several formats in one call", function()
    between(function(here, there)
      helper.send(there, "one\ntwo\n12345")
      assert.same({ "one", "two\n", "123", "45" }, { here:read("l", "L", 3, 2) })
    end)
  end)

  it("puts together what comes in pieces", function()
    between(function(here, there, lastcall)
      lastcall.go(function()
        for piece in ("hel lo\nworl d\nabc defg"):gmatch("%S+%s?") do
          helper.send(there, piece)
          lastcall.sleep(0.005)
        end
        there:shutdown("write")
      end)
      assert.same({ "hel lo", "worl d" }, { here:read("l", "l") })
      assert.equal("abc d", here:read(5))
      assert.equal("efg", here:read("a"))
    end)
  end)

  it("says eof, with what came of a line without end", function()
    between(function(here, there)
      helper.send(there, "half a li")
      there:shutdown("write")
      failure("eof", "half a li", here:read())
      failure("eof", "", here:read())
      failure("eof", "", here:read(1))
      failure("eof", "", here:read(0))
    end)
  end)

  it("says eof, with the bytes that were there of a number of bytes", function()
    between(function(here, there)
      helper.send(there, "abc")
      there:shutdown("write")
      failure("eof", "abc", here:read(5))
    end)
  end)

  it("is one read with several formats: what the earlier ones got is in the partial", function()
    between(function(here, there)
      helper.send(there, "one\ntwo\nabc")
      there:shutdown("write")
      failure("eof", "one\ntwo\nabc", here:read("l", "L", 5))
    end)
  end)

  it("tells a reset from an end", function()
    between(function(here, there, lastcall)
      helper.send(there, "abc")
      lastcall.sleep(0.02)
      there:abort()
      local value, code, message = here:read(5)
      assert.is_nil(value)
      assert.equal("reset", code)
      assert.is_truthy(message:find("^127%.0%.0%.1:%d+: read: .*ECONNRESET"), message)
      assert.equal("reset", select(2, here:read()))
      assert.equal("closed", here:state())
    end)
  end)

  -- The kernel calls it EPIPE, which would tell a reader that it had written.
  describe("of a peer that finishes and resets at once", function()
    local function reset_behind_the_fin(bytes, read)
      local result
      between(function(here, there, lastcall)
        local reader = lastcall.go(function() result = table.pack(read(here)) end)
        lastcall.sleep(0) -- it waits
        if bytes then helper.send(there, bytes) end
        there:shutdown("write")
        there:abort()
        reader:wait()
        failure("reset", "", here:read())
        assert.equal("reset", here:error())
      end)
      return table.unpack(result, 1, result.n)
    end

    it("says reset, with what had come", function()
      failure("reset", "abc", reset_behind_the_fin("abc", function(here) return here:read(5) end))
      failure("reset", "", reset_behind_the_fin(nil, function(here) return here:read("a") end))
    end)

    it("says reset in await and in an iterator over lines", function()
      failure("reset", "", reset_behind_the_fin(nil, function(here) return here:await() end))
      assert.is_nil(reset_behind_the_fin(nil, function(here) return here:lines()() end))
    end)
  end)

  it("says closed after close, however it is asked", function()
    between(function(here)
      here:close("background")
      for _, read in ipairs { "read", "read_some", "await" } do
        failure("closed", "", here[read](here))
      end
      failure("closed", "", here:read_until("x"))
      assert.is_nil(here:lines()())
      assert.equal("closed", here:error())
    end)
  end)

  it("gives the result at once after its own half was closed, on TCP and unix", function()
    for _, at in ipairs { "127.0.0.1:0", "unix:" .. helper.socket_path() } do
      between(function(here, there, lastcall)
        helper.send(there, "left over\n")
        lastcall.sleep(0.02)
        assert.equal("left ", here:read(5))
        local waiting = lastcall.go(function() return here:read("a") end)
        lastcall.sleep(0.01)
        assert.is_true(here:shutdown("read"))
        assert.equal("over\n", waiting:wait(2))
        failure("eof", "", here:read())
        assert.is_nil(here:await())
      end, { at = at })
    end
  end)
end)

describe("conn:read_some and conn:read_until", function()
  it("give what has arrived, at most so much", function()
    between(function(here, there, lastcall)
      helper.send(there, "abcdef")
      lastcall.sleep(0.02)
      assert.equal("ab", here:read_some(2))
      assert.equal("cdef", here:read_some())
      there:shutdown("write")
      failure("eof", "", here:read_some())
    end)
  end)

  it("read up to and including a plain delimiter", function()
    between(function(here, there, lastcall)
      lastcall.go(function()
        for _, piece in ipairs { "head.%", "%-", "-body--", "-tail" } do
          helper.send(there, piece)
          lastcall.sleep(0.005)
        end
      end)
      assert.equal("head.%%--", here:read_until("%--"))
      assert.equal("body---", here:read_until("---"))
      assert.equal("tail", here:read(4))
    end)
  end)

  it("search anew when the delimiter is another one than that of a read that was given up", function()
    between(function(here, there, lastcall)
      helper.send(there, "one\ntwo")
      local task = lastcall.go(function() return here:read_until("END") end)
      lastcall.sleep(0.02)
      task:cancel()
      failure("canceled", "one\ntwo", task:wait(2))
      assert.equal("one", here:read())
    end)
  end)
end)

describe("a limit on input", function()
  it("makes a line too long, which stays readable", function()
    between(function(here, there)
      helper.send(there, ("x"):rep(10), "\n", ("y"):rep(11), "\n")
      assert.equal(("x"):rep(10), here:read())
      failure("too long", ("y"):rep(11) .. "\n", here:read())
      failure("too long", ("y"):rep(11) .. "\n", here:read("L"))
      assert.equal(("y"):rep(11) .. "\n", here:read_some())
    end, { max_line = 10 })
  end)

  it("ends lines, and conn:error tells why", function()
    between(function(here, there)
      helper.send(there, "fine\n", ("y"):rep(11), "\nnever seen\n")
      local seen = {}
      for line in here:lines() do seen[#seen + 1] = line end
      assert.same({ "fine" }, seen)
      assert.equal("too long", here:error())
    end, { max_line = 10 })
  end)

  it("holds for a number of bytes and for everything, at once and bounded", function()
    between(function(here, there)
      helper.send(there, ("x"):rep(2000))
      failure("too long", "", here:read(1001))
      there:shutdown("write")
      local value, code, _, partial = here:read("a")
      assert.is_nil(value)
      assert.equal("too long", code)
      assert.is_true(#partial > 1000)
    end, { max_read = 1000 })
  end)

  it("is the caller's for read_until", function()
    between(function(here, there)
      helper.send(there, "12345;123456;")
      assert.equal("12345;", here:read_until(";", 6))
      failure("too long", "123456;", here:read_until(";", 6))
      assert.equal("123456;", here:read_until(";", 7))
    end)
  end)
end)

describe("a read that is ended", function()
  it("by cancel leaves what it got readable", function()
    between(function(here, there, lastcall)
      helper.send(there, "one\ntwo\nhel")
      local task = lastcall.go(function() return here:read("l", "L", 5) end)
      lastcall.sleep(0.02)
      assert.equal("waiting", (task:status()))
      task:cancel()
      failure("canceled", "one\ntwo\nhel", task:wait(2))
      helper.send(there, "lo")
      assert.same({ "one", "two\n", "hello" }, { here:read("l", "L", 5) })
    end)
  end)

  it("by its timeout hands over what it got", function()
    between(function(here, there)
      here:set_read_timeout(0.03)
      helper.send(there, "one\nhel")
      failure("timeout", "one\nhel", here:read("l", 5))
      helper.send(there, "lo")
      assert.equal("lo", here:read(2))
      failure("timeout", "", here:read())
    end)
  end)

  it("by a timeout of 0 hands over what was there already; a negative one is refused", function()
    between(function(here, there)
      here:set_read_timeout(0)
      failure("timeout", "", here:read())
      helper.send(there, "one\nhel")
      require("lastcall").sleep(0.01)
      assert.equal("one", here:read())
      failure("timeout", "hel", here:read())
      for name, set in pairs {
        set_read_timeout = function() here:set_read_timeout(-1) end,
        set_write_timeout = function() here:set_write_timeout(-1) end,
      } do
        local _, message = pcall(set)
        assert.matches("^spec/conn/reading_spec.lua:%d+: bad argument #1 to 'conn:" .. name ..
          "' .*nil stands for no timeout", message)
      end
    end)
  end)

  it("by the drain leaves what it got readable", function()
    helper.task(function(lastcall)
      local result, rest
      local server, address = helper.serve(lastcall, function(conn)
        for _ in conn:lines() do conn:write("ok\n") end
        result = conn:error()
        rest = { conn:read() }
      end, { drain = { timeout = 3, quiet = 0.1 } })
      local conn = assert(lastcall.connect(address))
      helper.send(conn, "one\n")
      assert.equal("ok", conn:read())
      server:shutdown()
      failure("eof", "", conn:read())
      conn:close()
      server:wait()
      assert.equal("draining", result)
      assert.equal("draining", rest[2])
      assert.equal("", rest[4])
    end)
  end)
end)

describe("conn:lines", function()
  it("goes over lines until the peer has finished", function()
    between(function(here, there)
      helper.send(there, "one\n\nthree\n")
      there:shutdown("write")
      local seen = {}
      for line in here:lines() do seen[#seen + 1] = line end
      assert.same({ "one", "", "three" }, seen)
      assert.equal("eof", here:error())
    end)
  end)

  it("takes the formats of read, and ends with each", function()
    between(function(here, there)
      helper.send(there, "one\ntwo\n123456789")
      there:shutdown("write")
      local seen = {}
      for line in here:lines("L") do
        seen[#seen + 1] = line
        if line == "two\n" then break end
      end
      for piece in here:lines(4) do seen[#seen + 1] = piece end
      for all in here:lines("a") do seen[#seen + 1] = all end
      assert.same({ "one\n", "two\n", "1234", "5678", "9" }, seen)
    end)
  end)

  it("leaves a line without end readable: it is no request", function()
    between(function(here, there)
      helper.send(there, "whole\nhalf")
      there:shutdown("write")
      local seen = {}
      for line in here:lines() do seen[#seen + 1] = line end
      assert.same({ "whole" }, seen)
      assert.equal("half", here:read("a"))
    end)
  end)

  it("never raises for what a peer does", function()
    between(function(here, there, lastcall)
      helper.send(there, "one\n")
      lastcall.sleep(0.02)
      there:abort()
      for _ in here:lines() do lastcall.sleep(0.01) end
      assert.equal("reset", here:error())
    end)
  end)
end)

describe("conn:await", function()
  it("consumes nothing", function()
    between(function(here, there)
      helper.send(there, "abc\n")
      assert.is_true(here:await())
      assert.is_true(here:await())
      assert.equal("abc", here:read())
    end)
  end)

  it("waits for the first byte, no longer than it is told", function()
    between(function(here, there, lastcall)
      local began = lastcall.now()
      failure("timeout", "", here:await(0.05))
      assert.is_true(lastcall.now() - began >= helper.least(0.05))
      lastcall.go(function()
        lastcall.sleep(0.02)
        helper.send(there, "x")
      end)
      assert.is_true(here:await(2))
      assert.equal("x", here:read(1))
    end)
  end)

  it("tells the end, and the reset", function()
    between(function(here, there)
      there:shutdown("write")
      failure("eof", "", here:await())
      there:abort()
      assert.is_nil(here:await())
    end)
  end)
end)

describe("large input", function()
  it("comes in pieces of any size, each of them a string like others", function()
    between(function(here, there, lastcall)
      local parts = {}
      for i = 1, 60000 do parts[i] = ("%d:%s"):format(i, ("x"):rep(i % 97)) end
      local all = table.concat(parts)
      lastcall.go(function()
        there:write(all)
        for size = 1, 70000, 3001 do
          there:write(all:sub(1, size))
          lastcall.sleep(0.001)
        end
        there:shutdown("write")
      end)
      local got, sizes = {}, {}
      for piece in function() return here:read_some(#got % 5 == 4 and 5000 or nil) end do
        got[#got + 1], sizes[piece] = piece, #piece
      end
      local expected = { all }
      for size = 1, 70000, 3001 do expected[#expected + 1] = all:sub(1, size) end
      assert.is_true(table.concat(got) == table.concat(expected))
      for i, piece in ipairs(got) do
        assert.equal(#piece, sizes[piece .. ""])
        assert.is_true(i % 5 ~= 0 or #piece <= 5000)
      end
    end)
  end)

  it("arrives byte for byte, whatever way it is read", function()
    between(function(here, there, lastcall)
      local lines = {}
      for i = 1, 60000 do lines[i] = ("%d:%s"):format(i, ("x"):rep(i % 97)) end
      local all = table.concat(lines, "\n") .. "\n"
      lastcall.go(function()
        for _ = 1, 3 do there:write(all) end
        there:shutdown("write")
      end)
      local count = 0
      for i = 1, #lines do
        assert(here:read() == lines[i])
        count = count + 1
      end
      assert.equal(#lines, count)
      assert.is_true(here:read(#all) == all)
      assert.is_true(here:read("a") == all)
    end)
  end)
end)
