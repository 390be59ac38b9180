local helper = require "spec.helper"
local system = require "spec_system"

local function plain_descriptor(conn)
  local fd, _, ticket = conn:detach()
  ticket:done()
  return fd
end

-- A unix connection whose client end is a plain descriptor: `body(conn, send, finish, lastcall)`, where
-- send(data, true) sends data with a descriptor attached. All of it is there before the server's end next looks.
local function between(body)
  helper.task(function(lastcall)
    local here, there, server = helper.pair(lastcall, { at = "unix:" .. helper.socket_path() })
    local fd = plain_descriptor(there)
    local function send(data, with_descriptor)
      assert.equal(#data, with_descriptor and system.send_descriptor(fd, data, fd) or system.write(fd, data))
    end
    local before = helper.descriptors()
    body(here, send, function() return system.close(fd) end, lastcall)
    assert.is_true(helper.descriptors() <= before)
    here:abort()
    system.close(fd)
    server:close()
  end)
end

describe("bytes behind a message that came with a descriptor", function()
  local reads = {
    ["a line"] = function(conn) return conn:read() end,
    ["lines"] = function(conn) return (conn:lines()()) end,
    ["a number of bytes"] = function(conn) return conn:read(6) end,
    ["read_until"] = function(conn) return (conn:read_until("f")) end,
  }

  for what, read in pairs(reads) do
    it(("are read on, by one that waited for %s"):format(what), function()
      between(function(conn, send, _, lastcall)
        local reading = lastcall.go(read, conn)
        lastcall.sleep(0)
        send("abc", true)
        send("def\n")
        assert.matches("^abcdef", reading:wait(helper.seconds(2)))
      end)
    end)
  end

  it("are read on, though each message has one, to the end", function()
    between(function(conn, send, finish, lastcall)
      local reading = lastcall.go(function() return conn:read("a") end)
      lastcall.sleep(0)
      for i = 1, 5 do send(tostring(i), i ~= 5) end
      finish()
      assert.equal("12345", reading:wait(helper.seconds(2)))
    end)
  end)

  it("come with the next read_some, without another event", function()
    between(function(conn, send, _, lastcall)
      local reading = lastcall.go(function() return conn:read_some(), conn:read_some() end)
      lastcall.sleep(0)
      send("abc", true)
      send("def")
      assert.same({ "abc", "def" }, { reading:wait(helper.seconds(2)) })
    end)
  end)

  it("are discarded by a connection that closes, up to the peer's end", function()
    between(function(conn, send, finish, lastcall)
      local closing = lastcall.go(function() return conn:close(helper.seconds(10)) end)
      lastcall.sleep(0)
      for _ = 1, 3 do send("unasked", true) end
      send("unasked")
      finish()
      assert.is_true(closing:wait(helper.seconds(2)))
    end)
  end)

  it("are received by lastcall.socket", function()
    helper.task(function(lastcall)
      local path = helper.socket_path()
      local server = assert(require "lastcall.socket.unix"())
      assert(server:bind(path))
      assert(server:listen())
      local there = assert(lastcall.connect("unix:" .. path))
      local here = assert(server:accept())
      local fd = plain_descriptor(there)
      local receiving = lastcall.go(function() return here:receive(6) end)
      lastcall.sleep(0)
      system.send_descriptor(fd, "abc", fd)
      system.write(fd, "def")
      assert.equal("abcdef", receiving:wait(helper.seconds(2)))
      here:close()
      server:close()
      system.close(fd)
      os.remove(path)
    end)
  end)
end)
