local helper = require "spec.helper"

local between, failure = helper.between, helper.failure

local function unix() return "unix:" .. helper.socket_path() end

-- Waits until the kernel of a unix socket has seen the peer's last deed.
local function let_pass(lastcall) lastcall.sleep(0.02) end

describe("closing a unix connection is not called delivered when", function()
  -- What the client does after it has got a reply that it does not read whole.
  local deeds = {
    ["the client has half-closed, reads nothing and leaves"] = function(there) there:shutdown("write") end,
    ["the client has half-closed, reads a part and leaves"] = function(there, lastcall)
      there:shutdown("write")
      let_pass(lastcall)
      assert.equal(10, #there:read(10))
    end,
    ["the client has shut both halves"] = function(there) there:shutdown("both") end,
    ["the client sends more than linger_bytes and leaves"] = function(there, lastcall)
      lastcall.go(function() return there:write(("y"):rep(300000)) end)
    end,
  }

  for what, deed in pairs(deeds) do
    it(what, function()
      between(function(here, there, lastcall)
        helper.send(here, ("x"):rep(100000)) -- more than the client's library reads ahead
        local leaving = lastcall.go(function()
          deed(there, lastcall)
          let_pass(lastcall)
          return there:abort()
        end)
        assert.is_nil(failure("reset", here:close(helper.seconds(5))))
        assert.is_true(leaving:wait(5))
      end, { at = unix(), linger_bytes = 100000 })
    end)
  end

  it("its handler returns, in a drain: the report counts it", function()
    local report = helper.task(function(lastcall)
      local server = assert(lastcall.listen(unix()))
      lastcall.spawn(function()
        server:serve(function(conn, ctx)
          conn:read()
          while not ctx:draining() do lastcall.sleep(0.01) end
          conn:write(("x"):rep(1000))
        end)
      end)
      lastcall.sleep(0)
      local there = helper.ask(server:addresses()[1], "go")
      there:shutdown("write")
      assert(server:wait_for("==", 1, 2))
      server:shutdown()
      while server:count("closing") == 0 do lastcall.sleep(0.01) end
      there:abort()
    end)
    assert.equal(1, report.failed_flushes)
    assert.is_false(report.clean)
  end)

  it("it is still lingering when its server is closed", function()
    helper.task(function(lastcall)
      local here, there, server = helper.pair(lastcall, { at = unix() })
      helper.send(here, "unread")
      assert.equal("pending", here:close("background"))
      let_pass(lastcall)
      there:abort()
      server:close()
      assert(server:wait())
      failure("reset", here:close())
    end)
  end)
end)

describe("closing a unix connection is called delivered when", function()
  it("the client has read it all, half-closed or not, and left", function()
    for _, half in ipairs { true, false } do
      between(function(here, there, lastcall)
        if half then there:shutdown("write") end
        helper.send(here, ("x"):rep(50000))
        local reading = lastcall.go(function() return #there:read("a"), there:abort() end)
        assert.is_true(here:close(helper.seconds(5)))
        assert.equal(50000, (reading:wait(5)))
      end, { at = unix() })
    end
  end)
end)

describe("a unix connection", function()
  it("does not know how many bytes its peer has not read: unacked is 0, or nil", function()
    between(function(here, there, lastcall)
      helper.send(here, "four")
      assert.is_nil(here:stats().unacked)
      assert.matches("connection", lastcall.dump())
      assert.equal("four", there:read(4))
      assert.equal(0, here:stats().unacked)
      helper.send(here, "more")
      assert.is_nil(failure("timeout", here:close(0.02)))
    end, { at = unix() })
  end)

  it("that is reset over what its peer sent ends in a reset there, behind what was written", function()
    between(function(here, there)
      helper.send(here, "half an ans")
      helper.send(there, "another request")
      here:abort()
      local _, code, _, partial = there:read("a")
      assert.equal("reset", code)
      assert.equal("half an ans", partial)
    end, { at = unix() })
  end)
end)
