local certificates = require "spec.support.certificates"
local helper = require "spec.helper"

local function listen(lastcall, handler, tls, more)
  local options = { tls = certificates.server(tls) }
  for name, value in pairs(more or {}) do options[name] = value end
  return helper.serve(lastcall, handler or helper.echo, options)
end

local function connect(lastcall, address, tls, more)
  local options = { tls = certificates.client(tls) }
  for name, value in pairs(more or {}) do options[name] = value end
  return lastcall.connect(address, options)
end

describe("TLS", function()
  teardown(certificates.remove)

  it("carries what both sides say", function()
    helper.task(function(lastcall)
      local server, address = listen(lastcall)
      local conn = assert(connect(lastcall, address))
      for size = 1, 5 do
        local line = ("x"):rep(10 ^ size // 2)
        assert(conn:write(line, "\n"))
        assert.equal(line, conn:read())
      end
      conn:shutdown "write"
      local _, code = conn:read()
      assert.equal("eof", code)
      assert.is_true(conn:close())
      server:close()
    end)
  end)

  it("says what was agreed on, and who the peer is", function()
    helper.task(function(lastcall)
      local seen
      local server, address = listen(lastcall, function(conn)
        seen = conn:tls()
        conn:write "ok\n"
      end, { alpn = { "two", "one" } })
      local conn = assert(connect(lastcall, address, { alpn = { "one", "two" } }))
      assert.equal("ok", conn:read())
      local of = conn:tls()
      assert.equal("TLSv1.3", of.version)
      assert.equal("two", of.alpn)
      assert.is_true(of.verified)
      assert.equal("CN=localhost", of.peer.subject)
      assert.equal("CN=CA of the specs", of.peer.issuer)
      assert.equal(64, #of.peer.sha256)
      assert.matches("BEGIN CERTIFICATE", of.peer.pem)
      assert.equal("localhost", seen.sni)
      assert.equal("two", seen.alpn)
      assert.is_nil(seen.peer)
      conn:close()
      local plain = helper.pair(lastcall)
      assert.is_nil(plain:tls())
      plain:server():close()
      server:close()
    end)
  end)

  it("takes PEM text in place of a path, and the chain from a file of its own", function()
    helper.task(function(lastcall)
      local of = certificates.of()
      local server, address = listen(lastcall, nil, {
        certificate = helper.read_file(of.certificate), key = helper.read_file(of.key),
        chain = certificates.authority(),
      })
      local conn = assert(connect(lastcall, address, { ca = helper.read_file(certificates.authority()) }))
      conn:write "hello\n"
      assert.equal("hello", conn:read())
      conn:close()
      server:close()
    end)
  end)

  it("gives each name its certificate", function()
    helper.task(function(lastcall)
      local server, address = listen(lastcall, nil, {
        sni = { ["a.test"] = certificates.of "a.test", ["*.b.test"] = certificates.of "*.b.test" },
      })
      for name, subject in pairs {
        ["a.test"] = "a.test", ["A.test"] = "a.test", ["x.b.test"] = "*.b.test", localhost = "localhost",
      } do
        local conn = assert(connect(lastcall, address, { name = name }))
        assert.equal("CN=" .. subject, conn:tls().peer.subject)
        conn:close()
      end
      server:close()
    end)
  end)

  it("asks clients for a certificate", function()
    helper.task(function(lastcall)
      local who
      local server, address = listen(lastcall, function(conn)
        local peer = conn:tls().peer
        who = peer and peer.subject
        conn:write "ok\n"
      end, { verify = true, ca = certificates.authority() })
      local of = certificates.of "client"
      local conn = assert(connect(lastcall, address, { certificate = of.certificate, key = of.key }))
      assert.equal("ok", conn:read())
      assert.equal("CN=client", who)
      conn:close()
      conn = assert(connect(lastcall, address)) -- in TLS 1.3 a client is done before it is refused
      assert.equal("handshake failed", (select(2, conn:read())) == "ok" or "handshake failed")
      conn:close()
      server:close()
    end)
  end)

  it("holds to the lowest version and the ciphers that it was given", function()
    helper.task(function(lastcall)
      local function agreed(address, options)
        local command = "sh -c 'openssl s_client -connect %s %s </dev/null'"
        return helper.run_beside(lastcall, command:format(address, options)):match "Cipher is ([^\n]*)"
      end
      local server, address = listen(lastcall, nil, { ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384" })
      assert.equal("ECDHE-ECDSA-AES256-GCM-SHA384", agreed(address, "-tls1_2"))
      assert.equal("(NONE)", agreed(address, "-tls1_1 -cipher ALL:@SECLEVEL=0"))
      server:close()
      server, address = listen(lastcall, nil, { min_version = "1.3" })
      assert.equal("(NONE)", agreed(address, "-tls1_2"))
      server:close()
    end)
  end)
end)
