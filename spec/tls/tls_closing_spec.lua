local certificates = require "spec.support.certificates"
local helper = require "spec.helper"

local function listen(lastcall, handler, more)
  local options = { tls = certificates.server() }
  for name, value in pairs(more or {}) do options[name] = value end
  return helper.serve(lastcall, handler, options)
end

local function connect(lastcall, address, more)
  local options = { tls = certificates.client() }
  for name, value in pairs(more or {}) do options[name] = value end
  return lastcall.connect(address, options)
end

--- A client in Python: connects, and runs `body` with `s`, an encrypted socket.
local function python(address, body)
  local script = ([[
import socket, ssl, sys, time
host, port = "%s".split(":")
raw = socket.create_connection((host, int(port)))
context = ssl.create_default_context(cafile="%s")
context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
s = context.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False)
def rest():
    total = 0
    while True:
        try:
            got = s.recv(65536)
        except (ssl.SSLError, OSError) as e:
            return "%%s after %%d" %% (type(e).__name__, total)
        if not got: return "end after %%d" %% total
        total += len(got)
%s]]):format(address, certificates.authority(), body)
  local path = helper.write_file(script)
  return "/usr/bin/python3 " .. path, function() os.remove(path) end
end

local function run_python(lastcall, address, body)
  local command, remove = python(address, body)
  local output = helper.run_beside(lastcall, command)
  remove()
  return output
end

