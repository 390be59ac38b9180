local certificates = require "spec.support.certificates"
local helper = require "spec.helper"
local process = require "spec.support.process"

local function copy(from, to) helper.write_file(helper.read_file(from), to) end

describe("examples/tls_proxy.lua", function()
  teardown(certificates.remove)

  it("goes by the name, takes a new certificate, and finishes what was begun", function()
    local certificate, key = os.tmpname(), os.tmpname()
    local names = { names = "DNS:localhost,DNS:a.test,DNS:b.test" }
    local old = certificates.of("proxy", names)
    names.again = 2
    local new = certificates.of("proxy", names)
    copy(old.certificate, certificate)
    copy(old.key, key)
    local upstreams = { a = helper.abstract "a", b = helper.abstract "b" }
    local proxy = process.example("tls_proxy", "127.0.0.1:0", certificate, key, "a.test=" .. upstreams.a,
      "b.test=" .. upstreams.b)
    local address = proxy:address()
    helper.task(function(lastcall)
      local servers = {}
      for name, upstream in pairs(upstreams) do
        servers[#servers + 1] = helper.serve(lastcall, function(conn)
          for line in conn:lines() do conn:write(name, " ", line, "\n") end
        end, { at = upstream })
      end
      local function ask(name)
        local conn = assert(lastcall.connect(address, { tls = certificates.client { name = name } }))
        helper.send(conn, "hello\n")
        return conn:read(), conn
      end
      local kept
      for name, wanted in pairs { ["a.test"] = "a hello", ["b.test"] = "b hello", localhost = "a hello" } do
        local answer, conn = ask(name)
        assert.equal(wanted, answer)
        if name == "b.test" then kept = conn else conn:close() end
      end
      local seen = kept:tls().peer.sha256
      copy(new.certificate, certificate)
      copy(new.key, key)
      proxy:signal "HUP"
      repeat
        local _, conn = ask "a.test"
        local is_new = conn:tls().peer.sha256 ~= seen
        conn:close()
      until is_new
      helper.send(kept, "still here\n")
      assert.equal("b still here", kept:read())
      proxy:signal "TERM"
      helper.send(kept, "and now\n")
      assert.equal("b and now", kept:read())
      assert.equal("eof", helper.ends(kept))
      for _, one in ipairs(servers) do one:close() end
    end)
    local output, fine = proxy:finish()
    assert.is_true(fine, output)
    assert.matches("the certificate is new", output)
    os.remove(certificate)
    os.remove(key)
  end)
end)
