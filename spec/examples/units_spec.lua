local helper = require "spec.helper"
local process = require "spec.support.process"

local UNITS = "examples/units/"

local function seconds_in(path, pattern)
  return tonumber(helper.read_file(UNITS .. path):match(pattern)) or error(pattern)
end

describe("the units in examples/units/", function()
  local _, can_verify = helper.run "which systemd-analyze"

  it("are units in the eyes of systemd", function()
    if not can_verify then return pending "systemd-analyze is not here (Debian: systemd)" end
    for unit in helper.run("ls " .. UNITS):gmatch "[^\n]+%.s[eo][^\n]+" do
      local output, fine = helper.run("systemd-analyze verify --man=no " .. UNITS .. unit)
      assert.equal("", output) -- it warns of unknown keys, and succeeds
      assert.is_true(fine, unit)
    end
  end)

  it("say the time to end twice, and it is longer than the drain", function()
    for _, unit in ipairs { "health.service", "workers.service" } do
      local stop = seconds_in(unit, "TimeoutStopSec=(%d+)")
      assert.equal(stop, seconds_in(unit, "LASTCALL_GRACE=(%d+)"))
      assert.is_true(stop > 25)
    end
    assert.equal(seconds_in("pod.yaml", "terminationGracePeriodSeconds: (%d+)"),
      seconds_in("pod.yaml", 'LASTCALL_GRACE\n%s+value: "(%d+)"'))
    assert.is_true(seconds_in("pod.yaml", "terminationGracePeriodSeconds: (%d+)") > 25)
  end)

  it("call the program in a way that it understands", function()
    local unit = helper.read_file(UNITS .. "workers.service")
    local words = assert(unit:match "ExecStart=[^\n]*lastcall (serve [^\n]*)")
    words = words:gsub("/run/health/control.sock", "/nowhere/control.sock")
    local output, _, status = helper.run("lua5.4 bin/lastcall " .. words)
    assert.is_truthy(output:find("/nowhere/control.sock: listen: No such file", 1, true), output)
    assert.equal(1, status)
    words = assert(unit:match "ExecReload=[^\n]*lastcall (reload [^\n]*)")
    output, _, status = helper.run("lua5.4 bin/lastcall " .. words)
    assert.is_truthy(output:find("/run/health/control.sock", 1, true), output)
    assert.equal(1, status)
  end)

  it("are started, renewed and stopped by systemd", function()
    if not helper.long then return pending "without LASTCALL_LONG no systemd is started" end
    local output, _, status = helper.run("unshare --mount bash spec/support/units.sh " .. process.address_to_be(), 120)
    if status == 9 or output:find "^unshare:" then return pending "no systemd can run here" end
    assert.equal(0, status, output)
    assert.equal([[
start health.socket: done
start health.service: done
hello
StatusText=serving, 0 connections
stop health.service: done
Result=success
start workers.service: done
hello
reload workers.service: done
hello
stop workers.service: done
Result=success
start workers.service: done
NFileDescriptorStore=1
hello
NFileDescriptorStore=1
stop workers.service: done
NFileDescriptorStore=0
]], (output:gsub("StatusText=generation 2, %d workers, %d connections\n", "")))
  end)

  it("name examples that are there", function()
    for path in helper.run("ls " .. UNITS):gmatch "[^\n]+" do
      for name in helper.read_file(UNITS .. path):gmatch "examples/([%w_]+%.lua)" do
        assert(io.open("examples/" .. name)):close()
      end
    end
  end)
end)
