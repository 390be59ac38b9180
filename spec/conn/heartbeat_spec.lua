-- scripts/test: fast clock
local helper = require "spec.helper"

describe("a heartbeat", function()
  -- A server whose connections wait for lines, and what became of each: state changes and their causes.
  local function serve(lastcall, options)
    local moves = {}
    local server, address = helper.serve(lastcall, function(conn)
      for line in conn:lines() do
        if line ~= "pong" then conn:write("heard\n") end
      end
      moves.failure = conn:error()
    end, options)
    server:on_state(function(_, _, to, cause) moves[to] = cause end)
    return server, address, moves
  end

  it("asks after so long a silence, and is satisfied with any byte", function()
    helper.task(function(lastcall)
      local _, address, moves = serve(lastcall, {
        heartbeat = { interval = 0.05, timeout = helper.seconds(2), send = "ping\n" },
      })
      local conn = assert(lastcall.connect(address))
      for _ = 1, 4 do
        assert.equal("ping", conn:read())
        conn:write("pong\n")
        conn:flush()
      end
      assert.is_nil(moves.closed)
      conn:close()
    end)
  end)

  it("gives up a peer that does not answer, and says so everywhere", function()
    helper.task(function(lastcall)
      local server, address, moves = serve(lastcall, {
        heartbeat = { interval = 0.05, timeout = 0.1, send = "ping\n" }, log = function() end,
      })
      local conn = assert(lastcall.connect(address))
      conn:write("hello\n")
      assert.equal("heard", conn:read())
      local began = lastcall.now()
      assert.is_true(server:wait_for("==", 0, helper.seconds(5)))
      assert.is_true(lastcall.now() - began >= helper.least(0.1))
      assert.equal("heartbeat", moves.closed)
      assert.equal("peer lost", moves.failure)
      assert.equal("reset", select(2, conn:read()))
      conn:close()
    end)
  end)

  it("asks with what a function returns, and tells its errors", function()
    local errors = {}
    helper.task(function(lastcall)
      local _, address = serve(lastcall, {
        heartbeat = {
          interval = 0.02, timeout = helper.seconds(2), send = function(conn)
            conn.data.count = (conn.data.count or 0) + 1
            if conn.data.count == 2 then error("on purpose", 0) end
            return "ping " .. conn.data.count .. "\n"
          end,
        },
        on_error = function(err) errors[#errors + 1] = err end,
      })
      local conn = assert(lastcall.connect(address))
      assert.equal("ping 1", conn:read())
      conn:write("pong\n")
      conn:flush()
      lastcall.sleep(0.1)
      conn:write("pong\n")
      assert.equal("ping 3", conn:read())
      conn:close()
    end)
    assert.same({ "on purpose" }, errors)
  end)

  it("lets live a peer whose bytes nobody has read yet", function()
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, function(conn)
        lastcall.sleep(0.3)
        conn:write(conn:read(), "\n")
      end, { heartbeat = { interval = 0.02, timeout = 0.02 } })
      local conn = assert(lastcall.connect(address))
      conn:write("waiting\n")
      assert.equal("waiting", conn:read())
      conn:close()
      assert.is_true(server:wait_for("==", 0, helper.seconds(2)))
    end)
  end)

  it("never comes between two writes of one call, nor into the middle of one", function()
    helper.task(function(lastcall)
      local block = ("x"):rep(4 << 20)
      local _, address = helper.serve(lastcall, function(conn)
        conn:write(block, "\n")
        conn:read()
      end, { heartbeat = { interval = 0.01, timeout = helper.seconds(5), send = "ping\n" } })
      local conn = assert(lastcall.connect(address))
      lastcall.sleep(0.1)
      assert.equal(block, conn:read(#block))
      assert.equal("", conn:read())
      assert.equal("ping", conn:read())
      conn:close()
    end)
  end)

  it("can be set, changed and turned off on one connection, also on one of our own making", function()
    helper.task(function(lastcall)
      local _, address = serve(lastcall)
      local conn = assert(lastcall.connect(address, {
        heartbeat = { interval = 0.02, timeout = helper.seconds(2), send = "are you there\n" },
      }))
      assert.equal("heard", conn:read())
      assert.equal("heard", conn:read())
      assert.is_true(conn:heartbeat(false))
      conn:set_read_timeout(0.1)
      while conn:read() do lastcall.sleep(0) end
      assert.equal("timeout", conn:error())
      conn:set_read_timeout(nil)
      assert.is_true(conn:heartbeat { interval = 0.02, timeout = 0.02 })
      assert.equal("peer lost", select(2, conn:read()))
      assert.equal("peer lost", select(2, conn:heartbeat(false)))
      assert.error_matches(function() conn:heartbeat() end, "expected a table")
      assert.error_matches(function() conn:heartbeat { intervall = 1 } end, "interval")
      assert.error_matches(function() conn:heartbeat { send = 1 } end, "a string or a function")
    end)
  end)
end)
