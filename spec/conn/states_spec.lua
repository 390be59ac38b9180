-- scripts/test: fast clock
local helper = require "spec.helper"

--- Serves with `handler`, lets `client(conn, lastcall, server)` play the peer, and gives the moves that the
-- server told about that connection, as "from>to cause".
local function moves(handler, client, options)
  local seen = {}
  helper.task(function(lastcall)
    local server, address = helper.serve(lastcall, handler, options)
    server:on_state(function(_, from, to, cause)
      seen[#seen + 1] = ("%s>%s %s"):format(from or "", to, cause)
    end)
    local conn = assert(lastcall.connect(address))
    client(conn, lastcall, server)
    conn:close("background")
    server:wait_for("==", 0, helper.seconds(2))
    lastcall.sleep(0.01)
  end, { on_error = function() end })
  return seen
end

local echo = helper.echo

describe("the states of a connection, as on_state tells them", function()
  it("from new to closed, closing from the peer's side", function()
    assert.same({ ">new accept", "new>active data", "active>idle waiting", "idle>active data", "active>idle waiting",
      "idle>closing handler returned", "closing>closed handler returned" },
      moves(echo, function(conn)
        for _ = 1, 2 do
          helper.send(conn, "x\n")
          assert.equal("x", conn:read())
        end
      end))
  end)

  for start, seen in pairs { accept = { "closing", "closed" }, data = { "new", "closing", "closed" } } do
    it("only into the states that were asked for, start " .. start, function()
      local told = {}
      helper.task(function(lastcall)
        local server, address = helper.serve(lastcall, echo, { start = start })
        server:on_state(function(_, _, to) told[#told + 1] = to end, table.unpack(seen))
        local conn = assert(lastcall.connect(address))
        helper.send(conn, "x\n")
        assert.equal("x", conn:read())
        conn:close("background")
        server:wait_for("==", 0, helper.seconds(2))
        lastcall.sleep(0.01)
        server:on_state(nil)
        assert.is_false((pcall(server.on_state, server, print, "opened")))
      end)
      assert.same(seen, told)
    end)
  end

  it("from new to closed, closing from our side", function()
    assert.same({ ">new accept", "new>active data", "active>idle waiting", "idle>active data",
      "active>closing handler returned", "closing>closed handler returned" },
      moves(function(conn)
        conn:write(conn:read(), "\n")
        conn:await()
        conn:read()
      end, function(conn, lastcall)
        helper.send(conn, "x\n")
        assert.equal("x", conn:read())
        lastcall.sleep(0.02)
        helper.send(conn, "last\n")
        assert.equal("", conn:read("a"))
      end))
  end)

  it("closing from our side", function()
    assert.same({ ">new accept", "new>active data", "active>closing close", "closing>closed close" },
      moves(function(conn)
        conn:read()
        conn:close()
      end, function(conn)
        helper.send(conn, "x\n")
        assert.equal("", conn:read("a"))
      end))
  end)

  it("new, closing, closed for one that never spoke", function()
    assert.same({ ">new accept", "new>closing handler returned", "closing>closed handler returned" },
      moves(echo, function(conn) conn:shutdown("write") conn:read("a") end))
  end)

  it("new, active, closed on a reset; new, closed when nothing was received", function()
    assert.same({ ">new accept", "new>active data", "active>closed reset" }, moves(function(conn)
      conn:read(4)
      conn:read(4)
    end, function(conn, lastcall)
      helper.send(conn, "abcd")
      lastcall.sleep(0.02)
      conn:abort()
      lastcall.sleep(0.02)
    end))
    assert.same({ ">new accept", "new>closed reset" }, moves(function(conn) conn:read() end, function(conn, lastcall)
      lastcall.sleep(0.02)
      conn:abort()
      lastcall.sleep(0.02)
    end))
  end)

  it("our abort goes straight to closed", function()
    assert.same({ ">new accept", "new>active data", "active>closed abort" }, moves(function(conn)
      conn:read()
      conn:abort()
    end, function(conn)
      helper.send(conn, "x\n")
      assert.equal("reset", select(2, conn:read()))
    end))
  end)

  it("a greeted one that waits is idle before its first byte", function()
    assert.same({ ">new accept", "new>idle waiting", "idle>active data", "active>idle waiting",
      "idle>closing handler returned", "closing>closed handler returned" },
      moves(function(conn)
        conn:write("hello\n")
        echo(conn)
      end, function(conn)
        assert.equal("hello", conn:read())
        helper.send(conn, "x\n")
        assert.equal("x", conn:read())
      end))
  end)

  it("new is told before the handler runs, and closed exactly once, whoever asks and however often", function()
    local order = {}
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, function(conn)
        order[#order + 1] = "handler"
        conn:read()
        conn:close("background")
        conn:close(1)
        conn:abort()
        conn:abort()
        conn:close()
      end)
      server:on_state(function(_, _, to)
        if to == "new" or to == "closed" then order[#order + 1] = to end
      end)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, "x\n")
      conn:read("a")
      conn:close("background")
      lastcall.sleep(0.02)
    end)
    assert.same({ "new", "handler", "closed" }, order)
  end)
end)

--- The state that a connection is seen in while its handler is blocked, after "go\n" has been sent.
local function state_while(handler, after, options)
  local state
  helper.task(function(lastcall)
    local server, address = helper.serve(lastcall, handler, options)
    local conn = assert(lastcall.connect(address))
    helper.send(conn, after or "go\n")
    lastcall.sleep(0.05)
    state = server:connections()[1].state
    conn:abort()
    server:wait_for("==", 0, helper.seconds(2))
  end, { on_error = function() end })
  return state
end

local function hold() require "lastcall".sleep(30) end

describe("idle", function()
  it("declared: await, and lines right after a write", function()
    assert.equal("idle", state_while(function(conn)
      conn:read()
      conn:await()
    end))
    assert.equal("idle", state_while(function(conn)
      local lines = conn:lines()
      lines()
      conn:write("done\n")
      lines()
    end))
  end)

  it("not after read(4), blocked in read(n)", function()
    assert.equal("active", state_while(function(conn)
      conn:read(2)
      conn:read(10)
    end))
  end)

  it("inferred when a read follows a write", function()
    assert.equal("idle", state_while(function(conn)
      conn:read(3)
      conn:write("reply")
      conn:read(3)
    end))
  end)

  it("not a proxy's client while the upstream works", function()
    assert.equal("active", state_while(function(conn)
      local lastcall = require "lastcall"
      local server = assert(lastcall.listen("127.0.0.1:0"))
      local upstream = assert(lastcall.connect(server:addresses()[1]))
      upstream:write(conn:read())
      upstream:read()
      upstream:abort()
      server:close()
    end))
  end)

  it("not while the handler works, sleeps, or waits for room", function()
    assert.equal("active", state_while(function(conn)
      conn:read()
      hold()
    end))
    assert.equal("active", state_while(function(conn)
      conn:read()
      conn:write(("x"):rep(10000000))
    end))
  end)

  it("not while another task of the connection is unfinished, unless it says await", function()
    local function with_task(wait)
      return function(conn)
        conn:read()
        conn:write("x")
        require "lastcall".go(hold)
        conn[wait](conn)
      end
    end
    assert.equal("active", state_while(with_task "read"))
    assert.equal("idle", state_while(with_task "await"))
  end)

  it("not while a work guard is held, in whatever way it ends", function()
    local function guarded(finish)
      return function(conn)
        conn:read()
        local guard = conn:work()
        finish(guard, conn)
        conn:write("x")
        conn:await()
        return guard
      end
    end
    assert.equal("active", state_while(guarded(function() end)))
    assert.equal("idle", state_while(guarded(function(guard)
      guard:done()
      guard:done()
    end)))
    assert.equal("active", state_while(guarded(function(_, conn) -- the end of others does not count
      conn:work():done()
      do local _ <close> = conn:work() end
    end)))
  end)

  it("not with unread bytes, in our buffer or in the kernel's", function()
    assert.equal("active", state_while(function(conn)
      conn:await()
      hold()
    end))
    assert.equal("active", state_while(function(conn)
      conn:read(1)
      conn:write("x")
      hold()
    end))
  end)

  it("in lines after something consumed, when it was answered(); not before", function()
    local function consume(answer)
      return state_while(function(conn)
        for _ in conn:lines() do
          if answer then conn:answered() end
        end
      end, "one\n")
    end
    assert.equal("active", consume(false))
    assert.equal("idle", consume(true))
  end)

  it("a sink that answers what it reads is closed by the drain, one that does not is waited for", function()
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, function(conn)
        for line in conn:lines() do
          if line == "answered" then conn:answered() end
        end
      end, { drain = { timeout = 5, quiet = 0.1 } })
      local answered, unanswered = helper.ask(address, "answered"), helper.ask(address, "not")
      server:wait_for("==", 2, 5)
      server:shutdown()
      assert.equal("eof", helper.ends(answered))
      lastcall.sleep(0.3)
      assert.equal(1, server:count "active")
      unanswered:close("background")
      local report = server:wait()
      assert.equal(1, report.closed_idle)
      assert.equal(1, report.finished)
    end)
  end)

  it("a post of somebody else's does not make half a request look answered", function()
    assert.equal("active", state_while(function(conn)
      conn:read(2)
      conn:post("news\n")
      conn:read(10)
    end))
  end)
end)

describe("a connection's context", function()
  it("is canceled at once by the peer's reset, in sleep and in a blocked write", function()
    for _, wait in ipairs { hold, function(conn) return conn:write(("x"):rep(10000000)) end } do
      local code, cause
      moves(function(conn, ctx)
        conn:read()
        local _, seen = wait(conn)
        if not seen then _, seen = require "lastcall".sleep(0) end
        code, cause = seen, ctx:cause()
      end, function(conn, lastcall)
        helper.send(conn, "go\n")
        lastcall.sleep(0.05)
        conn:abort()
        lastcall.sleep(0.05)
      end)
      assert.is_true(code == "canceled" or code == "reset", code)
      assert.equal("reset", cause)
    end
  end)

  it("ends after the handler has returned, not before", function()
    local inside, ctx
    moves(function(conn, own)
      ctx = own
      conn:read()
      require "lastcall".sleep(0.02)
      inside = own:done()
    end, function(conn)
      helper.send(conn, "x\n")
      conn:shutdown("write")
      assert.equal("", conn:read("a"))
    end)
    assert.is_false(inside)
    assert.is_true(ctx:done())
  end)
end)
