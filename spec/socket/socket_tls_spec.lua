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
      assert.is_true(lastcall.now() - began >= 0.05)
      client:settimeout(0)
      assert.equal("wantread", select(2, client:receive()))
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
