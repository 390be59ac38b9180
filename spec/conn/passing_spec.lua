local helper = require "spec.helper"
local system = require "spec_system"

local function unix(body, options)
  options = options or {}
  options.at = helper.abstract "passing"
  helper.between(body, options)
end

local function close(fds)
  for _, fd in ipairs(fds) do assert(system.close(fd)) end
end

-- A pipe with its number written into it: whoever has its reading end can tell which one it is.
local function numbered(number)
  local reading, writing = assert(system.pipe())
  system.write(writing, tostring(number))
  system.close(writing)
  return reading
end

local function number_of(fd) return math.tointeger(system.read(fd)) end

-- Sends the bytes with so many numbered descriptors, which are its own no more.
local function send_numbered(conn, bytes, ...)
  local fds = {}
  for i, number in ipairs { ... } do fds[i] = numbered(number) end
  local sent, code, message = conn:send_fds(fds, bytes)
  close(fds)
  return sent, code, message
end

-- Receives until so many bytes have come: the bytes, and the numbers of the descriptors, which are closed.
local function receive_numbered(conn, size, most)
  local all, numbers = "", {}
  while #all < size do
    local bytes, fds, lost = assert(conn:receive_fds(most or 253))
    all = all .. bytes
    for _, fd in ipairs(fds) do numbers[#numbers + 1] = number_of(fd) end
    if lost then numbers[#numbers + 1] = "lost" end
    close(fds)
  end
  return all, numbers
end

describe("descriptors that cross a unix connection", function()
  it("arrive with their bytes, close-on-exec, and are the receiver's", function()
    unix(function(here, there)
      assert.same({ "", {} }, { here:receive_fds(1, 0) })
      assert.is_true(send_numbered(there, "one", 1))
      local bytes, fds, lost = here:receive_fds(1)
      assert.equal("one", bytes)
      assert.equal(1, #fds)
      assert.is_nil(lost)
      local flags = helper.read_file("/proc/self/fdinfo/" .. fds[1]):match "flags:%s*(%d+)"
      assert.is_true(tonumber(flags, 8) & tonumber("2000000", 8) ~= 0)
      assert.equal(1, number_of(fds[1]))
      close(fds)
    end)
  end)

  it("keep their order and their bytes, also behind writes that the kernel has not taken", function()
    unix(function(here, there, lastcall)
      here:receive_fds(253, 0)
      local fill, expected = ("x"):rep(1 << 20), {}
      local sending = lastcall.go(function()
        there:write(fill)
        for i = 1, 100 do
          there:write("-")
          assert(send_numbered(there, "<" .. i .. ">", i, i + 1000))
        end
        there:write(fill)
        return there:flush()
      end)
      local tail = ""
      for i = 1, 100 do
        expected[#expected + 1], expected[#expected + 2] = i, i + 1000
        tail = tail .. "-<" .. i .. ">"
      end
      local bytes, numbers = receive_numbered(here, 2 * #fill + #tail)
      assert.is_true(bytes == fill .. tail .. fill)
      assert.same(expected, numbers)
      assert.is_true(sending:wait())
    end)
  end)

  it("wait for the task that reads lines", function()
    unix(function(here, there)
      here:receive_fds(4, 0)
      for i = 1, 5 do send_numbered(there, "take " .. i .. "\n", i) end
      there:shutdown "write"
      local taken = {}
      for line in here:lines() do
        local bytes, fds = here:receive_fds(4, 0)
        assert.equal("", bytes)
        taken[#taken + 1] = line .. "=" .. number_of(fds[1])
        close(fds)
      end
      assert.same({ "take 1=1", "take 2=2", "take 3=3", "take 4=4", "take 5=5" }, taken)
    end)
  end)

  it("are closed by a connection that was not asked for them, and by one that asked later", function()
    unix(function(here, there)
      send_numbered(there, "unasked\n", 1)
      there:flush()
      assert.equal("unasked", here:read())
      here:receive_fds(1, 0)
      send_numbered(there, "asked", 2)
      assert.same({ "asked", { 2 } }, { receive_numbered(here, 5) })
    end)
  end)

  it("are duplicated: the sender may close its own at once", function()
    unix(function(here, there)
      here:receive_fds(1, 0)
      local reading, writing = system.pipe()
      assert(there:send_fds({ writing }, "w"))
      system.close(writing)
      there:flush()
      local _, fds = here:receive_fds(1)
      system.write(fds[1], "through")
      assert.equal("through", system.read(reading))
      close { fds[1], reading }
    end)
  end)

  it("may be those of connections, of files, and of objects with getfd", function()
    unix(function(here, there, lastcall)
      here:receive_fds(3, 0)
      local file = io.tmpfile()
      file:write "of a file"
      file:flush()
      local reading, writing = system.pipe()
      local object = { getfd = function() return writing + 0.0 end }
      local one, other, server = helper.pair(lastcall, { at = "127.0.0.1:0" })
      assert(there:send_fds({ one, file, object }, "!"))
      there:flush()
      local _, fds = here:receive_fds(3)
      assert.equal(3, #fds)
      system.write(fds[1], "over TCP")
      assert.equal("over TCP", other:read(8))
      system.write(fds[3], "through")
      assert.equal("through", system.read(reading))
      close { fds[1], fds[2], fds[3], reading, writing }
      file:close()
      one:close()
      other:close()
      server:close()
    end)
  end)
end)

describe("more descriptors than are wanted", function()
  it("are closed, and told once, and what comes later is kept apart", function()
    unix(function(here, there)
      here:receive_fds(2, 0)
      send_numbered(there, "a", 1, 2, 3, 4)
      there:flush()
      assert.equal("a", here:read(1))
      send_numbered(there, "b", 5)
      there:flush()
      assert.equal("b", here:read(1))
      local bytes, fds, lost = here:receive_fds(2, 0)
      assert.same({ "", 2, true }, { bytes, #fds, lost })
      close(fds)
      send_numbered(there, "c", 6)
      assert.same({ "c", { 6 } }, { receive_numbered(here, 1) })
    end)
  end)

  it("are what a peer cannot fill the table with", function()
    unix(function(here, there)
      here:receive_fds(1, 0)
      local before, fds = helper.descriptors(), {}
      for i = 1, 253 do fds[i] = 2 end
      for _ = 1, 20 do
        assert(there:send_fds(fds, "."))
        there:flush()
        assert.equal(".", here:read(1))
        assert.is_true(helper.descriptors() <= before + 1)
      end
      local _, held, lost = here:receive_fds(1, 0)
      assert.same({ 1, true }, { #held, lost })
      close(held)
    end)
  end)
end)

describe("a connection with descriptors to send or to take", function()
  local ends = {
    abort = function(_, there) there:abort() end,
    close = function(here, there) there:close(0) here:close(0) end,
    ["the peer's end"] = function(here) here:abort() end,
  }
  for name, finish in pairs(ends) do
    it("closes them at its end: " .. name, function()
      unix(function(here, there, lastcall)
        here:receive_fds(253, 0)
        local writing = lastcall.go(function() return there:write(("x"):rep(1 << 22)) end)
        lastcall.sleep(0)
        local before, sending = helper.descriptors(), {}
        for i = 1, 5 do sending[i] = lastcall.go(function() return there:send_fds({ 2 }, "more") end) end
        lastcall.sleep(0)
        assert.equal(before + 5, (helper.descriptors()))
        finish(here, there)
        assert.is_nil((writing:wait()))
        for i = 1, 5 do assert.is_nil((sending[i]:wait())) end
        assert.is_true(helper.descriptors() <= before)
      end)
    end)
  end

  it("closes those that came and were not taken", function()
    unix(function(here, there)
      here:receive_fds(253, 0)
      local before = helper.descriptors()
      send_numbered(there, "line\n", 1, 2, 3)
      there:flush()
      assert.equal("line", here:read())
      assert.equal(before + 3, helper.descriptors())
      here:close(0)
      assert.is_true(helper.descriptors() < before)
    end)
  end)

  it("gives those that came before the peer's reset", function()
    unix(function(here, there)
      here:receive_fds(253, 0)
      here:write "never read"
      here:flush()
      send_numbered(there, "last", 7)
      there:flush()
      there:abort()
      assert.same({ "last", { 7 } }, { receive_numbered(here, 4) })
      assert.is_nil((here:receive_fds(1)))
    end)
  end)

  it("sends those that were accepted before a close", function()
    unix(function(here, there, lastcall)
      here:receive_fds(253, 0)
      local fill = ("x"):rep(1 << 20)
      local closing = lastcall.go(function()
        there:write(fill)
        send_numbered(there, "end", 1, 2)
        return there:close(helper.seconds(10))
      end)
      local bytes, numbers = receive_numbered(here, #fill + 3)
      assert.equal("end", bytes:sub(-3))
      assert.same({ 1, 2 }, numbers)
      here:close()
      assert.is_true((closing:wait()))
    end)
  end)
end)

describe("what cannot be", function()
  it("raises: no unix connection, no bytes, no descriptor, too many", function()
    helper.between(function(here)
      helper.raises("descriptors cross unix connections only", here.send_fds, here, { 2 }, "x")
      helper.raises("descriptors cross unix connections only", here.receive_fds, here, 1)
    end)
    unix(function(here)
      helper.raises("give at least one", here.send_fds, here, { 2 }, "")
      helper.raises("expected a list", here.send_fds, here, 2, "x")
      helper.raises("value 2 of the list", here.send_fds, here, { 2, "2" }, "x")
      helper.raises("value 1 of the list", here.send_fds, here, { -1 }, "x")
      helper.raises("no open descriptor", here.send_fds, here, { 2, 999999 }, "x")
      local many = {}
      for i = 1, 254 do many[i] = 2 end
      helper.raises("at most 253", here.send_fds, here, many, "x")
      helper.raises("1 to 253", here.receive_fds, here, 0)
      helper.raises("1 to 253", here.receive_fds, here, 254)
      assert.is_nil(here:error())
    end)
  end)

  it("is told of a connection in the list that has ended, and the other one goes on", function()
    unix(function(here, there, lastcall)
      here:receive_fds(2, 0)
      local one, other, server = helper.pair(lastcall)
      one:abort()
      helper.failure("closed", there:send_fds({ 2, one }, "x"))
      assert.is_true(there:send_fds({ 2, other }, "y"))
      local bytes, fds = here:receive_fds(2)
      assert.same({ "y", 2 }, { bytes, #fds })
      close(fds)
      other:abort()
      server:close()
    end)
  end)

  it("is told of a connection that has ended", function()
    unix(function(here)
      here:abort()
      helper.failure("closed", here:send_fds({ 2 }, "x"))
      helper.failure("closed", here:receive_fds(1))
    end)
  end)
end)
