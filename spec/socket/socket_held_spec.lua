local helper = require "spec.helper"

local socket = require "lastcall.socket"
local unix = require "lastcall.socket.unix"

--- Collects all that can be collected, also what finalizers have let go.
local function collect() for _ = 1, 3 do collectgarbage() end end

local function handle(client)
  for line in function() return (client:receive()) end do
    if line == "collect" then collect() end
    client:send("you said " .. line .. "\n")
  end
end

local function ask(client, line)
  assert(client:send(line .. "\n"))
  assert.equal("you said " .. line, client:receive())
  client:close()
end

--- Two clients, one after the other, of a server whose socket could be collected meanwhile.
local function visit(open)
  ask(assert(open()), "collect")
  collect()
  ask(assert(open()), "again")
end

local function over_tcp(port) return function() return socket.connect("127.0.0.1", port) end end

local function over_unix(path)
  return function()
    local client = unix.stream()
    if client:connect(path) then return client end
  end
end

describe("a listening socket that serves", function()
  it("goes on when no variable of the script has it any more", function()
    local report = helper.task(function(lastcall)
      local port
      local function listening()
        local server = assert(socket.bind("127.0.0.1", 0))
        port = select(2, server:getsockname())
        return server
      end
      lastcall.spawn(function() socket.serve(listening(), handle) end)
      lastcall.sleep(0)
      visit(over_tcp(port))
    end)
    helper.assert_clean(report)
    assert.equal(1, #report.stop)
  end)

  it("the same at a path, where it is served outside a task", function()
    local path = helper.socket_path()
    local function listening()
      local server = unix.stream()
      assert(server:bind(path))
      assert(server:listen())
      return server
    end
    local lastcall = require "lastcall"
    local seen
    lastcall.spawn(function()
      seen = { pcall(visit, over_unix(path)) }
      lastcall.shutdown()
    end)
    local report = socket.serve(listening(), handle, { drain = 5, log = function() end, signals = false })
    os.remove(path)
    assert.same({ true }, seen)
    helper.assert_clean(report)
  end)

  it("still stops when the script closes it", function()
    helper.task(function(lastcall)
      local server = assert(socket.bind("127.0.0.1", 0))
      local port = select(2, server:getsockname())
      lastcall.spawn(function() socket.serve(server, handle) end)
      lastcall.sleep(0)
      visit(over_tcp(port))
      server:close()
      assert.equal("connection refused", select(2, socket.connect("127.0.0.1", port)))
    end)
  end)

  it("but one that only waits to be accepted from is closed when it is collected, as in LuaSocket", function()
    helper.task(function()
      local port = (function() return select(2, assert(socket.bind("127.0.0.1", 0)):getsockname()) end)()
      collect()
      assert.equal("connection refused", select(2, socket.connect("127.0.0.1", port)))
    end)
  end)
end)
