local helper = require "spec.helper"
local lastcall = require "lastcall"
local process = require "spec.support.process"
local socket = require "socket" -- LuaSocket: clients that lastcall knows nothing of
local stranger = require "spec.support.stranger"

-- Servers that do not accept for a while: suspended, full, or out of descriptors. Clients wait in the kernel's queue.

local port_of, client, line_of = stranger.port_of, stranger.connect, stranger.line

local echo = helper.echo

describe("a suspended server", function()
  it("refuses nobody, goes on with whom it has, and serves the queue when it is resumed", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, echo)
      local before = assert(lastcall.connect(address))
      before:write("one\n")
      assert.equal("one", before:read())
      server:suspend()
      local queued = {}
      for i = 1, 40 do
        queued[i] = assert(client(address))
        queued[i]:send(("queued %d\n"):format(i))
      end
      lastcall.sleep(0.1)
      assert.equal(1, server:count())
      before:write("two\n")
      assert.equal("two", before:read())
      server:resume()
      for i, one in ipairs(queued) do
        assert.equal(("queued %d"):format(i), line_of(one))
        one:close()
      end
      before:close()
    end)
  end)

  it("stays so when serve is called afterwards", function()
    helper.task(function()
      local server = assert(lastcall.listen "127.0.0.1:0")
      local address = server:addresses()[1]
      server:suspend()
      lastcall.spawn(function() server:serve(echo) end)
      local one = assert(client(address))
      one:send("hello\n")
      lastcall.sleep(0.1)
      assert.equal(0, server:count())
      server:resume()
      assert.equal("hello", line_of(one))
      one:close()
    end)
  end)

  it("that is told to stop serves whom it kept waiting", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, echo)
      server:suspend()
      local queued = {}
      for i = 1, 20 do
        queued[i] = assert(client(address))
        queued[i]:send("hello\n")
      end
      server:shutdown()
      for _, one in ipairs(queued) do
        assert.equal("hello", line_of(one))
        one:close()
      end
      local report = server:wait()
      assert.equal(20, report.accepted_while_stopping)
      helper.assert_clean(report)
    end)
  end)
end)

