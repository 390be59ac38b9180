local helper = require "spec.helper"
local tls = require "spec.support.tls"

local socket = require "lastcall.socket"
local unix = require "lastcall.socket.unix"

-- The end of a program that uses lastcall.socket: its connections, and finalizers that still use them.

--- How long the shutdown of the script took, by its report. Its peers never close their side.
local function ending_of(program, script, ...)
  local path = helper.write_file(script)
  local output, _, status = helper.run(table.concat({ "lua5.4", program, path, ... }, " "))
  os.remove(path)
  return assert(tonumber(output:match "shutdown ok in (%d+%.%d+) s, clean"), output), output, status
end

describe("a client script whose peer keeps its side open", function()
  local peer, port
  before_each(function()
    peer = assert(socket.bind("127.0.0.1", 0)) -- nobody accepts: the kernel takes what the script sends
    port = select(2, peer:getsockname())
  end)
  after_each(function() peer:close() end)

  local SAY = 'local client = assert(require "socket".connect("127.0.0.1", arg[1])) client:send("hello\\n") '

  it("ends without a linger when the peer has everything", function()
    local took, output, status = ending_of("bin/lastcall", SAY .. "client:close()", port)
    assert.is_true(took < 2, output)
    assert.equal(0, status)
    local client = peer:accept()
    assert.equal("hello", client:receive())
    assert.same({ nil, "closed", "" }, { client:receive() })
    client:close()
  end)

  it("the same when the script leaves its connection open", function()
    local took, output = ending_of("bin/lastcall", SAY .. "kept = client", port)
    assert.is_true(took < 2, output)
  end)

  it("the same for a linger of the script's own", function()
    local took, output = ending_of("bin/lastcall", SAY ..
      "client:setoption('linger', {on = true, timeout = 20}) client:close()", port)
    assert.is_true(took < 2, output)
  end)

  it("the same at a path", function()
    local path = helper.socket_path()
    local at_path = unix.stream()
    assert(at_path:bind(path))
    assert(at_path:listen())
    local took, output = ending_of("bin/lastcall",
      'local client = require "socket.unix".stream() assert(client:connect(arg[1])) client:close()', path)
    at_path:close()
    os.remove(path)
    assert.is_true(took < 2, output)
  end)

  it("the same in a run with connections of lastcall", function()
    local took, output = ending_of("", [[
      local lastcall = require "lastcall"
      print(lastcall.run(function()
        local conn = assert(lastcall.connect("127.0.0.1:" .. arg[1]))
        conn:write "hello\n"
        conn:close "background"
      end))]], port)
    assert.is_true(took < 2, output)
  end)
end)

describe("a script that gives a descriptor away by setfd(-1), and ends,", function()
  local PAIR = [[
    local socket = require "socket"
    local server = assert(socket.bind("127.0.0.1", 0))
    local host, port = server:getsockname()
    local client = assert(socket.connect(host, port))
    local accepted = assert(server:accept())
    server:close()
  ]]

  for what, script in pairs {
    ["one that it has accepted"] = PAIR .. "accepted:setfd(-1)",
    ["one that it has connected"] = PAIR ..
      "accepted:setoption('linger', { on = true, timeout = 0 }) accepted:close() client:setfd(-1)",
    ["one that another object of its own has then"] = PAIR ..
      "kept = socket.tcp() kept:setfd(accepted:getfd()) accepted:setfd(-1)",
    ["one of a path"] = [[
      local unix, path = require "socket.unix", arg[1]
      local server, client = unix.stream(), unix.stream()
      assert(server:bind(path) and server:listen() and client:connect(path))
      accepted = assert(server:accept())
      accepted:setfd(-1)
    ]],
  } do
    it(("does not wait for it: %s"):format(what), function()
      local path = helper.socket_path()
      local took, output, status = ending_of("bin/lastcall", script, path)
      os.remove(path)
      assert.is_true(took < 2, output)
      assert.equal(0, status)
    end)
  end
end)

describe("a finalizer that uses a socket", function()
  --- What the finalizer of an object gets, in a script: the object is made first, then `opening` is executed.
  local function output_of(opening)
    local output, fine = helper.run_script(([[
      guard = setmetatable({}, { __gc = function()
        print(client:send "bye\n")
        print(client:receive())
        print(client:close())
      end })
      local socket = require "lastcall.socket"
      local server = assert(socket.bind("127.0.0.1", 0))
      local host, port = server:getsockname()
      %s
      assert(client:connect(host, port))]]):format(opening))
    assert.is_true(fine, output)
    return output
  end

  it("gets closed when lastcall itself has been collected before", function()
    local output = output_of 'client = socket.tcp()'
    assert.is_truthy(output:find "^nil\tclosed\nnil\tclosed\n", output)
  end)

  it("gets closed when the connection is younger than the object with the finalizer, the socket older", function()
    local output = output_of 'client = socket.tcp() guard = setmetatable({}, debug.getmetatable(guard))'
    assert.equal("nil\tclosed\t0.0\nnil\tclosed\t\n1.0\n", output:match "^.-\n.-\n.-\n")
  end)

  it("gets closed from LuaSec's objects, too", function()
    if not tls.is_here then return pending("LuaSec is not installed (lua-sec)") end
    local seen = {}
    tls.task(function(lastcall, _, ssl, contexts)
      local server = assert(socket.bind("127.0.0.1", 0))
      local host, port = server:getsockname()
      local function look(client)
        seen = { pcall(function()
          return { client:receive() }, { client:send "bye\n" }, client:dirty(), client:getfd(), client:answered(),
            client:close()
        end) }
      end
      lastcall.spawn(function()
        local client = assert(ssl.wrap(server:accept(), contexts.server))
        client:dohandshake()
        client:receive()
        client:close()
      end);
      (function()
        local held = {}
        local _ = setmetatable(held, { __gc = function() look(held.client) end })
        held.client = assert(ssl.wrap(assert(socket.connect(host, port)), contexts.client))
        assert(held.client:dohandshake())
      end)()
      while not seen[1] do
        collectgarbage()
        lastcall.sleep(0)
      end
    end)
    assert.same({ true, { nil, "closed", "" }, { nil, "closed", 0 }, false, -1, 1 }, seen)
  end)
end)
