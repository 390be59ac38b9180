local helper = require "spec.helper"

-- A ladder whose deadline was no time at all took itself for one that had not begun: it never ended.

local HUGE = math.huge

local FORMS = {
  { drain = HUGE }, { drain = { timeout = HUGE, grace = HUGE, hooks = HUGE } },
  { drain = { timeout = 5, hooks = HUGE, settle = HUGE } }, { drain = 1e300 }, { drain = 1e10 },
}

describe("a drain that may take for ever", function()
  for _, form in ipairs(FORMS) do
    it("ends when everything has ended, with its hooks run", function()
      local ran = 0
      local report = helper.task(function(lastcall)
        local server, address = helper.serve(lastcall, helper.echo, { drain = form.drain })
        local client = assert(lastcall.connect(address))
        assert(client:write("a\n"))
        assert.equal("a", client:read())
        lastcall.go(function()
          client:read()
          client:close()
        end)
        lastcall.on_shutdown("after", function() ran = ran + 1 end)
        lastcall.before_shutdown("before", function() ran = ran + 1 end)
        server:shutdown(HUGE)
        lastcall.shutdown(HUGE)
      end, { drain = form.drain })
      assert.is_true(report.ok, tostring(report))
      assert.equal(2, ran)
      assert.is_true(report.elapsed < helper.seconds(5))
    end)
  end

  it("waits for a delay without end only until the deadline's share for canceling", function()
    local report = helper.task(function(lastcall)
      helper.serve(lastcall, helper.echo)
      lastcall.shutdown()
    end, { drain = { timeout = 0.5, delay = HUGE } })
    assert.is_true(report.elapsed < helper.seconds(3), tostring(report))
  end)
end)
