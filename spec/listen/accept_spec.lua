-- scripts/test: fast clock
local helper = require "spec.helper"
local lastcall = require "lastcall"

local echo, spoken, raises = helper.echo, helper.spoken, helper.raises

describe("server:accept", function()
  it("serves a loop written by hand, which ends with closed", function()
    helper.task(function()
      local server = assert(lastcall.listen "127.0.0.1:0")
      local address = server:addresses()[1]
      local last
      local loop = lastcall.go(function()
        while true do
          local conn, code = server:accept()
          if not conn then
            last = code
            break
          end
          lastcall.go(function()
            echo(conn)
            conn:close()
          end)
        end
      end)
      local clients = {}
      for i = 1, 5 do clients[i] = spoken(address, "word " .. i) end
      assert.equal(5, server:count())
      server:shutdown()
      for _, conn in ipairs(clients) do
        assert.equal("eof", select(2, conn:read()))
        conn:close()
      end
      local report = server:wait()
      loop:wait()
      assert.equal("closed", last)
      assert.equal(5, report.closed_idle)
      helper.assert_clean(report)
    end)
  end)

  it("waits as long as it is told, and wakes one task for one client", function()
    helper.task(function()
      local server = assert(lastcall.listen "127.0.0.1:0")
      local began = lastcall.now()
      assert.equal("timeout", select(2, server:accept(0.1)))
      assert.is_true(lastcall.now() - began >= helper.least(0.1))
      assert.equal("timeout", select(2, server:accept(0)))
      local got = 0
      local tasks = {}
      for i = 1, 3 do
        tasks[i] = lastcall.go(function()
          local conn = server:accept(0.4)
          if conn then
            got = got + 1
            conn:close(0)
          end
        end)
      end
      lastcall.sleep(0.02)
      local one = assert(lastcall.connect(server:addresses()[1]))
      for _, task in ipairs(tasks) do task:wait() end
      assert.equal(1, got)
      one:close()
    end)
  end)

  it("takes whoever is in the queue when the server stops", function()
    helper.task(function()
      local server = assert(lastcall.listen "127.0.0.1:0")
      local address = server:addresses()[1]
      local clients = {}
      for i = 1, 5 do
        clients[i] = assert(lastcall.connect(address))
        clients[i]:write("x\n")
        clients[i]:flush()
      end
      server:shutdown()
      lastcall.sleep(0.3)
      for _ = 1, 5 do
        local conn = assert(server:accept(1))
        conn:write(conn:read(), "\n")
        conn:close("background")
      end
      for _, conn in ipairs(clients) do
        assert.equal("x", conn:read())
        conn:close()
      end
      assert.equal("closed", select(2, server:accept(1)))
      helper.assert_clean(server:wait())
    end)
  end)

  local PLACES = { TCP = function() return "127.0.0.1:0" end, unix = function() return helper.abstract "queue" end }
  for place, at in pairs(PLACES) do
    it("hands out the queue in order when a silent client held it up, on " .. place, function()
      helper.task(function()
        local server = assert(lastcall.listen(at(), { drain = { timeout = helper.seconds(10), quiet = 0.2 } }))
        local address = server:addresses()[1]
        local order, told = {}, {}
        server:on_state(function(conn, from) told[conn.id] = told[conn.id] or from == nil end)
        local loop = lastcall.go(function()
          for conn in function() return (server:accept()) end do
            for line in conn:lines() do
              order[#order + 1] = line
              conn:write("you said ", line, "\n")
            end
            conn:close("background")
          end
        end)
        local silent = { assert(lastcall.connect(address)), assert(lastcall.connect(address)) }
        local asking = {}
        for i = 1, 20 do asking[i] = helper.ask(address, "word " .. i) end
        lastcall.sleep(0)
        server:shutdown()
        for i, conn in ipairs(asking) do
          assert.equal("you said word " .. i, (conn:read()))
          assert.equal("word " .. i, order[i])
          assert.equal("eof", helper.ends(conn))
        end
        for _, conn in ipairs(silent) do assert.equal("eof", helper.ends(conn)) end
        local report = server:wait()
        loop:wait()
        helper.assert_clean(report)
        for _, is_told in pairs(told) do assert.is_true(is_told) end -- of no move before the accept
      end)
    end)
  end

  it("tells of the end of a peer that had finished before it was handed out", function()
    helper.task(function()
      local server = assert(lastcall.listen "127.0.0.1:0")
      local client = helper.ask(server:addresses()[1], "word")
      assert(client:shutdown("write"))
      server:shutdown(helper.seconds(10))
      local stop_at = lastcall.now() + helper.seconds(5)
      while server:count() == 0 and lastcall.now() < stop_at do lastcall.sleep(0.01) end
      lastcall.sleep(0.05) -- its end has been seen, too
      local conn = assert(server:accept())
      local ended = lastcall.channel(1)
      conn:on_eof(function() lastcall.go(ended.send, ended, true) end)
      assert.is_true(ended:receive(helper.seconds(5)))
      assert.equal("word", (conn:read()))
      helper.send(conn, "answer\n")
      conn:close("background")
      assert.equal("answer", (client:read()))
      client:close()
      helper.assert_clean(server:wait())
    end)
  end)

  it("counts a client as lost that it never gives to a task", function()
    helper.task(function()
      local server = assert(lastcall.listen("127.0.0.1:0", { drain = { timeout = 1, quiet = 0.1 } }))
      local other = assert(lastcall.listen "127.0.0.1:0")
      local address = server:addresses()[1]
      local silent, asks = assert(lastcall.connect(address)), helper.ask(address, "word")
      server:shutdown()
      assert.equal("eof", helper.ends(silent))
      assert.equal("reset", helper.ends(asks))
      local report = server:wait()
      assert.is_false(report.lossless)
      assert.is_false(report.stop[1].lossless)
      assert.is_false(report.stop[1].unknown)
      assert.is_false(report.clean)
      assert.equal(1, report.closed_idle)
      assert.equal(1, report.reset_by_us)
      assert.equal("closed", select(2, server:accept()))
      other:close()
    end)
  end)

  it("is refused while a handler serves, and outside a task", function()
    helper.task(function()
      local server = helper.serve(lastcall, echo)
      raises("the handler given to serve", server.accept, server)
    end)
    local server = assert(lastcall.listen "127.0.0.1:0")
    raises("only a task can wait", server.accept, server)
    raises("only a task can wait", server.serve, server, echo)
    server:close()
    lastcall.run(function() end, { signals = false, log = function() end })
  end)

  it("wakes up when its task is canceled", function()
    helper.task(function()
      local server = assert(lastcall.listen "127.0.0.1:0")
      local code
      local task = lastcall.go(function() code = select(2, server:accept()) end)
      lastcall.sleep(0.02)
      task:cancel()
      task:wait()
      assert.equal("canceled", code)
      server:close()
    end)
  end)
end)

describe("the option start", function()
  it("data begins the handler with the first byte", function()
    local began = 0
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        began = began + 1
        echo(conn)
      end, { start = "data" })
      local silent, speaks = assert(lastcall.connect(address)), assert(lastcall.connect(address))
      assert(server:wait_for("==", 2, helper.seconds(2)))
      lastcall.sleep(0.05)
      assert.equal(0, began)
      assert.equal(2, server:count "new")
      speaks:write("one\n")
      assert.equal("one", speaks:read())
      assert.equal(1, began)
      silent:close()
      assert(server:wait_for("==", 1, helper.seconds(2)))
      assert.equal(1, began)
      speaks:close()
    end)
  end)

  it("data closes who never spoke after quiet, and serves whose byte is there", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, echo, { start = "data", drain = { timeout = 5, quiet = 0.3 } })
      local silent = assert(lastcall.connect(address))
      assert(server:wait_for("==", 1, helper.seconds(2)))
      server:suspend()
      local early = assert(lastcall.connect(address))
      early:write("early\n")
      early:flush()
      server:shutdown()
      assert.equal("early", early:read())
      assert.equal("eof", select(2, silent:read()))
      early:close()
      silent:close()
      local report = server:wait()
      helper.assert_clean(report)
      assert.equal(2, report.finished + report.closed_idle)
    end)
  end)

  it("data tells nobody of a client that is reset before it speaks, and stays up", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, echo, { start = "data", first_byte_timeout = 0.2 })
      local gone, slow = assert(lastcall.connect(address)), assert(lastcall.connect(address))
      gone:abort()
      assert.equal("eof", select(2, slow:read()))
      slow:close()
      assert(server:wait_for("==", 0, helper.seconds(2)))
    end)
  end)

  for _, at in ipairs { "127.0.0.1:0", helper.abstract "in sight" } do
    it("data leaves who never spoke in sight: listed, posted to, said goodbye to, told of, over " .. at, function()
      local moves, goodbyes = {}, 0
      helper.task(function()
        local server, address = helper.serve(lastcall, echo, {
          at = at, start = "data", farewell = "bye\n", drain = { timeout = 5, quiet = 0.2 },
          on_drain = function(conn) goodbyes = goodbyes + (conn:state() == "new" and 1 or 0) end,
        })
        local first, second = assert(lastcall.connect(address)), assert(lastcall.connect(address))
        assert(server:wait_for("==", 2, helper.seconds(2)))
        server:on_state(function(conn, from, to) moves[#moves + 1] = ("%d %s %s"):format(conn.id, from, to) end)
        local ids = {}
        for conn in server:each "new" do ids[#ids + 1] = conn.id end
        assert.equal(2, #ids)
        assert.equal("new", server:get(ids[2]):state())
        assert.equal(2, server:broadcast "news\n")
        assert.equal("news", first:read())
        first:write("one\n")
        assert.equal("one", first:read())
        server:shutdown()
        assert.equal("bye", first:read())
        assert.equal("news\nbye\n", second:read("a"))
        first:close()
        second:close()
        helper.assert_clean(server:wait())
        assert.equal(1, goodbyes)
        local told = table.concat(moves, "; ")
        assert.is_truthy(told:find(ids[1] .. " new active", 1, true), told)
        assert.is_truthy(told:find(ids[2] .. " closing closed", 1, true), told)
      end)
    end)
  end

  it("data dismisses who never spoke once the goodbye and its guard are over, and not before", function()
    helper.task(function()
      local guard, ended
      local server, address = helper.serve(lastcall, echo, {
        at = helper.abstract "guarded", start = "data", drain = { timeout = 20, quiet = 0.1 },
        on_drain = function(conn) guard = conn:work() end,
      })
      local silent = assert(lastcall.connect(address))
      assert(server:wait_for("==", 1, helper.seconds(2)))
      server:shutdown()
      lastcall.go(function() ended = helper.ends(silent) end)
      lastcall.sleep(0.5)
      assert.is_nil(ended)
      assert.equal(1, server:count "new")
      guard:done()
      assert(server:wait_for("==", 0, helper.seconds(5)))
      helper.assert_clean(server:wait())
      assert.equal("eof", ended)
    end)
  end)

  it("data makes an object for on_state alone, and again for the handler", function()
    local held, moves, served = setmetatable({}, { __mode = "v" }), {}, 0
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        served = served + 1
        echo(conn)
      end, { start = "data" })
      server:on_state(function(conn, _, to)
        held[#held + 1], moves[#moves + 1] = conn, to
      end)
      local client, silent = assert(lastcall.connect(address)), assert(lastcall.connect(address))
      assert(server:wait_for("==", 2, helper.seconds(2)))
      lastcall.sleep(0)
      assert.same({ "new", "new" }, moves)
      collectgarbage()
      assert.is_nil(next(held))
      client:write("one\n")
      assert.equal("one", client:read())
      assert.equal(1, served)
      assert.equal(1, server:count "new")
      client:close()
      silent:close()
      assert(server:wait_for("==", 0, helper.seconds(2)))
      lastcall.sleep(0)
      table.sort(moves)
      assert.same({ "active", "closed", "closed", "closing", "closing", "idle", "new", "new" }, moves)
    end)
  end)

  it("data leaves an object that on_state kept, or put something into, the handler's", function()
    local order, kept, same, noted = {}, {}, {}, {}
    local seen = setmetatable({}, { __mode = "v" })
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        local number = order[conn.id]
        same[number], noted[number] = conn == (kept[number] or seen[number]), conn.data.noted
        echo(conn)
      end, { start = "data" })
      server:on_state(function(conn, _, to)
        if to ~= "new" then return end
        local number = #seen + 1
        order[conn.id], seen[number] = number, conn
        if number == 2 then conn.data.noted = "in on_state" else kept[number] = conn end
      end)
      local clients = {}
      for i = 1, 3 do
        clients[i] = assert(lastcall.connect(address))
        assert(server:wait_for("==", i, helper.seconds(2)))
      end
      lastcall.sleep(0)
      kept[3].data.noted = "later"
      kept[3] = nil
      collectgarbage()
      for _, client in ipairs(clients) do
        client:write("one\n")
        assert.equal("one", client:read())
        client:close()
      end
      assert.same({ true, true, true }, same)
      assert.same({ [2] = "in on_state", [3] = "later" }, noted)
    end)
  end)

  it("data makes no object for an on_state without parameters", function()
    local count, before = 0, nil
    helper.task(function()
      local server, address = helper.serve(lastcall, echo, { start = "data" })
      server:on_state(function() count = count + 1 end)
      local client = assert(lastcall.connect(address))
      assert(server:wait_for("==", 1, helper.seconds(2)))
      lastcall.sleep(0)
      before = count
      client:write("one\n")
      assert.equal("one", client:read())
      client:close()
      assert(server:wait_for("==", 0, helper.seconds(2)))
    end)
    assert.equal(1, before)
    assert.equal(5, count)
  end)

  it("data tells the log of one that is reset before it spoke", function()
    local told = {}
    helper.task(function()
      local server, address = helper.serve(lastcall, echo, {
        start = "data",
        log = helper.apart_from_shutdown(function(_, event, fields)
          told[#told + 1] = ("%s: %s"):format(event, fields.cause)
        end),
      })
      local gone = assert(lastcall.connect(address))
      assert(server:wait_for("==", 1, helper.seconds(2)))
      gone:abort()
      assert(server:wait_for("==", 0, helper.seconds(2)))
      lastcall.sleep(0)
    end)
    assert.same({ "connection failed: reset" }, told)
  end)

  it("is accept or data", function()
    local fine, err = pcall(lastcall.listen, "127.0.0.1:0", { start = "later" })
    assert.is_false(fine)
    assert.is_truthy(err:find("option 'start' is", 1, true), err)
  end)
end)
