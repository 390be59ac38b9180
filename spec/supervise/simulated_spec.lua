local helper = require "spec.helper"

local SIMULATION = helper.program "sim-supervise"
local PLANS = os.getenv "LASTCALL_LONG" and 2000 or 100

-- Master and workers, as they are, on the simulated kernel: spec/sim/supervise.
describe("a supervisor in the simulated kernel", function()
  it("keeps what it promises, whatever is killed at whatever call", function()
    local output, fine = helper.run(("%s --n=%d"):format(SIMULATION, PLANS), 300)
    assert.is_true(fine, output)
  end)

  it("does the same again from the same seed, in another process too", function()
    for seed = 4, 7 do
      local command = ("%s --seed=%d"):format(SIMULATION, seed)
      local once, again = helper.run(command), helper.run(command)
      assert.is_truthy(once:find("over\n", 1, true), once)
      assert.equal(once, again)
    end
  end)
end)
