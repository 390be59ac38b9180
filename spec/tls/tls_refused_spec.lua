local certificates = require "spec.support.certificates"
local helper = require "spec.helper"

--- A server with TLS, its address, and what its log gets.
local function listen(lastcall, tls, more)
  local notes = {}
  local options = {
    tls = certificates.server(tls),
    log = function(level, event, fields)
      fields.level, fields.event = level, event
      notes[#notes + 1] = fields
    end,
  }
  for name, value in pairs(more or {}) do options[name] = value end
  local server, address = helper.serve(lastcall, helper.echo, options)
  return server, address, notes
end

local function connect(lastcall, address, tls)
  return lastcall.connect(address, { tls = certificates.client(tls), timeout = helper.seconds(5) })
end

--- The server still serves: what went wrong before concerned nobody else.
local function assert_serves(lastcall, address)
  local conn = assert(connect(lastcall, address))
  helper.send(conn, "still there\n")
  assert.equal("still there", conn:read())
  conn:close()
end

local function await(lastcall, notes, count)
  while #notes < count do lastcall.sleep(0.002) end
end

describe("TLS refuses", function()
  teardown(certificates.remove)

  local peers = {
    { what = "an expired certificate", of = { days = -1 }, code = "certificate expired", words = "expired" },
    { what = "a self-signed certificate", of = { self_signed = true }, code = "certificate not trusted",
      words = "self.signed" },
    { what = "a certificate for another name", name = "other.test", code = "wrong name", words = "mismatch" },
    { what = "a certificate for another address", client = { name = "127.0.0.2" }, code = "wrong name",
      words = "mismatch" },
    { what = "a certificate of an authority that the system does not know", client = { ca = false },
      code = "certificate not trusted", words = "issuer" },
  }
  for _, peer in ipairs(peers) do
    it(peer.what .. ", by a code of its own", function()
      helper.task(function(lastcall)
        local server, address, notes = listen(lastcall, certificates.of(peer.name, peer.of))
        local options = certificates.client(peer.client)
        if peer.client and peer.client.ca == false then options.ca = nil end
        local _, code, said = lastcall.connect(address, { tls = options })
        assert.equal(peer.code, code, said)
        assert.matches(peer.words, said)
        assert.matches(address, said, 1, true)
        await(lastcall, notes, 1)
        assert.equal("handshake failed", notes[1].event)
        assert.equal("info", notes[1].level)
        assert.matches("^127.0.0.1:", notes[1].peer)
        assert.matches("alert", notes[1].reason)
        options.verify = false
        local conn = assert(lastcall.connect(address, { tls = options }))
        helper.send(conn, "as you wish\n")
        assert.equal("as you wish", conn:read())
        conn:close()
        server:close()
      end)
    end)
  end

  it("plain HTTP, in clear and in words", function()
    helper.task(function(lastcall)
      local server, address, notes = listen(lastcall)
      for _, path in ipairs { "/", "/" .. ("x"):rep(20000) } do
        local output = helper.run_beside(lastcall, ("curl -s -i http://%s%s"):format(address, path))
        assert.matches("^HTTP/1.1 400 ", output)
        assert.matches("https://", output)
      end
      await(lastcall, notes, 2)
      assert.equal("not tls", notes[1].cause)
      assert_serves(lastcall, address)
      assert.equal(2, server:stats().handshakes_failed)
      server:close()
    end)
  end)

  it("bytes of no protocol, however they come", function()
    helper.task(function(lastcall)
      local server, address, notes = listen(lastcall)
      local strange = {
        ("\0"):rep(100), "SSH-2.0-x\r\n", "\22\3\1\255\255" .. ("x"):rep(70000), "\22\3\1\0\5hello",
      }
      for i, garbage in ipairs(strange) do
        local conn = assert(lastcall.connect(address))
        conn:write(garbage)
        conn:shutdown "write"
        conn:read "a"
        conn:close()
        await(lastcall, notes, i)
        assert_serves(lastcall, address)
      end
      server:close()
    end)
  end)

  it("a server that speaks in clear", function()
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, function(conn) conn:write "220 hello, who are you?\n" end)
      helper.failure("not tls", connect(lastcall, address))
      server:close()
      server, address = helper.serve(lastcall, function(conn) conn:close() end)
      local _, code = connect(lastcall, address)
      assert.is_truthy(code == "handshake failed" or code == "reset", code)
      server:close()
    end)
  end)

  it("a client without a protocol in common", function()
    helper.task(function(lastcall)
      local server, address, notes = listen(lastcall, { alpn = { "http/1.1" } })
      local _, code, message = connect(lastcall, address, { alpn = { "h2" } })
      assert.equal("handshake failed", code)
      assert.matches("application protocol", message)
      await(lastcall, notes, 1)
      server:close()
    end)
  end)

  it("options of no use, and says which", function()
    helper.task(function(lastcall)
      local of, other = certificates.of(), certificates.of "other.test"
      local text = helper.write_file "no certificate"
      for option, wrong in pairs {
        ["certificate: /no/such/file"] = { { certificate = "/no/such/file", key = of.key }, "enoent" },
        ["key: /no/such/key"] = { { certificate = of.certificate, key = "/no/such/key" }, "enoent" },
        ["key: it does not belong"] = { { certificate = of.certificate, key = other.key }, "wrong key" },
        ["certificate: no certificate"] = { { certificate = text, key = of.key }, "bad certificate" },
        ["key: no private key"] = { { certificate = of.certificate, key = text }, "bad key" },
        ["chain: no certificate"] = { { certificate = of.certificate, key = of.key, chain = text }, "bad certificate" },
        ["ca: no certificate"] =
          { { certificate = of.certificate, key = of.key, verify = true, ca = text }, "bad certificate" },
        ["ciphers: OpenSSL knows none"] =
          { { certificate = of.certificate, key = of.key, ciphers = "NONE-OF-THEM" }, "bad ciphers" },
      } do
        local server, code, message = lastcall.listen("127.0.0.1:0", { tls = wrong[1] })
        assert.is_nil(server)
        assert.equal(wrong[2], code, message)
        assert.matches(option, message, 1, true)
      end
      local folder = select(3, lastcall.listen("127.0.0.1:0", { tls = { certificate = "/" } }))
      assert.matches("certificate: ", folder, 1, true)
      os.remove(text)
    end)
  end)

  it("files that it may not read, or that do not fit, and a server that has others goes on with them", function()
    local of, other = certificates.of(), certificates.of "other.test"
    local hidden = helper.write_file(helper.read_file(of.certificate))
    assert(os.execute("chmod 000 " .. hidden))
    local drop = helper.run("id -u"):match "^0" and
      "setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-dac_override,-dac_read_search " or ""
    local script = helper.write_file(([[
      local lastcall = require "lastcall"
      local hidden, certificate, key, other, ca = %q, %q, %q, %q, %q
      lastcall.run(function()
        print(select(2, lastcall.listen("127.0.0.1:0", { tls = { certificate = hidden, key = key } })))
        print(select(2, lastcall.listen("127.0.0.1:0", { tls = { certificate = certificate, key = hidden } })))
        local server = lastcall.listen("127.0.0.1:0", { tls = { certificate = certificate, key = key } })
        lastcall.spawn(function() server:serve(function(conn) conn:write(conn:read(), "\n") end) end)
        print(select(2, server:set_tls { certificate = hidden, key = key }))
        print(select(2, server:set_tls { certificate = certificate, key = other }))
        print(select(2, lastcall.connect(server:addresses()[1], { tls = { ca = hidden, name = "localhost" } })))
        local conn = assert(lastcall.connect(server:addresses()[1], { tls = { ca = ca, name = "localhost" } }))
        conn:write "still there\n"
        print(conn:read())
        conn:close()
        server:close()
      end, { log = function() end })
    ]]):format(hidden, of.certificate, of.key, other.key, certificates.authority()))
    local output, fine = helper.run(drop .. "lua5.4 " .. script)
    os.remove(script)
    os.remove(hidden)
    assert.is_true(fine, output)
    local lines = {}
    for line in output:gmatch "[^\n]+" do lines[#lines + 1] = line end
    for i, option in ipairs { "certificate", "key", "certificate", "ca" } do
      local line = table.remove(lines, i < 4 and 1 or 2)
      assert.matches("^permission denied\t", line)
      assert.matches(("tls: %s: %s: Permission denied"):format(option, hidden), line, 1, true)
    end
    assert.matches("^wrong key\t.*: tls: key: it does not belong", lines[1])
    assert.equal("still there", lines[2])
  end)

  it("misuse, by name", function()
    local of = certificates.of()
    helper.task(function(lastcall)
      local function listening(tls)
        return function() return lastcall.listen("127.0.0.1:0", { tls = tls }) end
      end
      helper.raises("option 'tls' is a table", listening(true))
      helper.raises("a certificate", listening {})
      helper.raises("did you mean 'certificate'", listening { certifcate = of.certificate })
      helper.raises("min_version", listening { certificate = of.certificate, min_version = "1.1" })
      for _, wrong in ipairs { "short", {}, { ("k"):rep(80), "short" }, 80 } do
        helper.raises("80 random bytes", listening { certificate = of.certificate, tickets = wrong })
      end
      helper.raises("clients have to show", listening { certificate = of.certificate, verify = true })
      helper.raises("tls.sni", listening { certificate = of.certificate, sni = { a = { kye = "x" } } })
      helper.raises("speaks in clear", function()
        local server = lastcall.listen "127.0.0.1:0"
        server:close()
        server:set_tls { certificate = of.certificate, key = of.key }
      end)
      helper.raises("the name that the certificate", function()
        lastcall.connect("unix:/nowhere", { tls = true })
      end)
    end)
  end)
end)
