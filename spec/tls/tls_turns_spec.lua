-- scripts/test: busy
--- A storm of handshakes: how long the turns of the loop are meanwhile, by this process's processor time.
local certificates = require "spec.support.certificates"
local helper = require "spec.helper"
local keys = require("spec.support.tls").keys

local MOST = 0.01 -- seconds of a turn

--- What a client says first; any number of clients may say it.
local function hello()
  local output = helper.run [[/usr/bin/python3 -c '
import ssl
context = ssl.create_default_context()
incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
try: client.do_handshake()
except ssl.SSLWantReadError: print(outgoing.read().hex())']]
  return (output:match "%x+":gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end))
end

--- The processor time of each turn from now until `is_over()`, the longest first.
local function time_turns(lastcall, is_over)
  local times, before = {}, os.clock()
  while not is_over() do
    lastcall.sleep(0) -- until the next turn
    local now = os.clock()
    times[#times + 1], before = now - before, now
  end
  table.sort(times, function(a, b) return a > b end)
  return times
end

describe("a turn of the loop stays short in a storm of handshakes", function()
  teardown(certificates.remove)

  local function storm(what, tls, count)
    if helper.is_slow then return pending "a checker's own time is in it" end
    local words = hello()
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, helper.echo, { tls = tls, linger = 0.05 })
      local clients = {}
      for i = 1, count do clients[i] = assert(lastcall.connect(address)) end
      server:wait_for("==", count)
      for _, one in ipairs(clients) do helper.send(one, words) end -- all begin in the same turn
      local answered = 0
      for _, one in ipairs(clients) do
        lastcall.go(function()
          if one:read_some() then answered = answered + 1 end
        end)
      end
      local began = os.clock()
      local times = time_turns(lastcall, function() return answered == count end)
      local each = (os.clock() - began) / count
      helper.figure("%d handshakes at once (%s), %.2f ms each: the longest turns take %.1f, %.1f and %.1f ms", count,
        what, each * 1000, times[1] * 1000, times[2] * 1000, times[3] * 1000)
      assert.is_true(count * each > 2 * MOST, "a turn with all of them would not be too long")
      assert.is_true(times[3] < helper.seconds(MOST), times[3]) -- the host may have taken time from two of them
      for _, one in ipairs(clients) do one:abort() end
      server:close()
    end)
  end

  it("with a key of P-256", function() storm("P-256", certificates.server(), 400) end)

  it("with a key of RSA, whose steps are longer", function()
    local key, certificate = keys()
    storm("RSA-2048", { key = key, certificate = certificate }, 300)
    os.remove(key)
    os.remove(certificate)
  end)
end)
