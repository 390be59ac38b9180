-- scripts/test: early
local helper = require "spec.helper"

local tls = require "spec.support.tls"

local function connect(socket, ssl, context, port)
  local client = assert(socket.connect("127.0.0.1", port))
  client = assert(ssl.wrap(client, context))
  assert(client:dohandshake())
  return client
end

local function echo_server(lastcall, socket, ssl, contexts)
  local server = assert(socket.bind("127.0.0.1", 0))
  local _, port = server:getsockname()
  lastcall.spawn(function()
    socket.serve(server, function(client)
      client = assert(ssl.wrap(client, contexts.server))
      if not client:dohandshake() then return end
      for line in function() return (client:receive()) end do client:send("echo " .. line .. "\n") end
      client:close()
    end)
  end)
  return port
end

describe("LuaSec on lastcall.socket", function()
  local function test(name, body)
    it(name, function()
      if not tls.is_here then return pending("LuaSec is not installed (lua-sec)") end
      body()
    end)
  end

  test("is woken in select when another task closes it, also when its peer reads nothing", function()
    tls.task(function(lastcall, socket, ssl, contexts)
      local server = assert(socket.bind("127.0.0.1", 0))
      local _, port = server:getsockname()
      lastcall.spawn(function()
        while true do
          local peer = server:accept()
          if not peer then return end
          peer = assert(ssl.wrap(peer, contexts.server))
          assert(peer:dohandshake())
          lastcall.spawn(function() lastcall.sleep(helper.seconds(1)) peer:close() end)
        end
      end)
      for _, data in ipairs { "x", ("x"):rep(8 * 1024 * 1024) } do
        local client = connect(socket, ssl, contexts.client, port)
        client:settimeout(0)
        client:send(data)
        lastcall.sleep(0.1)
        assert.equal("wantread", select(2, client:receive())) -- the tickets
        local waiter = lastcall.go(function() return socket.select({ client }) end)
        lastcall.sleep(0.05)
        assert.equal("waiting", waiter:status())
        client:close()
        local readable = assert(waiter:wait(helper.seconds(0.5)))
        assert.equal(client, readable[1])
        assert.equal("closed", select(2, client:receive()))
      end
    end)
  end)

  test("is not idle while a loop that does not wait has more to send", function()
    tls.task(function(lastcall, socket, ssl, contexts)
      local server = assert(socket.bind("127.0.0.1", 0))
      local _, port = server:getsockname()
      local data, upto, _, problem, word = ("x"):rep(16 * 1024 * 1024), 0, nil, nil, nil
      lastcall.spawn(function()
        local client = assert(ssl.wrap(assert(server:accept()), contexts.server))
        assert(client:dohandshake())
        client:receive()
        client:settimeout(0)
        repeat
          _, problem, upto = client:send(data, upto + 1)
          word = select(2, client:receive())
          lastcall.sleep(0.01)
        until problem ~= "wantwrite" or word ~= "wantread"
        client:close()
      end)
      local client = connect(socket, ssl, contexts.client, port)
      assert(client:send "all of it\n")
      lastcall.sleep(0.1)
      lastcall.spawn(function() lastcall.shutdown() end)
      lastcall.sleep(1.8) -- more than `quiet`, for an idle client
      assert.same({ "wantwrite", "wantread" }, { problem, word })
      client:close()
    end)
  end)

  test("shakes hands with many at once, one of whom never answers", function()
    tls.task(function(lastcall, socket, ssl, contexts)
      local port = echo_server(lastcall, socket, ssl, contexts)
      local silent = assert(socket.connect("127.0.0.1", port))
      local group, done = lastcall.group(), 0
      for i = 1, 10 do
        group:go(function()
          local client = connect(socket, ssl, contexts.client, port)
          assert(client:send(i .. "\n"))
          assert.equal("echo " .. i, (client:receive()))
          client:close()
          done = done + 1
        end)
      end
      assert.is_true(group:wait())
      assert.equal(10, done)
      silent:close()
    end)
  end)

  test("moves much in both directions, in pieces of every size", function()
    tls.task(function(lastcall, socket, ssl, contexts)
      local server = assert(socket.bind("127.0.0.1", 0))
      local _, port = server:getsockname()
      local data = ("0123456789abcdef"):rep(100000)
      lastcall.go(function()
        local peer = assert(ssl.wrap(assert(server:accept()), contexts.server))
        assert(peer:dohandshake())
        assert.equal(#data, peer:send(data))
        assert.equal(data, peer:receive(#data))
        assert.equal("the rest", (peer:receive("*a")))
        peer:close()
        server:close()
      end)
      local client = connect(socket, ssl, contexts.client, port)
      assert.equal(data:sub(1, 10), client:receive(10))
      assert.equal(data:sub(1, 20), client:receive(20, data:sub(1, 10)))
      assert.equal(data:sub(21), (client:receive(#data - 20)))
      assert.equal(#data, client:send(data))
      client:send("the rest")
      client:close()
    end)
  end)

  test("keeps its timeouts, and what it says when they are over", function()
    tls.task(function(lastcall, socket, ssl, contexts)
      local port = echo_server(lastcall, socket, ssl, contexts)
      local client = connect(socket, ssl, contexts.client, port)
      client:settimeout(0.05)
      local began = lastcall.now()
      local data, problem, partial = client:receive()
      assert.is_nil(data)
      assert.equal("wantread", problem)
      assert.equal("", partial)
      assert.is_true(lastcall.now() - began >= helper.least(0.05))
      client:settimeout(0)
      assert.equal("wantread", select(2, client:receive()))
      client:close()
    end)
  end)

  --- A connection whose client has little room and reads nothing yet: the server's end with `linger`, the client's, and
  -- how many bytes fill it.
  local function fill(lastcall, socket, ssl, contexts, linger)
    local server = assert(socket.bind("127.0.0.1", 0))
    local plain = assert(socket.tcp4())
    plain:setoption("recv-buffer-size", 4096)
    local shaking = lastcall.go(function()
      assert(plain:connect(server:getsockname()))
      local client = assert(ssl.wrap(plain, contexts.client))
      assert(client:dohandshake())
      return client
    end)
    local accepted = assert(server:accept())
    server:close()
    accepted:setoption("linger", { on = true, timeout = linger })
    local peer = assert(ssl.wrap(accepted, contexts.server))
    assert(peer:dohandshake())
    local size = 0
    while select(2, socket.select(nil, { peer }, 0.2))[1] do size = size + assert(peer:send(("x"):rep(1000))) end
    return peer, shaking:wait(), size
  end

  test("closes at once where the client does not read; close_notify follows what was sent", function()
    tls.task(function(lastcall, socket, ssl, contexts)
      local peer, client, size = fill(lastcall, socket, ssl, contexts, 5)
      local began = lastcall.now()
      peer:close()
      assert.is_true(lastcall.now() - began < helper.AT_ONCE)
      assert.equal(-1, peer:getfd())
      assert.is_false(peer:dirty())
      for _, method in ipairs { "receive", "send", "dohandshake", "getsniname" } do
        assert.equal("closed", select(2, peer[method](peer, "x")), method)
      end
      assert.equal(("x"):rep(size), client:receive(size))
      assert.equal("closed", select(2, client:receive()))
      client:close()
    end)
  end)

  test("resets a client that does not read even then, after the linger", function()
    tls.task(function(lastcall, socket, ssl, contexts)
      local peer, client, size = fill(lastcall, socket, ssl, contexts, helper.seconds(1))
      local began = lastcall.now()
      peer:close()
      assert.is_true(lastcall.now() - began < helper.seconds(0.8))
      lastcall.sleep(helper.seconds(1.5))
      local data, problem, partial = client:receive(size + 1)
      assert.is_nil(data)
      assert.is_true(#partial < size, problem)
      client:close()
    end)
  end)

  test("is closed in order when it is collected, and holds nobody up", function()
    tls.task(function(lastcall, socket, ssl, contexts)
      local _, client, size = fill(lastcall, socket, ssl, contexts, 5)
      _ = nil
      local began = lastcall.now()
      collectgarbage()
      collectgarbage()
      assert.is_true(lastcall.now() - began < helper.AT_ONCE)
      assert.equal(("x"):rep(size), client:receive(size))
      client:close()
    end)
  end)

  test("wraps a socket that its peer has reset: the handshake says so", function()
    tls.task(function(_, socket, ssl, contexts)
      local server = assert(socket.bind("127.0.0.1", 0))
      local _, port = server:getsockname()
      local client = assert(socket.connect("127.0.0.1", port))
      local accepted = assert(server:accept())
      client:setoption("linger", { on = true, timeout = 0 })
      client:close()
      local data, problem = accepted:receive() -- until the reset is there
      assert.is_nil(data)
      assert.equal("closed", problem)
      local peer = assert(ssl.wrap(accepted, contexts.server))
      local fine, why = peer:dohandshake()
      assert.is_false(fine)
      assert.equal("closed", why)
      assert.equal("closed", select(2, peer:receive()))
      peer:close()
      server:close()
    end)
  end)

  test("has timeouts of its own, not those of the socket that was wrapped", function()
    tls.task(function(lastcall, socket, ssl, contexts)
      local port = echo_server(lastcall, socket, ssl, contexts)
      local plain = assert(socket.connect("127.0.0.1", port))
      plain:settimeout(0)
      local client = assert(ssl.wrap(plain, contexts.client))
      assert(client:dohandshake())
      client:send("x\n")
      assert.equal("echo x", (client:receive()))
      client:close()
    end)
  end)

  test("wraps a socket whose connect the script has only selected", function()
    tls.task(function(lastcall, socket, ssl, contexts)
      local port = echo_server(lastcall, socket, ssl, contexts)
      local plain = assert(socket.tcp4())
      plain:settimeout(0)
      assert.equal("timeout", select(2, plain:connect("127.0.0.1", port)))
      assert.equal(plain, select(2, socket.select(nil, { plain }, helper.seconds(5)))[1])
      local client = assert(ssl.wrap(plain, contexts.client))
      client:settimeout(5)
      local has_ticked = false
      lastcall.go(function() has_ticked = true end)
      assert(client:dohandshake())
      assert.is_true(has_ticked) -- the handshake has let other tasks run
      client:send("x\n")
      assert.equal("echo x", (client:receive()))
      client:close()
    end)
  end)

  test("is drained: the idle hear close_notify, the busy finish first", function()
    local report = tls.task(function(lastcall, socket, ssl, contexts)
      local port = echo_server(lastcall, socket, ssl, contexts)
      local idle = connect(socket, ssl, contexts.client, port)
      idle:send("x\n")
      assert.equal("echo x", (idle:receive()))
      local busy = connect(socket, ssl, contexts.client, port)
      busy:send("half")
      lastcall.sleep(0.1)
      lastcall.spawn(function() lastcall.shutdown() end)
      local began = lastcall.now()
      -- LuaSec says "closed" for close_notify, and an error of the protocol for a bare end.
      assert.equal("closed", select(2, idle:receive()))
      assert.is_true(lastcall.now() - began < helper.seconds(3))
      busy:send(" a line\n")
      assert.equal("echo half a line", (busy:receive()))
      assert.equal("closed", select(2, busy:receive()))
      idle:close()
      busy:close()
    end)
    helper.assert_clean(report)
    assert.equal(2, report.closed_idle + report.finished)
  end)
end)

describe("the TLS echo example", function()
  it("answers openssl's client, and drains", function()
    if not tls.is_here then return pending("LuaSec is not installed (lua-sec)") end
    local output = helper.run([[sh -c '
      folder=$(mktemp -d)
      openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
        -keyout $folder/key -out $folder/certificate 2>/dev/null
      lua5.4 examples/luasocket_tls_echo.lua $folder/key $folder/certificate 0 >$folder/log 2>&1 & server=$!
      for try in 1 2 3 4 5 6 7 8 9 10; do grep -q listening $folder/log && break; sleep 0.2; done
      port=$(sed -n "s/listening 127.0.0.1://p" $folder/log)
      (echo hello; sleep 2) | openssl s_client -quiet -connect 127.0.0.1:$port 2>/dev/null &
      sleep 0.7
      kill -TERM $server
      wait $server
      cat $folder/log
      rm -r $folder']], 20)
    assert.is_truthy(output:find("you said: hello", 1, true), output)
    assert.is_truthy(output:find("shutdown ok", 1, true), output)
  end)
end)
