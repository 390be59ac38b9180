-- scripts/test: early
local certificates = require "spec.support.certificates"
local helper = require "spec.helper"

local function listen(lastcall, handler, more, tls)
  local options = { tls = certificates.server(tls) }
  for name, value in pairs(more or {}) do options[name] = value end
  return helper.serve(lastcall, handler or helper.echo, options)
end

local function connect(lastcall, address, more)
  local options = { tls = certificates.client() }
  for name, value in pairs(more or {}) do options[name] = value end
  return lastcall.connect(address, options)
end

--- The first bytes of a ClientHello.
local HALF = "\22\3\1\2\0\1\0\1\252\3\3" .. ("r"):rep(32)

--- So many clients that stop in the middle of their handshake.
local function half_way(lastcall, address, count, words)
  local clients = {}
  for i = 1, count do
    clients[i] = assert(lastcall.connect(address))
    helper.send(clients[i], words or HALF)
  end
  return clients
end

describe("a handshake of TLS", function()
  teardown(certificates.remove)

  it("is new, and no handler hears of it before it is over", function()
    helper.task(function(lastcall)
      local heard = 0
      local server, address = listen(lastcall, function(conn)
        heard = heard + 1
        helper.echo(conn)
      end)
      local silent, half = assert(lastcall.connect(address)), half_way(lastcall, address, 1)[1]
      server:wait_for("==", 2)
      lastcall.sleep(0.02)
      assert.equal(2, server:count "new")
      assert.equal(0, heard)
      local conn = assert(connect(lastcall, address))
      helper.send(conn, "hello\n")
      assert.equal("hello", conn:read())
      assert.equal(1, heard)
      for of in server:each "active" do assert.equal(6, of:stats().received) end
      for _, one in ipairs { silent, half, conn } do one:abort() end
      server:close()
    end)
  end)

  it("has its time, whatever the client does meanwhile", function()
    helper.task(function(lastcall)
      local notes = {}
      local server, address = listen(lastcall, nil, {
        handshake_timeout = 0.1,
        log = function(_, event, fields) notes[#notes + 1] = event .. ": " .. tostring(fields.cause) end,
      })
      local clients = half_way(lastcall, address, 3)
      clients[4] = assert(lastcall.connect(address)) -- silent
      clients[5] = half_way(lastcall, address, 1, HALF .. "x")[1]
      for _ = 1, 10 do
        lastcall.sleep(0.02)
        clients[5]:write "x" -- byte by byte
        clients[5]:flush()
      end
      server:wait_for("==", 0, helper.seconds(5))
      for _, one in ipairs(clients) do
        local _, code = one:read()
        assert.is_truthy(code == "eof" or code == "reset", code)
        one:close()
      end
      assert.equal(5, server:stats().handshakes_failed)
      assert.equal("handshake failed: timeout", notes[1])
      server:close()
    end)
  end)

  it("is finished during a stop, and its request answered", function()
    helper.task(function(lastcall)
      local server, address = listen(lastcall, nil, { drain = { quiet = 0.3, timeout = 10 } })
      -- The gate holds the second flight of the client back until the server stops.
      local gate = require("spec.support.tls").gate(lastcall, address, 20, 1)
      local answer
      local client = lastcall.go(function()
        local conn = assert(connect(lastcall, "127.0.0.1:" .. gate.port))
        helper.send(conn, "hello\n")
        answer = conn:read()
        conn:close()
      end)
      gate:await_held()
      server:shutdown()
      lastcall.sleep(0.05)
      gate:release()
      client:wait()
      gate.task:wait()
      assert.equal("hello", answer)
      assert.is_true(server:wait().ok)
    end)
  end)

  it("that a thousand clients have begun and do not finish delays nobody else", function()
    helper.task(function(lastcall)
      local most = helper.long and 1000 or 200
      local server, address = listen(lastcall, nil, { handshake_timeout = helper.seconds(0.5) })
      local conn = assert(connect(lastcall, address))
      local clients = half_way(lastcall, address, most)
      local times = {}
      for i = 1, 200 do
        local starved, began = helper.starved(), lastcall.now()
        helper.send(conn, "ping\n")
        assert.equal("ping", conn:read())
        times[i] = lastcall.now() - began - (helper.starved() - starved)
      end
      table.sort(times)
      helper.figure("an echo over TLS beside %d clients in mid-handshake: p99 %.2f ms", most, times[198] * 1000)
      assert.is_true(times[198] < helper.seconds(0.010), times[198])
      server:wait_for("==", 1, helper.seconds(10))
      for _, one in ipairs(clients) do one:abort() end
      conn:close()
      server:close()
    end)
  end)

  it("waits in the kernel's queue when too many are under way", function()
    helper.task(function(lastcall)
      local notes = {}
      local server, address = listen(lastcall, nil, {
        max_handshakes = 2, log = function(_, event, fields) notes[#notes + 1] = { event, fields.limit } end,
      })
      local clients = half_way(lastcall, address, 2)
      server:wait_for("==", 2)
      local answer
      local client = lastcall.go(function()
        local conn = assert(connect(lastcall, address))
        helper.send(conn, "hello\n")
        answer = conn:read()
        conn:close()
      end)
      lastcall.sleep(0.05)
      assert.is_nil(answer)
      assert.equal(2, server:count())
      clients[1]:abort()
      client:wait()
      assert.equal("hello", answer)
      assert.same({ "max_handshakes reached", 2 }, notes[1])
      clients[2]:abort()
      server:close()
    end)
  end)

  it("uses the certificate of the day, and frees the others", function()
    local core = require "lastcall.tls.core"
    collectgarbage()
    collectgarbage()
    local before = core.count()
    helper.task(function(lastcall)
      local server, address = listen(lastcall)
      local of = { certificates.of(), certificates.of("localhost", { again = 2 }) }
      local done, failed, seen = false, 0, {}
      local clients = {}
      for i = 1, 4 do
        clients[i] = lastcall.go(function()
          while not done do
            local conn = connect(lastcall, address)
            if conn then
              seen[conn:tls().peer.sha256] = true
              helper.send(conn, "hello\n")
              if conn:read() ~= "hello" then failed = failed + 1 end
              conn:close()
            else
              failed = failed + 1
            end
          end
        end)
      end
      local kept = assert(connect(lastcall, address))
      for i = 1, 100 do
        assert.is_true(server:set_tls(of[i % 2 + 1]))
        lastcall.sleep(0.003)
      end
      helper.failure("enoent", server:set_tls { certificate = "/no/such/file" })
      done = true
      for _, one in ipairs(clients) do one:wait() end
      helper.send(kept, "still\n")
      assert.equal("still", kept:read())
      kept:close()
      local count = 0
      for _ in pairs(seen) do count = count + 1 end
      helper.figure("%d handshakes while the certificate was replaced 100 times, %d failed", server:stats().handshakes,
        failed)
      assert.equal(0, failed)
      assert.equal(2, count)
      collectgarbage()
      collectgarbage()
      assert.is_true(core.count() <= before + 3, core.count())
      server:close()
    end)
  end)

  it("costs a peer that writes and closes at once nothing of what it wrote", function()
    helper.task(function(lastcall)
      local got = {}
      local server, address = listen(lastcall, function(conn)
        lastcall.sleep(0.02)
        local all, code, _, part = conn:read "a" -- Python says no goodbye
        got[#got + 1] = all or code == "truncated" and part or code
      end)
      local script = helper.write_file(([[
import socket, ssl
context = ssl.create_default_context(cafile="%s")
for i in range(20):
    raw = socket.create_connection(("127.0.0.1", %s))
    s = context.wrap_socket(raw, server_hostname="localhost")
    s.sendall(b"all of it")
    s.close()
]]):format(certificates.authority(), address:match ":(%d+)"))
      local output, fine = helper.run_beside(lastcall, "/usr/bin/python3 " .. script)
      assert.is_true(fine, output)
      os.remove(script)
      while #got < 20 do lastcall.sleep(0.002) end
      for _, one in ipairs(got) do assert.equal("all of it", one) end
      server:close()
    end)
  end)

  --- Runs a script in Python with `context` for this side, and `wait()`, which notes how long the next bytes take.
  local function python(lastcall, context, body)
    local script = helper.write_file(([[
import socket, ssl, time
%s
best = {}
def wait(s, what, began):
    assert s.recv(100) == b"hello\n"
    best[what] = min(best.get(what, 9), time.time() - began)
%s
for what in best: print(what, best[what])
]]):format(context, body))
    local output, fine = helper.run_beside(lastcall, "/usr/bin/python3 " .. script)
    assert.is_true(fine, output)
    os.remove(script)
    return output
  end

  it("is acknowledged at once, for a client without TCP_NODELAY holds its request back until then", function()
    helper.task(function(lastcall)
      local server, address = listen(lastcall)
      local output = python(lastcall, ('context = ssl.create_default_context(cafile="%s")'):format(
        certificates.authority()), ([[
for version in ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2:
    context.maximum_version = version
    session = None # from the second on, a handshake of TLS 1.2 ends with the client's bytes, too
    for i in range(7):
        raw = socket.create_connection(("127.0.0.1", %s))
        s = context.wrap_socket(raw, server_hostname="localhost", session=session)
        began = time.time()
        s.sendall(b"hello\n")
        wait(s, "%%s %%s" %% (s.version(), s.session_reused), began)
        session = s.session
        s.close()
]]):format(address:match ":(%d+)"))
      local count = 0
      for what, best in output:gmatch "(TLS%S+ %S+) (%S+)" do
        assert.is_true(tonumber(best) < 0.03, ("%s: the quickest answer took %s s"):format(what, best))
        count = count + 1
      end
      assert.is_true(count >= 3, output)
      server:close()
    end)
  end)

  it("is acknowledged at once by our clients as well, for a server that speaks first", function()
    helper.task(function(lastcall)
      local of = certificates.of()
      local port_file = os.tmpname()
      local beside = lastcall.go(function()
        python(lastcall, "context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)", ([[
context.load_cert_chain("%s", "%s")
context.maximum_version = ssl.TLSVersion.TLSv1_2
l = socket.create_server(("127.0.0.1", 0))
open("%s", "w").write("%%d\n" %% l.getsockname()[1])
for i in range(7):
    raw, _ = l.accept()
    s = context.wrap_socket(raw, server_side=True)
    s.sendall(b"hello\n")
    s.recv(1)
]]):format(of.certificate, of.key, port_file))
      end)
      local port
      while not port do
        lastcall.sleep(0.005)
        port = helper.read_file(port_file):match "(%d+)\n"
      end
      local best = 9
      for _ = 1, 7 do
        local conn = assert(connect(lastcall, "127.0.0.1:" .. port))
        local began = lastcall.now()
        assert.equal("hello", conn:read())
        best = math.min(best, lastcall.now() - began)
        conn:close()
      end
      assert.is_true(best < 0.03, best)
      beside:wait()
      os.remove(port_file)
    end)
  end)
end)
