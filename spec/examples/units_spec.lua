local helper = require "spec.helper"

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
    local stop = seconds_in("health.service", "TimeoutStopSec=(%d+)")
    assert.equal(stop, seconds_in("health.service", "LASTCALL_GRACE=(%d+)"))
    assert.equal(seconds_in("pod.yaml", "terminationGracePeriodSeconds: (%d+)"),
      seconds_in("pod.yaml", 'LASTCALL_GRACE\n%s+value: "(%d+)"'))
    assert.is_true(stop > 25)
    assert.is_true(seconds_in("pod.yaml", "terminationGracePeriodSeconds: (%d+)") > 25)
  end)

  it("name examples that are there", function()
    for path in helper.run("ls " .. UNITS):gmatch "[^\n]+" do
      for name in helper.read_file(UNITS .. path):gmatch "examples/([%w_]+%.lua)" do
        assert(io.open("examples/" .. name)):close()
      end
    end
  end)
end)
