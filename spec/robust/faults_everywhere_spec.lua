-- scripts/test: early
--- Every call of the kernel fails, at every point of several lives, in every way that is likely.
local failing = require "spec.support.failing_calls"
local helper = require "spec.helper"

describe("whatever call fails,", function()
  local lives = {
    "echo", "linger", "unix", "names", "sockets", "files", "passing", "control", "process", "adopt",
  }
  for _, name in ipairs(lives) do
    it(("the life '%s' ends, leaves nothing, and says why what went wrong did"):format(name), function()
      failing.calls(name)
    end)
  end

  it("there were such calls", function()
    helper.figure("%d lives with a failing call", failing.runs)
    assert.is_true(failing.runs > 100)
  end)
end)