describe("a connection over TLS", function()
  teardown(certificates.remove)

  for _, size in ipairs { 64 * 1024, 4 * 1024 * 1024 } do
    it(("delivers %d bytes whole while what the peer sends is never read"):format(size), function()
      helper.task(function(lastcall)
        local server, address = listen(lastcall, function(conn)
          conn:read()
          conn:write(("x"):rep(size))
        end)
        -- One thread reads and writes: two may not use a connection of OpenSSL at once.
        local output = run_python(lastcall, address, [[
import select
s.sendall(b"post\n")
s.setblocking(False)
left, total, ended, until = b"u" * 300000, 0, None, time.monotonic() + 15
while not ended and time.monotonic() < until:
    waits = True
    try:
        if left:
            left = left[s.send(left[:16384]):]
            waits = False
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError): pass
    except OSError: left = b""
    try:
        got = s.recv(65536)
        total += len(got)
        waits = False
        if not got: ended = "end"
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError): pass
    except OSError as e: ended = type(e).__name__
    if waits: select.select([s], [s] if left else [], [], 1)
print("%s after %d" % (ended, total))
]])
        assert.matches(("end after %d"):format(size), output)
        server:close()
      end)
    end)
  end

  it("says goodbye once, and then finishes", function()
    helper.task(function(lastcall)
      local closed
      local server, address = listen(lastcall, function(conn)
        conn:write "bye"
        closed = { conn:close() }
      end)
      local output = run_python(lastcall, address, [[
print(rest())
try: s.unwrap()
except OSError: pass
]])
      assert.matches("end after 3", output)
      while not closed do lastcall.sleep(0.002) end
      assert.same({ true }, closed)
      server:close()
    end)
  end)

  it("shows a torn reply as torn, and never a whole one", function()
    helper.task(function(lastcall)
      local server, address = listen(lastcall, function(conn)
        local word = conn:read()
        conn:write(("x"):rep(100000))
        conn:flush()
        if word == "abort" then conn:abort() end
      end)
      for _ = 1, 3 do
        assert.matches("end after 100000", run_python(lastcall, address, 's.sendall(b"whole\\n")\nprint(rest())'))
        assert.matches("Error after", run_python(lastcall, address, 's.sendall(b"abort\\n")\nprint(rest())'))
      end
      server:close()
    end)
  end)

  it("shows a reply that the cancel cuts as torn", function()
    helper.task(function(lastcall)
      local server, address = listen(lastcall, function(conn)
        conn:read()
        conn:write(("x"):rep(1000))
        conn:flush()
        while conn:write(("y"):rep(100000)) do lastcall.sleep(0.01) end
      end, { drain = { timeout = 0.3, grace = 0.05 } })
      local told
      local client = lastcall.go(function()
        told = run_python(lastcall, address, 's.sendall(b"go\\n")\ns.recv(10)\ntime.sleep(1)\nprint(rest())')
      end)
      server:wait_for(">=", 1)
      helper.at_work(server)
      server:shutdown()
      client:wait()
      assert.matches("Error after", told)
      server:wait()
    end)
  end)

  it("tells a stream that was cut from one that has ended", function()
    for goodbye, wanted in pairs { ["pass"] = "truncated", ["try: s.unwrap()\nexcept OSError: pass"] = "eof" } do
      helper.task(function(lastcall)
        local seen
        local server, address = listen(lastcall, function(conn)
          assert(conn:read() == "hello")
          local got, code, message, rest = conn:read "a"
          seen = { got, code, message, rest }
          conn:write "read it\n"
        end)
        run_python(lastcall, address, 's.sendall(b"hello\\nhalf")\n' .. goodbye .. "\ns.close()")
        while not seen do lastcall.sleep(0.002) end
        if wanted == "eof" then
          assert.equal("half", seen[1])
        else
          assert.is_nil(seen[1])
          assert.equal("truncated", seen[2])
          assert.matches("close_notify", seen[3])
          assert.equal("half", seen[4])
        end
        server:close()
      end)
    end
  end)

  it("tells a client that its server's stream was cut", function()
    for cut, wanted in pairs { [false] = "eof", [true] = "truncated" } do
      helper.task(function(lastcall)
        local of = certificates.of()
        local port_file = os.tmpname()
        local script = helper.write_file(([[
import socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("%s", "%s")
l = socket.create_server(("127.0.0.1", 0))
open("%s.new", "w").write(str(l.getsockname()[1]))
import os
os.rename("%s.new", "%s")
raw, _ = l.accept()
s = context.wrap_socket(raw, server_side=True)
s.recv(100)
s.sendall(b"half a reply")
if %s:
    s.shutdown(socket.SHUT_WR)
else:
    try: s.unwrap()
    except OSError: pass
s.close()
]]):format(of.certificate, of.key, port_file, port_file, port_file, cut and "True" or "False"))
        os.remove(port_file)
        local beside = lastcall.go(function() return helper.run_beside(lastcall, "/usr/bin/python3 " .. script) end)
        while not io.open(port_file) do lastcall.sleep(0.005) end
        local conn = assert(connect(lastcall, "127.0.0.1:" .. helper.read_file(port_file)))
        helper.send(conn, "hello")
        local got, code, _, rest = conn:read "l"
        assert.is_nil(got)
        assert.equal(wanted, code)
        assert.equal("half a reply", rest)
        conn:close()
        beside:wait()
        os.remove(script)
        os.remove(port_file)
      end)
    end
  end)

  it("goes on writing after a client has finished without a goodbye", function()
    helper.task(function(lastcall)
      local server, address = listen(lastcall, function(conn)
        local _, code = conn:read "a"
        conn:write("the answer to ", code)
      end)
      local output = run_python(lastcall, address, [[
s.sendall(b"question")
import ctypes
ctypes.CDLL(None).shutdown(s.fileno(), socket.SHUT_WR)
print(s.recv(100))
]])
      assert.matches("the answer to truncated", output)
      server:close()
    end)
  end)

  it("counts what comes behind its FIN as late, but no goodbye", function()
    for sends, wanted in pairs { [""] = 0, ['s.sendall(b"late")\n'] = 1 } do
      local late
      helper.task(function(lastcall)
        local server, address = listen(lastcall, function(conn)
          conn:await()
        end, { drain = { quiet = 0.1, timeout = 10 } })
        local client = lastcall.go(function()
          run_python(lastcall, address, "print(rest())\ntime.sleep(0.05)\n" .. sends ..
            "try: s.unwrap()\nexcept OSError: pass\ns.close()")
        end)
        server:wait_for(">=", 1)
        while server:stats().handshakes < 1 do lastcall.sleep(0.002) end
        server:shutdown()
        client:wait()
        late = server:wait().late
      end)
      assert.equal(wanted, late, sends)
    end
  end)
end)