describe("a server with max_connections", function()
  it("leaves the others in the queue until there is room, and serves all of them when it stops", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, echo, { max_connections = 2 })
      local all = {}
      for i = 1, 5 do
        all[i] = assert(client(address))
        all[i]:send(("%d\n"):format(i))
      end
      assert.equal("1", line_of(all[1]))
      assert.equal("2", line_of(all[2]))
      lastcall.sleep(0.1)
      assert.equal(2, server:count())
      all[1]:close()
      assert.equal("3", line_of(all[3]))
      assert.is_true(server:count() <= 2)
      server:shutdown()
      assert.equal("4", line_of(all[4]))
      assert.equal("5", line_of(all[5]))
      for i = 2, 5 do all[i]:close() end
      helper.assert_clean(server:wait())
    end)
  end)

  for _, at in ipairs { "127.0.0.1:0", helper.abstract "held back" } do
    it("says so once, with the numbers, and when nobody waits any more: " .. at, function()
      local notes = {}
      local report = helper.task(function()
        local log = helper.apart_from_shutdown(function(level, event, fields)
          notes[#notes + 1] = { level = level, event = event, fields = fields }
        end)
        local server = assert(lastcall.listen(at, { max_connections = 2, log = log }))
        lastcall.spawn(function() server:serve(helper.echo) end)
        local address, all = server:addresses()[1], {}
        for i = 1, 5 do all[i] = helper.ask(address, "x") end
        assert.equal("x", all[1]:read())
        assert.equal("x", all[2]:read())
        repeat lastcall.sleep(0.01) until notes[1]
        for i = 1, 5 do -- as one ends, the next is let in
          if i > 2 then assert.equal("x", all[i]:read()) end
          all[i]:close("background")
        end
        repeat lastcall.sleep(0.01) until notes[2]
        for _ = 1, 3 do -- at the limit, and nobody waits
          local a, b = helper.spoken(address), helper.spoken(address)
          a:close("background")
          b:close("background")
          server:wait_for("==", 0)
        end
        server:shutdown(3)
        server:wait()
      end)
      assert.equal(2, #notes)
      assert.equal("warning", notes[1].level)
      assert.equal("max_connections reached", notes[1].event)
      assert.equal(2, notes[1].fields.limit)
      assert.equal(2, notes[1].fields.connections)
      assert.is_true(notes[1].fields.queue >= 1)
      assert.equal("info", notes[2].level)
      assert.equal("max_connections: accept resumed", notes[2].event)
      assert.equal(1, report.held_back)
      assert.is_truthy(tostring(report):find("clients had to wait at a limit 1 time", 1, true), tostring(report))
    end)
  end

  it("says nothing where nobody waits, or the script has suspended it", function()
    local notes = 0
    local report = helper.task(function()
      local options = { max_connections = 1, log = function() notes = notes + 1 end }
      local server, address = helper.serve(lastcall, helper.echo, options)
      local one = helper.spoken(address)
      server:suspend()
      local two = helper.ask(address, "x")
      lastcall.sleep(0.05)
      assert.equal(0, notes)
      one:close("background")
      server:resume()
      assert.equal("x", two:read())
      two:abort()
      server:close()
    end)
    assert.equal(0, report.held_back)
  end)

  it("holds back an accept by hand as well", function()
    helper.task(function()
      local server = assert(lastcall.listen("127.0.0.1:0", { max_connections = 1 }))
      local address = server:addresses()[1]
      local one, two = assert(client(address)), assert(client(address))
      local first = assert(server:accept(1))
      assert.equal("timeout", select(2, server:accept(0.05)))
      first:close(0)
      local second = assert(server:accept(helper.seconds(1)))
      second:close(0)
      one:close()
      two:close()
    end)
  end)
end)

describe("an accept that finds no descriptor left", function()
  it("pauses, is reported, does not spin, and goes on when there is one", function()
    local output, fine = helper.run([[sh -c 'ulimit -n 24; exec lua5.4 spec/support/descriptor_eater.lua']], 30)
    assert.is_true(fine, output)
    assert.equal("emfile", output:match "accept paused (%S+)")
    assert.is_truthy(output:find("accept resumed", 1, true), output)
    -- 5 ms, doubled up to a second: eight times in the first 1.3 seconds.
    local turns = tonumber(output:match "turns (%d+)")
    assert.is_true(turns < 60, output)
    assert.is_truthy(output:find("served while paused", 1, true), output)
    assert.is_truthy(output:find("all served", 1, true), output)
  end)
end)

describe("a server without descriptors", function()
  -- Takes all that are left when it reads "fill", and holds the loop until clients wait; gives them back when it reads
  -- "free".
  local HOLDER = [[
    local lastcall = require "lastcall"
    local held = {}
    local function say(...) print(...) io.stdout:flush() end
    local function log(level, event, fields)
      if event:find "^accept" then say(level, event, fields.limit, fields.connections, fields.queue) end
    end
    local report = lastcall.run(function()
      local server = assert(lastcall.listen(arg[1], { max_connections = 1000 }))
      say("listening " .. server:addresses()[1])
      server:serve(function(conn)
        for line in conn:lines() do
          while line == "fill" do
            local file = io.open "/dev/null"
            if not file then break end
            held[#held + 1] = file
          end
          if line == "fill" then say "filled" end
          while line == "fill" and not os.remove(arg[2]) do lastcall.now() end
          if line == "free" then for _, file in ipairs(held) do file:close() end end
          conn:write(line, "\n")
        end
      end)
    end, { drain = 10, log = log })
    say(report)
  ]]

  -- Of a unix-domain socket it is known only whether anybody waits.
  for at, queue in pairs { ["127.0.0.1:0"] = 2, [helper.abstract "no descriptors"] = 1 } do
    it("says so once, with the numbers, and when there is one again: " .. at, function()
      local path, go = helper.write_file(HOLDER), helper.socket_path()
      local server = process.start(("sh -c 'ulimit -n 40; exec lua5.4 %s \"%s\" %s'"):format(path, at, go))
      local address = server:address()
      helper.task(function()
        local first, others = helper.spoken(address), {}
        helper.send(first, "fill\n")
        assert.equal("filled", server.pipe:read())
        for i = 1, 2 do others[i] = helper.ask(address, "x") end
        helper.write_file("", go)
        assert.equal("fill", first:read())
        assert.equal("warning\taccept paused\t40\t1\t" .. queue, server.pipe:read())
        helper.send(first, "free\n")
        assert.equal("free", first:read())
        for i = 1, 2 do assert.equal("x", others[i]:read()) end
        assert.equal("info\taccept resumed\tnil\tnil\tnil", server.pipe:read())
        first:close("background")
        for i = 1, 2 do others[i]:close("background") end
      end)
      local output = server:drain()
      os.remove(path)
      assert.is_truthy(output:find("clients had to wait at a limit 1 time", 1, true), output)
      assert.is_nil(output:find("paused", 1, true), output)
    end)
  end
end)

describe("a server told to stop when there is no descriptor left", function()
  it("serves those in the queue one after the other, with the one it has in reserve", function()
    local server = process.start("sh -c 'ulimit -n 40; exec lua5.4 spec/support/descriptor_holder.lua'")
    local address = server:address()
    local all = {}
    for i = 1, 5 do
      all[i] = assert(socket.connect("127.0.0.1", port_of(address)))
      all[i]:settimeout(helper.seconds(10))
      all[i]:send(i .. "\n")
    end
    server:signal "TERM"
    for i, one in ipairs(all) do
      assert.equal(tostring(i), (one:receive()))
      one:close()
    end
    local output, fine = server:finish()
    assert.is_true(fine, output)
    assert.is_truthy(output:find("paused emfile", 1, true), output)
    assert.is_truthy(output:find("5 accepted while stopping", 1, true), output)
    local here = helper.stopping.here() -- to know more takes a descriptor
    assert.is_truthy(here.method ~= "hide" or not output:find("not lossless", 1, true), output)
  end)

  it("dismisses silent clients that have all of them, so that those behind in the queue are served", function()
    for _, at in ipairs { "127.0.0.1:0", "unix:" .. helper.socket_path() } do
      local command = "sh -c 'ulimit -n 50; exec lua5.4 spec/support/line_server.lua %s %.1f,0.3'"
      local server = process.start(command:format(at, helper.seconds(15)))
      local address = server:address()
      helper.task(function()
        local silent, asks = {}, {}
        for i = 1, 70 do
          local one = assert(lastcall.connect(address))
          silent[i] = lastcall.go(function() return helper.ends(one) end)
        end
        for i = 1, 5 do asks[i] = helper.ask(address, "echo word " .. i) end
        server:signal "TERM"
        for i, one in ipairs(asks) do
          assert.equal("word " .. i, (one:read()))
          one:close()
        end
        for _, task in ipairs(silent) do assert.equal("eof", (task:wait())) end
      end)
      local output, fine = server:finish()
      assert.is_true(fine, output)
      assert.is_falsy(output:find("canceled", 1, true), output)
    end
  end)
end)
