-- scripts/test: early
--- Lives over TLS (spec/faults/tls*.lua) in which calls of the kernel, allocations of OpenSSL's and of Lua's fail.
-- Whatever it is, the life ends, and each operation says why it failed.
local openssl = require "spec_openssl" -- before anything else of OpenSSL
local certificates = require "spec.support.certificates"
local failing = require "spec.support.failing_calls"
local faults = require "spec_faults"
local helper = require "spec.helper"

--- Text at the start of each life.
local function before()
  local of = certificates.of()
  return ("CERTIFICATES = { certificate = %q, key = %q, ca = %q }"):format(of.certificate, of.key,
    certificates.authority())
end

--- Some points of `count`, spread.
local function some(count)
  local step = count // (os.getenv "LASTCALL_FAULTS" == "all" and 1000 or 4) + 1
  local list = {}
  for n = 1, count, step do list[#list + 1] = n end
  return list
end

describe("over TLS,", function()
  teardown(certificates.remove)

  it("whatever call of the kernel fails, a life ends, leaves nothing, and says why", function()
    for _, name in ipairs { "tls", "tls_http" } do failing.calls(name, before()) end
    helper.figure("%d lives over TLS with a failing call", failing.runs)
  end)

  it("a handshake goes on when the kernel, which lacked memory, has some again", function()
    for call, way in pairs { sendmsg = "ENOBUFS", recv = "ENOMEM" } do
      for n = 1, 3 do
        local result = faults.run(([[
          package.path = "./?.lua;" .. package.path
          %s
          local faults, lastcall = require "spec_faults", require "lastcall"
          lastcall.run(function()
            local server = assert(lastcall.listen("127.0.0.1:0", { tls = CERTIFICATES_OF_SERVER }))
            lastcall.spawn(function() server:serve(function(conn) conn:write "hello\n" end) end)
            local began = lastcall.now()
            faults.fail("%s", %d, 3, "%s")
            local conn = assert(lastcall.connect(server:addresses()[1], { tls = CERTIFICATES_OF_CLIENT }))
            assert(faults.failed "%s" == 3, "too few calls have failed")
            faults.none()
            assert(conn:read() == "hello")
            assert(lastcall.now() - began < 5, "it took until its time was over")
            conn:close()
            server:close()
          end, { signals = false, log = function() end })
        ]]):format(before() .. [[
          CERTIFICATES_OF_SERVER = { certificate = CERTIFICATES.certificate, key = CERTIFICATES.key }
          CERTIFICATES_OF_CLIENT = { ca = CERTIFICATES.ca, name = "localhost" }
        ]], call, n, way, call))
        assert.is_true(result.ok, ("%s %d: %s"):format(call, n, result.message))
      end
    end
  end)

  it("whatever allocation of OpenSSL's fails, a life ends and leaves nothing", function()
    local text = before()
    for _, name in ipairs { "tls", "tls_http" } do
      failing.check(failing.live(name, nil, text), "warming up") -- OpenSSL keeps what it makes once
      openssl.none()
      failing.check(failing.live(name, nil, text), "counting")
      local made, live = openssl.none()
      local runs = 0
      for _, n in ipairs(some(made)) do
        for _, times in ipairs { 1, 1000000 } do
          openssl.fail(n, times)
          local result = failing.live(name, nil, text)
          openssl.none()
          failing.check(result, ("%s: allocation %d of OpenSSL's, %d times"):format(name, n, times))
          runs = runs + 1
        end
      end
      failing.check(failing.live(name, nil, text), "and after all")
      local _, left = openssl.none()
      helper.figure("%s: %d lives with a failing allocation, of %d; %d blocks before, %d after", name, runs, made, live,
        left)
      assert.is_true(left <= live, ("%s: %d blocks before, %d after"):format(name, live, left))
    end
  end)

  it("an open connection without memory for what it received does not say that its handshake failed", function()
    local said = {}
    helper.task(function(lastcall)
      for n = 1, 6 do
        local ready, sent = lastcall.channel(), lastcall.channel()
        local server, address = helper.serve(lastcall, function(conn)
          ready:send(true)
          sent:receive()
          openssl.fail(n)
          local _, code, message = conn:read(60000)
          openssl.none()
          said[n] = ("%s: %s"):format(code, message)
        end, { tls = certificates.server() })
        local conn = assert(lastcall.connect(address, { tls = certificates.client() }))
        ready:receive()
        conn:write(("x"):rep(60000))
        conn:flush()
        sent:send(true)
        conn:close()
        server:close()
      end
    end)
    for _, one in ipairs(said) do assert.is_truthy(one:find "^eproto: " or one == "nil: nil", one) end
    assert.matches("not enough memory to receive", table.concat(said, "\n"))
  end)

  it("clients that stop in the middle of their handshake leave no memory", function()
    local function live()
      collectgarbage()
      collectgarbage()
      return select(2, openssl.none())
    end
    helper.task(function(lastcall)
      local most = helper.long and 1000 or 200
      local server, address = helper.serve(lastcall, helper.echo,
        { tls = certificates.server(), handshake_timeout = helper.seconds(0.2), linger = 0.05 })
      local function come(count, words)
        local clients, failed = {}, server:stats().handshakes_failed
        for i = 1, count do
          clients[i] = assert(lastcall.connect(address))
          helper.send(clients[i], words)
        end
        while server:stats().handshakes_failed < failed + count or server:count() > 0 do lastcall.sleep(0.002) end
        for _, one in ipairs(clients) do one:abort() end
      end
      local half = "\22\3\1\2\0\1\0\1\252\3\3" .. ("r"):rep(32)
      for _, words in ipairs { half, half:sub(1, 3), "\22\3\1\0\5hello" } do
        come(10, words) -- OpenSSL keeps what it makes once
        local first = live()
        come(most, words)
        local last = live()
        assert.is_true(last <= first + 5, ("%d blocks before, %d after"):format(first, last))
      end
      server:close()
    end)
  end)

  it("whatever allocation of Lua's fails, a life ends and leaves nothing", function()
    local text = before()
    local whole = failing.live("tls", nil, text)
    for _, n in ipairs(some(whole.allocations)) do
      local result = failing.live("tls", nil, text, { n, 1 })
      assert.is_truthy(result.ok or result.message:find "memory", result.message)
      assert.equal(0, result.open)
      assert.equal(0, result.strange)
    end
  end)
end)
