-- scripts/test: early
--- Each allocation of OpenSSL's fails once, in the handshake, the exchange and the close of a connection, of its server
-- or of its client (spec/faults/tls_memory.lua); and all behind it. Each operation says why it failed, nothing leaks,
-- and the server goes on. `make test` has one here and one there.
local openssl = require "spec_openssl" -- before anything else of OpenSSL
local certificates = require "spec.support.certificates"
local failing = require "spec.support.failing_calls"
local helper = require "spec.helper"

local ALL = os.getenv "LASTCALL_FAULTS" == "all"
local MOST = helper.is_slow and 5 or 20 -- connections of one life, whose time is bounded

local function text_of(life, first, last, step, times)
  local of = certificates.of()
  return ("CERTIFICATES = { certificate = %q, key = %q, ca = %q }\n"):format(of.certificate, of.key,
    certificates.authority()) .. ("LIFE, FIRST, LAST, STEP, TIMES = %q, %s, %s, %d, %d"):format(life,
      first, last, step, times)
end

--- Lives it; how many allocations there were at its end, and how many blocks are left.
local function live(life, first, last, step, times)
  local what = ("%s: allocations %s to %s, by %d, %d at once"):format(life, first, last, step, times)
  local result = failing.live("tls_memory", nil, text_of(life, first, last, step, times))
  local made, left = openssl.none()
  failing.check(result, what)
  return made, left, what
end

describe("without memory of OpenSSL's,", function()
  teardown(certificates.remove)

  for _, life in ipairs { "plain", "picky", "starttls", "replaced" } do
    it(("whatever allocation fails, a connection ends and leaves nothing (%s)"):format(life), function()
      live(life, nil, nil, 1, 1)
      local made, before = live(life, nil, nil, 1, 1)
      local count = 0
      for _, times in ipairs { 1, 1000000 } do
        local step = not ALL and made // 40 + 1 or times > 1 and 8 or 1
        for first = 1, made, MOST * step do
          local last = math.min(made, first + (MOST - 1) * step)
          local _, left, what = live(life, first, last, step, times)
          assert.is_true(left <= before, ("%s: %d blocks before, %d after"):format(what, before, left))
          count = count + (last - first) // step + 1
        end
      end
      helper.figure("%s: %d connections with a failing allocation, of %d", life, count, made)
    end)
  end

  it("options are not called wrong", function()
    local of = certificates.of()
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, helper.echo, { tls = certificates.server() })
      local picky = certificates.server { verify = true, ca = certificates.authority() }
      local function close(what)
        if what ~= true then what:close() end
      end
      local ways = { -- and how much of it has to do with options
        [function() return lastcall.listen("127.0.0.1:0", { tls = picky }) end] = 0.95,
        [function() return server:set_tls { certificate = of.certificate, key = of.key } end] = 0.95,
        [function() return lastcall.connect(address, { tls = certificates.client() }) end] = 0.3,
      }
      for way, share in pairs(ways) do
        close(assert(way()))
        collectgarbage() -- or else clients share what they have
        openssl.none()
        close(assert(way()))
        local made = openssl.none() * share // 1
        for n = 1, made, made // (ALL and 100 or 20) do
          collectgarbage()
          openssl.fail(n, 1000000)
          local fine, code, message = way()
          openssl.none()
          assert.is_nil(fine)
          assert.equal("enomem", code, ("%d of %d: %s"):format(n, made, message))
        end
      end
      server:close()
    end)
  end)
end)
