-- scripts/test: fast clock
local helper = require "spec.helper"

describe("pipe", function()
  -- A proxy in front of a server with `handler`: a client's connection to it; what pipe gives goes into `results`.
  local function through(lastcall, handler, results, options)
    local _, upstream = helper.serve(lastcall, handler)
    local _, address = helper.serve(lastcall, function(conn)
      local other <close> = assert(lastcall.connect(upstream))
      table.insert(results, table.pack(lastcall.pipe(conn, other, options)))
    end)
    return assert(lastcall.connect(address))
  end

  local function wait_for(lastcall, list)
    for _ = 1, 200 do
      if #list > 0 then return list[1] end
      lastcall.sleep(0.01)
    end
  end

  it("copies both ways, and passes half-closes on", function()
    helper.task(function(lastcall)
      local results = {}
      local conn = through(lastcall, function(other)
        local body = other:read("a")
        other:write(#body, "\n")
      end, results)
      local block = ("x"):rep(100000)
      for _ = 1, 10 do assert(conn:write(block)) end
      conn:shutdown("write")
      assert.equal("1000000", conn:read())
      assert.equal("eof", select(2, conn:read()))
      assert.is_true(conn:close())
      assert.same({ 1000000, 8, n = 2 }, wait_for(lastcall, results))
    end)
  end)

  it("passes a reset on as a reset", function()
    helper.task(function(lastcall)
      local results = {}
      local conn = through(lastcall, function(other)
        other:read()
        other:abort()
      end, results)
      conn:write("x\n")
      assert.equal("reset", select(2, conn:read()))
      local result = wait_for(lastcall, results)
      assert.is_nil(result[1])
      assert.equal("reset", result[2])
      assert.equal(2, result[4])
    end)
  end)

  for _, way in ipairs { "aborts", "reads nothing", "is silent", "is cut by the drain" } do
    for _, kind in ipairs { "127.0.0.1:0", "unix" } do
      it("says which side has failed, if one has, when it " .. way .. ": " .. kind, function()
        for side = 1, 2 do
          local result, ends
          helper.task(function(lastcall)
            local function place() return kind == "unix" and "unix:" .. helper.socket_path() or kind end
            local function pair(at)
              local listener = assert(lastcall.listen(at))
              local there = assert(lastcall.connect(listener:addresses()[1]))
              return assert(listener:accept(helper.seconds(5))), there
            end
            local a, client = pair(place())
            local b, server = pair(place())
            ends = { a, b }
            local task = lastcall.go(function()
              result = table.pack(lastcall.pipe(a, b, { timeout = way == "is silent" and 0.1 or nil }))
            end)
            local bad, other = table.unpack(side == 1 and { client, server } or { server, client })
            if way == "aborts" then
              other:write "unread" -- or a unix-domain socket would only have finished
              lastcall.sleep(0.05)
              bad:abort()
            elseif way == "reads nothing" then
              ends[side]:set_write_timeout(0.2)
              lastcall.go(function() other:write(("x"):rep(50 << 20)) end)
            elseif way == "is cut by the drain" then
              other:write "half a line"
              lastcall.sleep(0.01)
              lastcall.shutdown(0.2)
            end
            task:wait()
            client:abort()
            server:abort()
          end)
          local failed = (way == "aborts" or way == "reads nothing") and ends[side] or nil
          assert.is_nil(result[1])
          assert.is_true(rawequal(failed, result[6]), ("%s: %s"):format(side, result[3]))
        end
      end)
    end
  end

  it("ends after so long a silence when it is told to, and resets both sides", function()
    helper.task(function(lastcall)
      local results, upstream_saw = {}, nil
      local conn = through(lastcall, function(other)
        other:write("half an ans")
        upstream_saw = select(2, other:read())
      end, results, { timeout = 0.05 })
      local _, code, _, partial = conn:read("a")
      assert.same({ "reset", "half an ans" }, { code, partial })
      assert.equal("timeout", wait_for(lastcall, results)[2])
      while not upstream_saw do lastcall.sleep(0.01) end
      assert.equal("reset", upstream_saw)
      conn:close()
    end)
  end)

  it("that is canceled resets the side that waits for more, not the one that was told its end", function()
    helper.task(function(lastcall)
      local upstream_saw
      local _, upstream = helper.serve(lastcall, function(other)
        other:write("half an ans")
        other:read("a")
        upstream_saw = select(2, other:read()) -- after the half-close that was passed on
        lastcall.sleep(60)
      end)
      local _, address = helper.serve(lastcall, function(conn)
        local other = assert(lastcall.connect(upstream))
        lastcall.context.with_timeout(conn:context(), 0.2):call(lastcall.pipe, conn, other)
      end)
      local conn = assert(lastcall.connect(address))
      conn:shutdown("write")
      local _, code, _, partial = conn:read("a")
      assert.same({ "reset", "half an ans" }, { code, partial })
      assert.equal("eof", upstream_saw)
      conn:close()
    end, { drain = 1 })
  end)

  it("that cannot pass an end on, because the other side reads nothing, resets it", function()
    helper.task(function(lastcall)
      local _, upstream = helper.serve(lastcall, function(other) other:write(("x"):rep(3000000)) end)
      local ended
      local _, address = helper.serve(lastcall, function(conn)
        conn:setsockopt("sndbuf", 32768)
        local other <close> = assert(lastcall.connect(upstream))
        ended = table.pack(lastcall.context.with_timeout(conn:context(), 0.3):call(lastcall.pipe, conn, other))
      end)
      local conn = assert(lastcall.connect(address))
      while not ended do lastcall.sleep(0.01) end
      assert.equal("timeout", ended[2])
      assert.equal("reset", select(2, conn:read("a")))
      conn:close()
    end)
  end)

  describe("in a drain", function()
    -- Three clients of a proxy: one waits for an answer of `seconds`, one was answered before, one never spoke.
    local function drained(pipe, seconds)
      local slow, idle, silent
      local eofs = 0
      local report = helper.task(function(lastcall)
        local upstream = assert(lastcall.listen("127.0.0.1:0"))
        lastcall.spawn(upstream.serve, upstream, function(conn)
          while true do
            local line = conn:read()
            if not line then break end
            if line == "slow" then lastcall.sleep(seconds) end
            conn:write(line, "\n")
          end
          eofs = eofs + 1
        end)
        local server, address = helper.serve(lastcall, function(conn)
          local other <close> = assert(lastcall.connect(upstream:addresses()[1]))
          pipe(lastcall, conn, other)
        end, { drain = { timeout = 10, quiet = 0.1 } })
        slow, silent = assert(lastcall.connect(address)), assert(lastcall.connect(address))
        idle = helper.spoken(address)
        helper.send(slow, "slow\n")
        server:wait_for("==", 3, 2)
        lastcall.sleep(0.05)
        server:shutdown()
        assert.equal("eof", select(2, idle:read()))
        assert.equal("eof", select(2, silent:read()))
        assert.equal("slow", slow:read())
        assert.equal("eof", select(2, slow:read()))
        for _, conn in ipairs { slow, idle, silent } do assert.is_true(conn:close()) end
        local mine = server:wait()
        helper.assert_clean(mine)
        while eofs < 3 do lastcall.sleep(0.01) end
      end)
      assert.equal(0, report.reset_by_us)
    end

    it("waits for the answer that a client waits for, and closes those who were answered", function()
      drained(function(lastcall, conn, other) return lastcall.pipe(conn, other) end, 0.6)
    end)

    it("knows who asks, whichever side is named first", function()
      drained(function(lastcall, conn, other) return lastcall.pipe(other, conn) end, 0.6)
    end)
  end)

  it("is not ended by the silence of one side alone", function()
    helper.task(function(lastcall)
      local results = {}
      local conn = through(lastcall, function(other)
        for i = 1, 8 do
          other:write(i, "\n")
          other:flush()
          lastcall.sleep(0.05)
        end
      end, results, { timeout = 0.2 })
      for i = 1, 8 do assert.equal(tostring(i), conn:read()) end
      conn:close()
    end)
  end)

  it("raises for what is no connection", function()
    helper.task(function(lastcall)
      assert.error_matches(function() lastcall.pipe(1, 2) end, "argument 1 is a connection, not a number")
      assert.error_matches(function() lastcall.copy({}) end, "argument 1 is a connection, not a table")
      local here, there, server = helper.pair(lastcall)
      assert.error_matches(function() lastcall.pipe(nil, here) end, "argument 1 is a connection, not a nil")
      assert.error_matches(function() lastcall.copy(here) end, "argument 2 is a connection, not a nil")
      here:abort()
      there:abort()
      server:close()
    end)
  end)

  it("raises for one connection at both ends: it would read what it reads itself", function()
    helper.task(function(lastcall)
      local here, there, server = helper.pair(lastcall)
      assert.error_matches(function() lastcall.pipe(here, here) end, "the same connection")
      here:abort()
      there:abort()
      server:close()
    end)
  end)

  it("raises where it was called, whichever side another task reads already", function()
    helper.task(function(lastcall)
      local here, there, server = helper.pair(lastcall)
      local other, far, second = helper.pair(lastcall)
      for _, read_already in ipairs { here, other } do
        local reader = lastcall.go(function() return read_already:read_some() end)
        lastcall.sleep(0.01)
        local _, message = pcall(function() return (lastcall.pipe(here, other)) end)
        assert.matches("^spec/conn/pipe_spec%.lua:%d+: conn:read_some: another task is already reading", message)
        reader:cancel()
        reader:wait()
      end
      for _, conn in ipairs { here, there, other, far } do conn:abort() end
      server:close()
      second:close()
    end)
  end)
end)

describe("copy", function()
  -- What a client sees of a reply that a handler copies from an upstream which falls silent half-way.
  local function half_copied(prepare, options)
    local code, partial, copied
    helper.task(function(lastcall)
      local _, upstream = helper.serve(lastcall, function(other)
        other:write("half an ans")
        other:flush()
        lastcall.sleep(60)
      end)
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        local from <close> = assert(lastcall.connect(upstream))
        from:await()
        local so_many = helper.failure(prepare(lastcall, conn, from))
        helper.failure(options.code, conn:write("more"))
        copied = so_many
      end, { drain = 3 }) -- of which a tenth is left for the handler's failing write
      local conn = helper.ask(address, "go")
      partial = conn:read(#"half an ans")
      if options.shuts_down then server:shutdown() end
      local _, why, _, rest = conn:read("a")
      code, partial = why, partial .. rest
      conn:close()
    end, { drain = 0.5 })
    assert.same({ "reset", "half an ans", 11 }, { code, partial, copied })
  end

  it("that ends by a deadline leaves a connection that resets", function()
    half_copied(function(lastcall, conn, from)
      from:set_read_timeout(0.1)
      return "timeout", lastcall.copy(conn, from)
    end, { code = "timeout" })
  end)

  it("that ends by the drain's cancel does, too", function()
    half_copied(function(lastcall, conn, from)
      return "canceled", lastcall.copy(conn, from)
    end, { code = "canceled", shuts_down = true })
  end)

  it("that ends by the end of a context does, too, a number of bytes or not", function()
    half_copied(function(lastcall, conn, from)
      return "timeout", lastcall.context.with_timeout(conn:context(), 0.1):call(lastcall.copy, conn, from, 100)
    end, { code = "timeout" })
  end)

  it("of a connection to itself ends in order when the server drains", function()
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, function(conn) lastcall.copy(conn, conn) end,
        { drain = { timeout = 5, quiet = 0.05 } })
      local conn = helper.spoken(address)
      server:shutdown()
      assert.equal("eof", select(2, conn:read()))
      assert.is_true(conn:close())
      helper.assert_clean(server:wait())
    end)
  end)

  it("copies so many bytes and leaves the rest, or says how far it came", function()
    helper.task(function(lastcall)
      local _, source = helper.serve(lastcall, function(conn) conn:write("0123456789") end)
      local _, sink = helper.serve(lastcall, function(conn) conn:write(conn:read("a")) end)
      local from, to = assert(lastcall.connect(source)), assert(lastcall.connect(sink))
      assert.equal(4, lastcall.copy(to, from, 4))
      assert.equal("4", from:read(1))
      local count, code, _, copied = lastcall.copy(to, from, 100)
      assert.is_nil(count)
      assert.equal("eof", code)
      assert.equal(5, copied)
      to:shutdown("write")
      assert.equal("012356789", to:read("a"))
      from:close()
      to:close()
    end)
  end)
end)
