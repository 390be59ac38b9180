--- Sessions that are resumed by tickets, as openssl's client does it, and the keys of the tickets.
local clock = require "spec_clock" -- before lastcall
local certificates = require "spec.support.certificates"
local helper = require "spec.helper"
local lastcall = require "lastcall"

local VERSIONS = { "-tls1_3", "-tls1_2" }
local KEY_LIFE = 2 * 3600 -- seconds, of the server's own

local session, other = os.tmpname(), os.tmpname()

local function listen(tickets)
  return helper.serve(lastcall, function(conn) conn:write(conn:read(), "\n") end,
    { tls = certificates.server { tickets = tickets }, handshake_timeout = 600 })
end

--- One exchange with a server: "New" or "Reused". `how`: options of openssl's client.
local function ask(where, how)
  local command = "sh -c 'echo hello | openssl s_client -ign_eof -connect %s %s'"
  local output = helper.run_beside(lastcall, command:format(where, how))
  return output:match "\n(%u%l+), TLS" or output
end

--- A session that the server at `where` has made is kept in the file.
local function begin(where, version)
  assert.equal("New", ask(where, ("%s -sess_out %s"):format(version, session)))
end

local function resume(where, version, from, into)
  return ask(where, ("%s -sess_in %s %s"):format(version, from or session, into and "-sess_out " .. into or ""))
end

describe("a session over TLS", function()
  teardown(function()
    certificates.remove()
    os.remove(session)
    os.remove(other)
  end)

  it("is resumed, by a server of the same key, too, and by none without tickets", function()
    helper.task(function()
      local key = ("k"):rep(80)
      local first, address = listen(key)
      local second, same = listen(key)
      local third, none = listen(false)
      local fourth, own = listen(true)
      for _, version in ipairs(VERSIONS) do
        begin(address, version)
        assert.equal("Reused", resume(address, version))
        assert.equal("Reused", resume(same, version))
        assert.equal("New", resume(none, version))
        assert.equal("New", resume(own, version))
        begin(own, version)
        assert.equal("Reused", resume(own, version))
      end
      for _, one in ipairs { first, second, third, fourth } do one:close() end
    end)
  end)

  it("outlives the replacement of its key, and gets a ticket of the new one", function()
    helper.task(function()
      local old, new, third = ("o"):rep(80), ("n"):rep(80), ("t"):rep(80)
      local server, address = listen(old)
      for _, version in ipairs(VERSIONS) do
        assert(server:set_tls(certificates.server { tickets = old }))
        begin(address, version)
        assert(server:set_tls(certificates.server { tickets = { new, old } }))
        assert.equal("Reused", resume(address, version, session, other))
        assert(server:set_tls(certificates.server { tickets = { third, new } }))
        assert.equal("New", resume(address, version, session), version)
        -- openssl writes down a renewed ticket of TLS 1.3 alone
        if version == "-tls1_3" then assert.equal("Reused", resume(address, version, other)) end
      end
      server:close()
    end)
  end)

  it("outlives one replacement of the server's own key, which comes every two hours", function()
    lastcall.run(function()
      local server, address = listen()
      begin(address, "-tls1_3")
      clock.pass(KEY_LIFE - 60)
      assert.equal("Reused", resume(address, "-tls1_3"))
      clock.pass(120)
      assert.equal("Reused", resume(address, "-tls1_3", session, other))
      clock.pass(KEY_LIFE)
      assert.equal("New", resume(address, "-tls1_3"))
      assert.equal("Reused", resume(address, "-tls1_3", other))
      clock.pass(2 * KEY_LIFE)
      assert.equal("New", resume(address, "-tls1_3", other))
      server:close()
    end, { signals = false, log = function() end })
  end)
end)
