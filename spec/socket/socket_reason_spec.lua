local helper = require "spec.helper"
local tls = require "spec.support.tls"

local socket = require "lastcall.socket"

-- "closed" is LuaSocket's word for any end. When the end is ours, not the peer's, one more result says so.

local REFUSED = "we are leaving: no new work is begun"
local CUT = "we are leaving: the time to finish is over"

local function listen() return assert(socket.bind("127.0.0.1", 0)) end

local function connect(server)
  local host, port = server:getsockname()
  return assert(socket.connect(host, port))
end

--- What `wait` returned, in a task that a shutdown ends.
local function cut(wait, drain)
  local results
  helper.task(function(lastcall)
    lastcall.go(function() results = table.pack(wait(lastcall)) end)
    lastcall.sleep(0)
    lastcall.shutdown()
  end, { drain = drain or 1 })
  return results
end

describe("a wait that a shutdown ends", function()
  it("says so behind accept's own results", function()
    assert.same({ nil, "closed", REFUSED, n = 3 }, cut(function() return listen():accept() end))
  end)

  it("says so behind the results of listen and bind", function()
    local function late(open)
      return cut(function(lastcall)
        lastcall.sleep(5) -- until cancel
        return open()
      end)
    end
    assert.same({ nil, "closed", REFUSED, n = 3 }, late(function() return socket.bind("127.0.0.1", 0) end))
    assert.same({ nil, "closed", REFUSED, n = 3 }, late(function()
      local master = socket.tcp4()
      assert(master:bind("127.0.0.1", 0))
      return master:listen()
    end))
  end)

  it("says so behind the partial of receive, when it is refused and when it is cut", function()
    local held = {}
    local function receive(sent)
      return function()
        local server = listen()
        local client, accepted = connect(server), server:accept()
        held[#held + 1] = client
        server:close()
        client:send(sent)
        return accepted:receive()
      end
    end
    assert.same({ nil, "closed", "", REFUSED, n = 4 }, cut(receive "", { timeout = 5, quiet = 0.1 }))
    assert.same({ nil, "closed", "half", CUT, n = 4 }, cut(receive "half"))
  end)

  it("says so behind the index of send", function()
    local held
    local results = cut(function()
      local server = listen()
      held = connect(server)
      local accepted = server:accept()
      server:close()
      return accepted:send(("x"):rep(50000000))
    end)
    held:close()
    assert.same({ nil, "closed", CUT, n = 4 }, { results[1], results[2], results[4], n = results.n })
  end)

  it("says so behind the results of datagrams", function()
    local function receive(method)
      return function()
        local here = socket.udp4()
        assert(here:setsockname("127.0.0.1", 0))
        return here[method](here)
      end
    end
    assert.same({ nil, "refused", CUT, n = 3 }, cut(receive "receive"))
    assert.same({ nil, "refused", CUT, n = 3 }, cut(receive "receivefrom"))
  end)

  it("says so for LuaSec's objects", function()
    if not tls.is_here then return pending("LuaSec is not installed (lua-sec)") end
    local results
    tls.task(function(lastcall, _, ssl, contexts)
      local server = listen()
      lastcall.spawn(function()
        socket.serve(server, function(client)
          client = assert(ssl.wrap(client, contexts.server))
          assert(client:dohandshake())
          client:send "go on\n"
          results = table.pack(client:receive())
        end)
      end)
      local client = assert(ssl.wrap(connect(server), contexts.client))
      assert(client:dohandshake())
      assert.equal("go on", client:receive())
      client:send "half"
      lastcall.spawn(lastcall.shutdown)
      client:receive()
      client:close()
    end, { drain = 1 })
    assert.same({ nil, "closed", "half", CUT, n = 4 }, results)
  end)

  it("says nothing where the peer has closed", function()
    helper.task(function()
      local server = listen()
      local client, accepted = connect(server), server:accept()
      client:close()
      assert.same({ nil, "closed", "", n = 3 }, table.pack(accepted:receive()))
      accepted:close()
      server:close()
    end)
  end)

  it("and a context that the script has canceled is no shutdown", function()
    helper.task(function(lastcall)
      local server = listen()
      local client, accepted = connect(server), server:accept()
      local results
      local task = lastcall.spawn(function() results = table.pack(accepted:receive()) end)
      lastcall.sleep(0)
      task:cancel()
      task:wait()
      assert.same({ nil, "closed", "", "the operation was canceled", n = 4 }, results)
      client:close()
      accepted:close()
      server:close()
    end)
  end)

  it("is told with the error that it causes in a script", function()
    local path = helper.write_file [[
      local client = assert(require "socket".connect("127.0.0.1", arg[1]))
      require "lastcall".spawn(require "lastcall".shutdown)
      print(assert(client:receive()))]]
    local server = listen()
    local output = helper.run(("lua5.4 bin/lastcall --drain 1 %s %d"):format(path, select(2, server:getsockname())))
    server:close()
    os.remove(path)
    assert.is_truthy(output:find "as we are leaving, the script ended with an error: [^\n]*closed\n", output)
  end)
end)
