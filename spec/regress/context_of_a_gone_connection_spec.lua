local helper = require "spec.helper"

local function collect()
  for _ = 1, 3 do collectgarbage() end
end

local function eventually(lastcall, condition)
  local deadline = lastcall.now() + helper.seconds(5)
  while not condition() do
    assert(lastcall.now() < deadline, "waited in vain")
    lastcall.sleep(0.005)
  end
end

describe("the context of a connection that has been collected", function()
  it("can still be used, by tasks too", function()
    helper.task(function(lastcall)
      local kept
      local _, address = helper.serve(lastcall, function(conn, ctx)
        kept = ctx
        conn:read()
      end)
      local conn = assert(lastcall.connect(address))
      eventually(lastcall, function() return kept end)
      conn:close()
      eventually(lastcall, function() return kept:done() end)
      lastcall.sleep(0.02)
      collect()
      local seen = {}
      local task = kept:go(function()
        collect() -- the script has let the context go: the task alone holds it
        seen.code = select(2, lastcall.sleep(0.01))
        seen.child = lastcall.context.with_cancel():err()
      end)
      assert.equal("canceled", (kept:call(function() return select(2, lastcall.sleep(1)) end)))
      kept = nil
      task:wait()
      assert.same({ code = "canceled", child = "canceled" }, seen)
    end)
  end)

  it("has ended, and its functions were called", function()
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, function(conn) conn:read("a") end)
      local child, called
      do
        local ctx = assert(lastcall.connect(address)):context()
        ctx:on_done(function() called = true end)
        child = lastcall.context.with_cancel(ctx)
      end
      assert.is_nil(child:err())
      lastcall.sleep(0)
      collect()
      assert.is_true(child:wait(helper.seconds(5)))
      assert.equal("collected", child:cause())
      eventually(lastcall, function() return called end)
      server:close()
    end)
  end)
end)
