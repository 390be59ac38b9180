local helper = require "spec.helper"
local tls = require "spec.support.tls"

local socket = require "lastcall.socket"
local unix = require "lastcall.socket.unix"

-- Servers that never answer the client that spoke: at a stop only `answered` tells that nothing is under way.

local TIME = 20 -- of the drain; a client that is taken for half a request holds it up for nearly as long

local function listen() return assert(socket.bind("127.0.0.1", 0)) end

local function connect(server)
  local host, port = server:getsockname()
  return assert(socket.connect(host, port))
end

local function wait_until(lastcall, condition)
  local limit = lastcall.now() + helper.seconds(5)
  while not condition() and lastcall.now() < limit do lastcall.sleep(0.005) end
  assert.is_true(condition())
end

--- Nobody was cut, and nobody was waited for.
local function assert_prompt(report)
  helper.assert_clean(report)
  assert.is_true(report.elapsed < TIME / 2, tostring(report))
end

--- Takes what comes, a line after the other, into `got`.
local function take(got)
  return function(client)
    for line in function() return (client:receive()) end do
      got[#got + 1] = line
      client:answered()
    end
  end
end

describe("a server that never answers, and says answered(),", function()
  it("(a collector at a path) is gone as soon as its clients are silent", function()
    local path, got = helper.socket_path(), {}
    assert_prompt(helper.task(function(lastcall)
      local server = unix.stream()
      assert(server:bind(path))
      assert(server:listen())
      lastcall.spawn(function() socket.serve(server, take(got)) end)
      local client = unix.stream()
      assert(client:connect(path))
      client:send("one\ntwo\n")
      wait_until(lastcall, function() return #got == 2 end)
      lastcall.spawn(lastcall.shutdown)
      assert.equal("closed", select(2, client:receive()))
      client:close()
    end, { drain = TIME }))
  end)

  it("(a relay, which answers others) lets go of the client that spoke", function()
    assert_prompt(helper.task(function(lastcall)
      local server = listen()
      local speaker, hearer = connect(server), connect(server)
      local from, to = server:accept(), server:accept()
      lastcall.go(function()
        for line in function() return (from:receive()) end do
          to:send(line .. "\n")
          from:answered()
        end
        from:close()
        to:close()
      end)
      speaker:send("pass it on\n")
      assert.equal("pass it on", hearer:receive())
      lastcall.spawn(lastcall.shutdown)
      assert.equal("closed", select(2, speaker:receive()))
      assert.equal("closed", select(2, hearer:receive()))
      speaker:close()
      hearer:close()
      server:close()
    end, { drain = TIME }))
  end)

  it("(a collector in a select loop) too", function()
    local got = {}
    assert_prompt(helper.task(function(lastcall)
      local server = listen()
      local client = connect(server)
      local accepted = server:accept()
      lastcall.go(function()
        accepted:settimeout(0)
        while true do
          socket.select({ accepted })
          local line, problem = accepted:receive()
          if problem == "closed" then break end
          got[#got + 1] = line
          accepted:answered()
        end
        accepted:close()
      end)
      client:send("one\n")
      wait_until(lastcall, function() return #got == 1 end)
      lastcall.spawn(lastcall.shutdown)
      assert.equal("closed", select(2, client:receive()))
      client:close()
      server:close()
    end, { drain = TIME }))
  end)

  it("(a collector of TLS) too", function()
    if not tls.is_here then return pending("LuaSec is not installed (lua-sec)") end
    local got = {}
    assert_prompt(tls.task(function(lastcall, _, ssl, contexts)
      local server = listen()
      lastcall.spawn(function()
        socket.serve(server, function(client)
          client = assert(ssl.wrap(client, contexts.server))
          assert(client:dohandshake())
          take(got)(client)
        end)
      end)
      local client = assert(ssl.wrap(connect(server), contexts.client))
      assert(client:dohandshake())
      client:send("one\n")
      wait_until(lastcall, function() return #got == 1 end)
      lastcall.spawn(lastcall.shutdown)
      assert.equal("closed", select(2, client:receive()))
      client:close()
    end, { drain = TIME }))
  end)
end)
