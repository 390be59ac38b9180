local helper = require "spec.helper"

local socket = require "lastcall.socket"
local unix = require "lastcall.socket.unix"

--- An abstract name, of this process alone.
local function abstract(name) return ("\0lastcall %s %d"):format(name, helper.pid()) end

describe("an abstract name of lastcall.socket.unix", function()
  it("is known by all of its bytes, also those behind another zero byte", function()
    local name = abstract "stream"
    local server = unix.stream()
    assert.equal(1, server:bind(name .. "\0more"))
    assert.equal(1, server:listen())
    assert.same({ nil, "connection refused", n = 2 }, table.pack(unix.stream():connect(name)))
    assert.same({ nil, "address already in use", n = 2 }, table.pack(unix.stream():bind(name .. "\0more")))
    local client = unix.stream()
    assert.equal(1, client:connect(name .. "\0more"))
    assert.equal(5, client:send("hello"))
    client:close()
    local accepted = server:accept()
    assert.equal("hello", accepted:receive "*a")
    accepted:close()
    server:close()
  end)

  it("is empty where getsockname and receivefrom tell it, as in LuaSocket", function()
    local there, here = unix.dgram(), unix.dgram()
    assert.equal(1, there:bind(abstract "there"))
    assert.equal(1, here:bind(abstract "here"))
    assert.equal("", there:getsockname())
    assert.equal(2, here:sendto("hi", abstract "there"))
    assert.same({ "hi", "" }, { there:receivefrom() })
    assert.same({ nil, "connection refused" }, { here:sendto("hi", abstract "the") })
    assert.equal(1, here:connect(abstract "there"))
    assert.equal(3, here:send("you"))
    assert.equal("you", there:receive())
    there:close()
    here:close()
  end)

  it("is too long from 108 bytes on", function()
    assert.same({ nil, "path too long" }, { unix.stream():bind("\0" .. ("x"):rep(107)) })
    assert.same({ nil, "path too long" }, { unix.dgram():sendto("hi", "\0" .. ("x"):rep(107)) })
    local longest = abstract "long"
    local socket_there = unix.stream()
    assert.equal(1, socket_there:bind(longest .. ("x"):rep(107 - #longest)))
    socket_there:close()
  end)

  it("is served and stopped like any other", function()
    local name = abstract "served"
    local report = helper.task(function(lastcall)
      local server = unix.stream()
      assert(server:bind(name))
      assert(server:listen())
      lastcall.spawn(function()
        socket.serve(server, function(client) client:send("you said " .. client:receive() .. "\n") end)
      end)
      local client = unix.stream()
      assert(client:connect(name))
      client:send("hello\n")
      assert.equal("you said hello", client:receive())
      client:close()
    end)
    helper.assert_clean(report)
    assert.equal(1, unix.stream():bind(name)) -- it is free again
  end)
end)
