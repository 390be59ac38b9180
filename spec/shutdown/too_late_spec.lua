local helper = require "spec.helper"
local lastcall = require "lastcall"

-- What is begun when the shutdown has begun already.

local echo = helper.echo

describe("listening while the process", function()
  it("drains is refused with draining, and holds nobody up", function()
    local code, message
    local report = helper.task(function()
      local _, address = helper.serve(lastcall, function(conn, ctx)
        conn:read()
        lastcall.shutdown()
        while not ctx:draining() do lastcall.sleep(0.01) end
        code, message = select(2, lastcall.listen("127.0.0.1:0"))
        conn:write("done\n")
      end)
      local conn = helper.ask(address, "x")
      assert.equal("done", conn:read())
      conn:close()
    end, { drain = helper.seconds(10) })
    assert.equal("draining", code)
    assert.is_truthy(message:find("^127%.0%.0%.1:0: listen: "), message)
    assert.equal(1, #report.stop)
    assert.is_true(report.elapsed < helper.seconds(5), tostring(report))
  end)

  it("is at step unready is fine: that server stops with the others", function()
    local report = helper.task(function()
      lastcall.before_shutdown("opens another", function()
        local server = assert(lastcall.listen("127.0.0.1:0"))
        assert.is_false(server:ready())
        lastcall.spawn(function() server:serve(echo) end)
      end)
    end, { drain = helper.seconds(10) })
    assert.equal(1, #report.stop)
    helper.assert_clean(report)
    assert.is_true(report.elapsed < helper.seconds(5), tostring(report))
  end)

  it("runs its last functions is refused, with a socket of LuaSocket's kind in LuaSocket's words", function()
    local socket = require "lastcall.socket"
    local code, word
    helper.task(function()
      lastcall.on_shutdown("listens", function()
        code = select(2, lastcall.listen("127.0.0.1:0"))
        word = select(2, socket.bind("127.0.0.1", 0))
      end)
    end)
    assert.equal("draining", code)
    assert.equal("closed", word)
  end)
end)

describe("a server that has just been told to shut down", function()
  it("is not ready, takes no handler, and no further address", function()
    helper.task(function()
      for _, how in ipairs { "shutdown", "close" } do
        local server = assert(lastcall.listen("127.0.0.1:0"))
        assert.is_true(server:ready())
        server[how](server)
        assert.is_false(server:ready())
        local fine, message = pcall(function() server:serve(echo) end)
        assert.is_false(fine)
        assert.is_truthy(message:find("too_late_spec.lua:%d+: server:serve: .*has been shut down"), message)
        assert.equal("closed", select(2, server:listen("127.0.0.1:0")))
        server:wait()
      end
    end)
  end)

  it("by the process is not ready either", function()
    helper.task(function()
      local server = helper.serve(lastcall, echo)
      assert.is_true(lastcall.ready())
      lastcall.shutdown()
      assert.is_false(lastcall.ready())
      assert.is_false(server:ready())
    end)
  end)
end)
