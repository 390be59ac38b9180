-- scripts/test: fast clock
local helper = require "spec.helper"
local lastcall = require "lastcall"

local ask = helper.ask

describe("the context of a handler", function()
  it("is given to it, and is the connection's", function()
    local same, live
    helper.task(function()
      local _, address = helper.serve(lastcall, function(conn, ctx)
        same = ctx == conn:context()
        live = { ctx:done(), ctx:err(), ctx:cause(), ctx:draining(), n = 4 }
      end)
      local conn = assert(lastcall.connect(address))
      conn:read()
      conn:close()
    end)
    assert.is_true(same)
    assert.same({ false, nil, nil, false, n = 4 }, live)
  end)

  for _, at in ipairs { "127.0.0.1:0", helper.abstract "asked late" } do
    for _, start in ipairs { "accept", "data" } do
      it(("can be asked for when the connection is over: %s, start = %s"):format(at, start), function()
        helper.task(function()
          local kept
          local server, address = helper.serve(lastcall, function(conn)
            kept = conn
            conn:read()
          end, { at = at, start = start })
          helper.ask(address, "x"):close("background")
          repeat lastcall.sleep(0.01) until kept
          assert(server:wait_for("==", 0, helper.seconds(5)))
          lastcall.sleep(0)
          local ctx = kept:context()
          assert.is_true(ctx:done())
          assert.equal("canceled", ctx:err())
          assert.equal(ctx, kept:context())
        end)
      end)
    end
  end

  it("ends after the handler and its tasks have ended, not before", function()
    local during, in_task, after
    helper.task(function()
      local kept
      local server, address = helper.serve(lastcall, function(conn, ctx)
        kept = ctx
        conn:read()
        lastcall.go(function()
          lastcall.sleep(0.1)
          in_task = ctx:done()
        end)
        lastcall.sleep(0.02)
        during = ctx:done()
        conn:write("bye\n")
      end)
      local conn = ask(address, "x")
      assert.equal("bye", conn:read())
      conn:close("background")
      server:wait_for("==", 0, helper.seconds(2))
      lastcall.sleep(0.02)
      after = kept:done()
    end)
    assert.is_false(during)
    assert.is_true(after)
    assert.is_not_nil(in_task)
  end)

  it("goes on while the peer has only finished its half", function()
    local ended
    helper.task(function()
      local _, address = helper.serve(lastcall, function(conn, ctx)
        assert(conn:read "a")
        lastcall.sleep(0.1)
        ended = ctx:done()
        conn:write("all\n")
      end)
      local conn = ask(address, "x")
      conn:shutdown "write"
      assert.equal("all", conn:read())
      conn:close()
    end)
    assert.is_false(ended)
  end)

  local blocked = {
    sleep = function() return lastcall.sleep(60) end,
    write = function(conn)
      while true do
        local fine, code = conn:write(("x"):rep(65536))
        if not fine then return fine, code end
      end
    end,
    flush = function(conn)
      conn:write(("x"):rep(4 * 1024 * 1024))
      return conn:flush()
    end,
    read = function(conn) return conn:read(10) end,
    await = function(conn) return conn:await() end,
    ["context:wait"] = function(_, ctx) return ctx:wait() end,
    ["another connection"] = function()
      local other = assert(lastcall.listen "127.0.0.1:0")
      local up <close> = assert(lastcall.connect(other:addresses()[1]))
      local fine, code = up:read()
      other:close()
      return fine, code
    end,
  }

  for name, wait in pairs(blocked) do
    it("is canceled by the peer's reset, also while it is blocked in " .. name, function()
      local err, cause, woke, state
      helper.task(function()
        local server, address = helper.serve(lastcall, function(conn, ctx)
          conn:read()
          local _, code = wait(conn, ctx)
          woke, err, cause, state = code or true, ctx:err(), ctx:cause(), conn:state()
        end)
        local conn = ask(address, "x")
        lastcall.sleep(0.15)
        conn:abort()
        assert(server:wait_for("==", 0, helper.seconds(5)))
      end)
      assert.equal("canceled", err)
      assert.equal("reset", cause)
      assert.is_truthy(woke)
      assert.equal("closed", state)
    end)
  end

  it("is canceled by a write that fails", function()
    local err
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn, ctx)
        conn:set_write_timeout(0.1)
        local fine, code
        repeat fine, code = conn:write(("x"):rep(65536)) until not fine
        assert(code == "timeout", code)
        err = ctx:err()
      end)
      local conn = assert(lastcall.connect(address))
      assert(server:wait_for("==", 0, helper.seconds(10)))
      conn:abort()
    end)
    assert.equal("canceled", err)
  end)

  it("ends with close, whoever calls it", function()
    local causes = {}
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn, ctx)
        conn:read()
        lastcall.sleep(60)
        causes[#causes + 1] = ctx:cause()
      end)
      local one, two = ask(address, "x"), ask(address, "x")
      lastcall.sleep(0.05)
      for conn in server:each() do conn:close("background") end
      for _, conn in ipairs { one, two } do
        conn:read()
        conn:close()
      end
      assert(server:wait_for("==", 0, helper.seconds(2)))
    end)
    assert.same({ "closed", "closed" }, causes)
  end)

  it("is nobody else's", function()
    local ended, other
    helper.task(function()
      local contexts = {}
      local server, address = helper.serve(lastcall, function(conn, ctx)
        local name = conn:read()
        contexts[name] = ctx
        conn:read()
      end)
      local one, two = ask(address, "one"), ask(address, "two")
      lastcall.sleep(0.05)
      one:abort()
      assert(server:wait_for("==", 1, helper.seconds(2)))
      ended, other = contexts.one:done(), contexts.two:done()
      two:close()
    end)
    assert.is_true(ended)
    assert.is_false(other)
  end)

  it("is below the server's, which is below the process's", function()
    local causes = {}
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn, ctx)
        conn:read()
        lastcall.sleep(60)
        causes.handler = ctx:cause()
      end)
      server:go(function() lastcall.sleep(60) end)
      local conn = ask(address, "x")
      helper.at_work(server)
      server:shutdown(0.4)
      conn:read()
      conn:close()
      server:wait()
    end)
    assert.equal("drain timeout", causes.handler)
  end)

  it("may have narrower ones below it: a timeout, a cancel", function()
    local results = {}
    helper.task(function()
      local _, address = helper.serve(lastcall, function(conn, ctx)
        conn:read()
        local narrow <close> = lastcall.context.with_timeout(ctx, 0.05)
        results[1] = select(2, narrow:call(lastcall.sleep, 60))
        local small, cancel = lastcall.context.with_cancel(ctx)
        lastcall.go(function()
          lastcall.sleep(0.05)
          cancel "enough"
        end)
        results[2] = select(2, small:call(lastcall.sleep, 60))
        results[3] = small:cause()
        results[4] = ctx:done()
        conn:write("done\n")
      end)
      local conn = ask(address, "x")
      assert.equal("done", conn:read())
      conn:close()
    end)
    assert.same({ "timeout", "canceled", "enough", false }, results)
  end)

  it("tells softly first: a wait below until_drain wakes when the drain begins", function()
    local woke, done
    local report = helper.task(function()
      local server, address = helper.serve(lastcall, function(conn, ctx)
        conn:read()
        woke = select(2, ctx:until_drain():call(lastcall.sleep, 60))
        done = ctx:done()
        conn:write("saved\n")
      end)
      local conn = ask(address, "x")
      helper.at_work(server)
      server:shutdown()
      assert.equal("saved", conn:read())
      conn:close()
      server:wait()
    end)
    assert.equal("canceled", woke)
    assert.is_false(done)
    helper.assert_clean(report)
  end)
end)
