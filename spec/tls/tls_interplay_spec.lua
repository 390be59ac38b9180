local certificates = require "spec.support.certificates"
local helper = require "spec.helper"

local function listen(lastcall, handler, more)
  local options = { tls = certificates.server() }
  for name, value in pairs(more or {}) do options[name] = value end
  return helper.serve(lastcall, handler or helper.echo, options)
end

local function connect(lastcall, address, more)
  local options = { tls = certificates.client() }
  for name, value in pairs(more or {}) do options[name] = value end
  return assert(lastcall.connect(address, options))
end

describe("over TLS,", function()
  teardown(certificates.remove)

  it("a drain says its farewell, and closes who is idle", function()
    helper.task(function(lastcall)
      local server, address = listen(lastcall, nil, { farewell = "so long\n", drain = { quiet = 0.1 } })
      local idle, busy = connect(lastcall, address), connect(lastcall, address)
      helper.send(idle, "hello\n")
      assert.equal("hello", idle:read())
      helper.send(busy, "half")
      helper.at_work(server)
      server:shutdown(5)
      assert.equal("so long", idle:read())
      helper.failure("eof", idle:read())
      helper.send(busy, " a line\n")
      assert.equal("half a line", busy:read())
      assert.equal("so long", busy:read())
      idle:close()
      busy:close()
      local report = server:wait()
      assert.is_true(report.ok)
      assert.equal(0, report.late)
      assert.equal(0, report.undelivered_bytes)
    end)
  end)

  it("posts and broadcasts arrive, also at a client that reads late", function()
    helper.task(function(lastcall)
      local server, address = listen(lastcall, function(conn) conn:read "a" end, { max_queue = 2 ^ 22 })
      local clients = {}
      for i = 1, 3 do clients[i] = connect(lastcall, address) end
      server:wait_for(">=", 3)
      while server:stats().handshakes < 3 do lastcall.sleep(0.002) end
      for i = 1, 20 do assert.equal(3, (server:broadcast(("%05d"):format(i):rep(20000)))) end
      for _, one in ipairs(clients) do
        for i = 1, 20 do assert.equal(("%05d"):format(i):rep(20000), one:read(100000)) end
        one:close()
      end
      server:close()
    end)
  end)

  it("a post of another task comes before or behind a reply, and never into one", function()
    helper.task(function(lastcall)
      local server, address = listen(lastcall, function(conn)
        for line in conn:lines() do
          local poster = lastcall.go(function() conn:post "note\n" end)
          conn:write(line:rep(60000), "\n")
          poster:wait()
        end
      end)
      local conn = connect(lastcall, address)
      for _ = 1, 3 do
        helper.send(conn, "word\n")
        local got = { conn:read_until("\n", 2 ^ 20), conn:read_until("\n", 2 ^ 20) }
        table.sort(got, function(a, b) return #a < #b end)
        assert.equal("note\n", got[1])
        assert.equal(("word"):rep(60000) .. "\n", got[2])
      end
      conn:close()
      server:close()
    end)
  end)

  it("a pipe goes from one to the other, and back in clear", function()
    helper.task(function(lastcall)
      local behind, clear = helper.serve(lastcall, function(conn)
        conn:write(#conn:read "a", "\n")
      end)
      local server, address = listen(lastcall, function(conn)
        local other <close> = setmetatable({ conn = assert(lastcall.connect(clear)) }, {
          __close = function(self) self.conn:close() end,
        })
        lastcall.pipe(conn, other.conn)
      end)
      local conn = connect(lastcall, address)
      for _ = 1, 50 do assert(conn:write(("x"):rep(20000))) end
      conn:shutdown "write"
      assert.equal("1000000", conn:read())
      conn:close()
      server:close()
      behind:close()
    end)
  end)

  it("a heartbeat is asked for and answered, and ends who does not answer", function()
    helper.task(function(lastcall)
      local lost
      local server, address = listen(lastcall, function(conn)
        for line in conn:lines() do conn:write(line == "pong" and "" or line, "\n") end
        lost = conn:error()
      end, { heartbeat = { interval = 0.05, timeout = 0.15, send = "ping\n" }, log = function() end })
      local conn = connect(lastcall, address)
      for _ = 1, 3 do
        local line = conn:read()
        while line == "" do line = conn:read() end
        assert.equal("ping", line)
        helper.send(conn, "pong\n")
      end
      while not lost do lastcall.sleep(0.002) end
      assert.equal("peer lost", lost)
      conn:close()
      server:close()
    end)
  end)

  it("a connection is not handed over by its descriptor", function()
    helper.task(function(lastcall)
      local seen
      local server, address = listen(lastcall, function(conn)
        seen = { conn:detach() }
        conn:write "still here\n"
      end)
      local conn = connect(lastcall, address)
      assert.equal("still here", conn:read())
      assert.is_nil(seen[1])
      assert.equal("eopnotsupp", seen[2])
      assert.matches("encrypted", seen[3])
      conn:close()
      server:close()
    end)
  end)

  it("a handler may begin with the first byte, and accept by hand", function()
    helper.task(function(lastcall)
      local started = 0
      local server, address = listen(lastcall, function(conn)
        started = started + 1
        helper.echo(conn)
      end, { start = "data" })
      local conn = connect(lastcall, address)
      while server:stats().handshakes < 1 do lastcall.sleep(0.002) end
      lastcall.sleep(0.01)
      assert.equal(0, started)
      helper.send(conn, "hello\n")
      assert.equal("hello", conn:read())
      assert.equal(1, started)
      conn:close()
      server:close()
      server = assert(lastcall.listen("127.0.0.1:0", { tls = certificates.server() }))
      local client = lastcall.go(function()
        local one = connect(lastcall, server:addresses()[1])
        helper.send(one, "by hand\n")
        one:close()
      end)
      local here = assert(server:accept(helper.seconds(5)))
      assert.equal("by hand", here:read())
      here:close()
      client:wait()
      server:close()
    end)
  end)

  it("a unix-domain socket is as good as any", function()
    helper.task(function(lastcall)
      local server, address = listen(lastcall, nil, { at = helper.abstract "tls" })
      local conn = connect(lastcall, address)
      helper.send(conn, "hello\n")
      assert.equal("hello", conn:read())
      assert.is_true(conn:close())
      server:close()
    end)
  end)

  it("a FIN is told to a handler at work, and a limit closes who says nothing", function()
    helper.task(function(lastcall)
      local ended
      local server, address = listen(lastcall, function(conn)
        conn:read()
        lastcall.sleep(10)
        ended = conn:context():done()
      end, { on_eof = "cancel", idle_timeout = 0.1 })
      local conn = connect(lastcall, address)
      helper.send(conn, "work\n")
      helper.at_work(server)
      conn:close()
      while not ended do lastcall.sleep(0.002) end
      server:close()
      server, address = listen(lastcall, nil, { idle_timeout = 0.05 })
      conn = connect(lastcall, address)
      helper.send(conn, "hello\n")
      assert.equal("hello", conn:read())
      helper.failure("eof", conn:read())
      conn:close()
      server:close()
    end)
  end)

  it("WebSocket is wss", function()
    local http = require "lastcall.http"
    helper.task(function(lastcall)
      local server, address = listen(lastcall, http.handler(function(request, response)
        local ws = http.websocket(request, response)
        for message in ws:messages() do ws:send(request.scheme .. " " .. message) end
      end), { drain = { quiet = 0.1 } })
      local ws = assert(http.connect_websocket("wss://" .. address .. "/", { tls = certificates.client() }))
      for _, size in ipairs { 1, 1000, 100000 } do
        assert(ws:send(("x"):rep(size)))
        assert.equal("https " .. ("x"):rep(size), ws:read())
      end
      server:shutdown(5)
      local message, code = ws:read()
      assert.is_nil(message)
      assert.is_string(code)
      ws:close()
      assert.is_true(server:wait().ok)
    end)
  end)
end)
