-- scripts/test: busy
local helper = require "spec.helper"

-- Whether a stop there loses no client. Where no listener can be hidden, a TCP listener may lose one.
local function loses_nobody(address)
  return address:find "^unix:" or helper.stopping.here().method == "hide"
end

--- What the clients saw, and the server's report.
local function storm(address, options, tempers)
  local output, fine = helper.run(("env %s spec/support/storm.sh %s %s"):format(
    tempers and ("TEMPERS='%s'"):format(tempers) or "", address, options or ""), 60)
  assert.is_true(fine or not loses_nobody(address), output)
  assert.is_true(tonumber(output:match "storm [^\n]* connected=(%d+)") > 100, output)
  assert.is_nil(output:find "truncated=[1-9]", output)
  assert.is_truthy(output:find("shutdown ok", 1, true), output)
  if loses_nobody(address) then
    assert.is_nil(output:find "lost=[1-9]", output)
    assert.is_nil(output:find("not lossless", 1, true), output)
  else
    assert.is_truthy(output:find("not lossless", 1, true), output)
  end
end

describe("SIGTERM in the middle of a storm loses nobody", function()
  it("over IPv4", function() storm "127.0.0.1:0" end)

  it("over IPv6", function()
    local file = io.open "/proc/net/if_inet6"
    if not file then pending "this machine has no IPv6" end
    file:close()
    storm "[::1]:0"
  end)

  it("over IPv4 on a dual-stack listener", function() storm "*:0" end)

  it("over a unix socket", function() storm("unix:" .. helper.socket_path()) end)

  -- Small requests alone: the kernel itself resets a client whose handshake was dropped for lack of
  -- room, and that has sent more than a packet meanwhile.
  it("with a backlog of 8", function()
    storm("127.0.0.1:0", "backlog=8", "--storm rate=0,seconds=8,until_refused=200")
  end)

  it("with defer_accept", function() storm("127.0.0.1:0", "defer_accept=true") end)

  it("with max_connections reached", function() storm("127.0.0.1:0", "max_connections=450") end)
end)
