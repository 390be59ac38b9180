-- scripts/test: early
local helper = require "spec.helper"

local socket = require "lastcall.socket"

--- A server that LuaSocket's functions make, with a task for each client; host, port.
local function serve(lastcall, handler, seen)
  local server = assert(socket.bind("127.0.0.1", 0))
  lastcall.go(function()
    while true do
      local client, problem = server:accept()
      if not client then
        if seen then seen.accept = problem end
        break
      end
      lastcall.go(function()
        handler(client)
        client:close()
      end)
    end
    server:close()
  end)
  return server:getsockname()
end

local function connect(server)
  local host, port = server:getsockname()
  return assert(socket.connect(host, port))
end

local function echo(client)
  for line in function() return (client:receive()) end do client:send(line .. "\n") end
end

describe("lastcall.socket in tasks", function()
  it("serves many clients at once, none of which holds up the others", function()
    local report = helper.task(function(lastcall)
      local host, port = serve(lastcall, echo)
      local group, most, now = lastcall.group(), 0, 0
      for i = 1, 20 do
        group:go(function()
          local client = assert(socket.connect(host, port))
          now = now + 1
          most = math.max(most, now)
          for n = 1, 20 do
            assert(client:send(("%d %d\n"):format(i, n)))
            assert.equal(("%d %d"):format(i, n), client:receive())
          end
          socket.sleep(0.02)
          now = now - 1
          client:close()
        end)
      end
      assert.is_true(group:wait())
      assert.is_true(most > 10)
    end)
    helper.assert_clean(report)
  end)

  -- A task that was woken for clients whom another one took pauses before it asks again.
  it("gives a task that was woken in vain the client that comes in its pause", function()
    helper.task(function(lastcall)
      local server = assert(socket.bind("127.0.0.1", 0))
      local taken, clients, release = {}, {}, lastcall.channel()
      local first = lastcall.go(function()
        for i = 1, 3 do taken[i] = assert(server:accept()) end
        lastcall.sleep(0.001) -- the second has asked in vain
        clients[4] = connect(server)
        release:receive() -- takes no client any more
      end)
      local second = lastcall.go(function() return assert(server:accept()) end)
      lastcall.sleep(0.02) -- both wait, the first in front
      for i = 1, 3 do
        clients[i] = connect(server)
        repeat lastcall.sleep(0.02) until #taken == i -- and the second waits again
      end
      local one = assert(second:wait(helper.seconds(2)))
      while not clients[4] do lastcall.sleep(0.001) end
      assert(one:send "hello\n")
      assert.equal("hello", clients[4]:receive())
      release:send(true)
      first:wait()
      for _, each in ipairs { one, server, table.unpack(taken) } do each:close() end
      for _, each in ipairs(clients) do each:close() end
    end)
  end)

  it("at drain closes the idle, finishes who is at work, and accept says closed", function()
    local seen = {}
    local report = helper.task(function(lastcall)
      local host, port = serve(lastcall, function(client)
        local request = client:receive()
        while request do
          if request == "slow" then socket.sleep(0.5) end
          client:send("done " .. request .. "\n")
          request = client:receive()
        end
      end, seen)
      local idle, busy = assert(socket.connect(host, port)), assert(socket.connect(host, port))
      idle:send("quick\n")
      assert.equal("done quick", idle:receive())
      busy:send("slow\n")
      socket.sleep(0.1)
      lastcall.spawn(function() lastcall.shutdown() end)
      local _, problem = idle:receive()
      assert.equal("closed", problem)
      assert.equal("done slow", busy:receive())
      _, problem = busy:receive()
      assert.equal("closed", problem)
      idle:close()
      busy:close()
      assert.equal("closed", seen.accept)
    end)
    helper.assert_clean(report)
    assert.equal(2, report.closed_idle + report.finished)
    assert.is_true(report.closed_idle >= 1)
    assert.equal(require "lastcall".features.stop, report.stop[1].method)
  end)

  it("a client that never pauses does not hold a drain up", function()
    local report = helper.task(function(lastcall)
      local host, port = serve(lastcall, echo)
      local client = assert(socket.connect(host, port))
      lastcall.spawn(function()
        lastcall.sleep(0.1)
        lastcall.shutdown()
      end)
      local sent, answered = 0, 0
      while client:send("again\n") do
        sent = sent + 1
        if not client:receive() then break end
        answered = answered + 1
      end
      client:close()
      assert.is_true(sent - answered <= 1)
    end)
    assert.is_true(report.ok, tostring(report))
    assert.is_true(report.elapsed < helper.seconds(4))
  end)

  it("a loop that ignores what accept says neither spins nor holds up the end", function()
    local refused, cpu = 0, nil
    local report = helper.task(function(lastcall)
      local server = assert(socket.bind("127.0.0.1", 0))
      local ctx, cancel = lastcall.context.with_cancel(lastcall.context.background())
      ctx:go(function()
        while not ctx:done() do
          if not server:accept() then refused = refused + 1 end
        end
      end)
      lastcall.sleep(0.05)
      server:close()
      local before = os.clock()
      lastcall.sleep(0.5)
      cpu = os.clock() - before
      cancel()
    end)
    assert.is_true(report.ok, tostring(report))
    assert.is_true(refused > 2 and refused < 100, refused .. " refusals")
    assert.is_true(cpu < 0.2, cpu .. " s of processor time")
  end)

  it("a socket that another task closes wakes who waits for it, whatever for", function()
    helper.task(function(lastcall)
      local server = assert(socket.bind("127.0.0.1", 0))
      local host, port = server:getsockname()
      local client = assert(socket.connect(host, port))
      local peer = assert(server:accept())
      local udp = socket.udp4()
      udp:setsockname("127.0.0.1", 0)
      local full = assert(socket.connect(host, port))
      local unread = assert(server:accept())
      local woken = {}
      local waits = {
        receive = function() return client:receive() end,
        accept = function() return server:accept() end,
        datagram = function() return udp:receive() end,
        send = function() return full:send(("x"):rep(20000000)) end,
      }
      for name, wait in pairs(waits) do
        lastcall.go(function() woken[name] = select(2, wait()) end)
      end
      lastcall.sleep(0.1)
      assert.is_nil(next(woken))
      client:close()
      server:close()
      udp:close()
      full:setoption("linger", { on = true, timeout = 0 })
      full:close()
      lastcall.sleep(0.1)
      assert.equal("closed", woken.receive)
      assert.equal("closed", woken.accept)
      assert.equal("refused", woken.datagram)
      assert.equal("closed", woken.send)
      peer:close()
      unread:close()
    end)
  end)

  it("close returns at once and lingers unwaited, also with linger on", function()
    helper.task(function(lastcall)
      local server = assert(socket.bind("127.0.0.1", 0))
      local client = connect(server)
      local peer = assert(server:accept())
      peer:settimeout(0)
      peer:send(("x"):rep(1000000))
      peer:setoption("linger", { on = true, timeout = 5 })
      local before = lastcall.now()
      assert.equal(1, peer:close())
      assert.is_true(lastcall.now() - before < helper.AT_ONCE)
      assert.is_true(#client:receive("*a") > 100000)
      client:close()
      server:close()
    end)
  end)

  it("linger off at once is a reset", function()
    helper.task(function()
      local server = assert(socket.bind("127.0.0.1", 0))
      local client = connect(server)
      local peer = assert(server:accept())
      peer:setoption("linger", { on = true, timeout = 0 })
      peer:close()
      local _, problem = client:receive()
      assert.equal("closed", problem)
      assert.equal("closed", select(2, client:send("x")))
      client:close()
      server:close()
    end)
  end)

  it("additions that nobody need know: <close>, and options LuaSocket lacks", function()
    helper.task(function()
      local server <close> = assert(socket.bind("127.0.0.1", 0))
      local peer
      do
        local client <close> = connect(server)
        peer = assert(server:accept())
        assert.equal(1, client:setoption("tcp-user-timeout", 2.5))
        assert.equal(2.5, client:getoption("tcp-user-timeout"))
        assert.same({ nil, "setsockopt failed" }, { client:setoption("tcp-keepidle", -1) })
      end
      assert.equal("closed", select(2, peer:receive()))
      peer:close()
    end)
  end)

  it("names are looked up off the loop", function()
    helper.task(function(lastcall)
      local ticks, done = 0, false
      lastcall.go(function()
        while not done do
          ticks = ticks + 1
          lastcall.sleep(0.001)
        end
      end)
      assert.equal("127.0.0.1", (socket.dns.toip("localhost")))
      assert.is_nil((socket.dns.toip("nonexistent.invalid")))
      assert.equal("localhost", (socket.dns.tohostname("127.0.0.1")))
      assert.is_true(#socket.dns.getaddrinfo("localhost") > 0)
      done = true
      assert.is_true(ticks > 0)
    end)
  end)

  it("a run ends when its tasks have ended, whatever sockets they left open", function()
    local report = helper.task(function()
      local server = assert(socket.bind("127.0.0.1", 0))
      local client = connect(server)
      assert(server:accept()):send("x")
      assert.equal("x", client:receive(1))
    end)
    assert.is_true(report.ok, tostring(report))
  end)
end)

describe("lastcall.socket outside tasks", function()
  it("delivers what was sent before the process ends", function()
    helper.task(function(lastcall)
      local server = assert(socket.bind("127.0.0.1", 0))
      local _, port = server:getsockname()
      local pipe = io.popen(helper.environment .. ([[lua5.4 -e '
        local socket = require "lastcall.socket"
        local client = socket.connect("127.0.0.1", %d)
        client:send(("x"):rep(1000000))
        client:close()']]):format(port))
      local peer = assert(server:accept())
      assert.equal(1000000, #peer:receive("*a"))
      peer:close()
      server:close()
      pipe:close()
      lastcall.sleep(0)
    end)
  end)

  it("lets signals through: Ctrl-C interrupts a blocked call", function()
    local output, fine = helper.run(([[sh -c 'out=$(mktemp); lua5.4 -e "
      local socket = require [=[lastcall.socket]=]
      local server = socket.bind([=[127.0.0.1]=], 0)
      io.stdout:write([=[bound\n]=]):flush()
      print(pcall(server.accept, server))" >$out & until grep -q bound $out; do sleep 0.05; done
      sleep %g; kill -INT $!; wait $!; status=$?; cat $out; rm $out; exit $status']]):format(helper.seconds(0.3)), 30)
    assert.is_true(fine, output)
    assert.is_truthy(output:find("false.*interrupted!"), output)
  end)
end)
