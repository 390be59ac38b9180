local helper = require "spec.helper"

describe("a drain that ends contexts", function()
  it("may collect others meanwhile, which nobody holds", function()
    local output, fine = helper.run_script [[
      local lastcall = require "lastcall"
      local ended = 0
      local function count() ended = ended + 1 end
      local report = lastcall.run(function(ctx)
        collectgarbage("generational")
        for _ = 1, 500 do
          local soft = ctx:until_drain()
          for _ = 1, 50 do soft:on_done(count) end -- what queues them makes garbage collections due
          lastcall.context.with_cancel(ctx)
        end
        lastcall.shutdown()
        lastcall.sleep(60)
      end, { drain = 5, log = function() end })
      io.write(ended, " ", tostring(report.ok), "\n")
    ]]
    assert.is_true(fine, output)
    assert.equal("25000 true\n", output)
  end)
end)
