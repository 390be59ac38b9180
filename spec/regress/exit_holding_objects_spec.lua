local helper = require "spec.helper"

describe("a program that ends without os.exit", function()
  it("may still hold servers, connections and contexts", function()
    local output, fine = helper.run_script [[
      local lastcall = require "lastcall"
      kept = {}
      local report = lastcall.run(function(ctx)
        kept.ctx, kept.server = ctx, assert(lastcall.listen("127.0.0.1:0"))
        lastcall.spawn(function() kept.server:serve(function(conn)
          kept.accepted = conn
          conn:await()
        end) end)
        kept.conn = assert(lastcall.connect(kept.server:addresses()[1]))
        kept.server:wait_for("==", 1)
        kept.task = lastcall.go(lastcall.sleep, 0)
        kept.deadline = lastcall.context.with_timeout(ctx, 60)
        lastcall.shutdown()
      end, { drain = 1, log = function() end }) -- one is reset at the kill, which the log may tell
      kept.report = report
      kept.unused = assert(lastcall.listen("127.0.0.1:0"))
      io.write("the end\n")
    ]]
    assert.is_true(fine, output)
    assert.equal("the end\n", output)
  end)
end)
