-- scripts/test: early, fast clock
local helper = require "spec.helper"
local lastcall = require "lastcall"

--- Writes `text` to the server at `address`; the connection.
local function say(address, text)
  local conn = assert(lastcall.connect(address))
  helper.send(conn, text)
  return conn
end

--- Waits until so many connections are in the state; nil: in any.
local function until_count(server, state, n)
  while server:count(state) < n do lastcall.sleep(0.001) end
end

local function numbered(count)
  local parts = {}
  for i = 1, count do parts[i] = ("q%d\n"):format(i) end
  return table.concat(parts)
end

--- Answers `line` after a while: the drain's `quiet` passes while requests that have arrived wait for their turn.
local function slowly(conn, line)
  lastcall.sleep(0.03)
  return conn:write("re:", line, "\n")
end

local WAYS = {
  lines = function(conn)
    for line in conn:lines() do slowly(conn, line) end
  end,
  read = function(conn)
    for line in function() return conn:read() end do slowly(conn, line) end
  end,
  await = function(conn)
    while conn:await() do slowly(conn, conn:read()) end
  end,
  ["read_until"] = function(conn)
    for line in function() return conn:read_until("\n") end do slowly(conn, line:sub(1, -2)) end
  end,
  ["read_some, in pieces of its own"] = function(conn)
    local held = ""
    for piece in function() return conn:read_some(7) end do
      held = held .. piece
      for line in held:gmatch("([^\n]*)\n") do slowly(conn, line) end
      held = held:match("[^\n]*$")
    end
  end,
}

local function count_replies(conn)
  local text = conn:read("a") or ""
  conn:close("background")
  return select(2, text:gsub("re:", ""))
end

describe("what had arrived before the mark is handed over, however long its handlers take:", function()
  for name, handler in pairs(WAYS) do
    for _, place in ipairs { "127.0.0.1:0", "unix:" } do
      it(("requests sent at once, by %s, on %s"):format(name, place == "unix:" and "a unix socket" or "TCP"), function()
        helper.task(function()
          local at = place == "unix:" and "unix:" .. helper.socket_path() or place
          local server = assert(lastcall.listen(at, { drain = { timeout = 10, quiet = 0.1 } }))
          lastcall.spawn(function() server:serve(handler) end)
          local conn = say(server:addresses()[1], numbered(25))
          until_count(server, "active", 1)
          server:shutdown()
          assert.equal(25, count_replies(conn))
          local report = server:wait()
          helper.assert_clean(report)
        end)
      end)
    end
  end

  it("what waits in the kernel while the handler sleeps", function()
    helper.task(function()
      local served = 0
      local server, address = helper.serve(lastcall, function(conn)
        lastcall.sleep(0.4)
        for line in conn:lines() do
          served = served + 1
          conn:write("re:", line, "\n")
        end
      end, { drain = { timeout = 10, quiet = 0.1 } })
      local conn = say(address, numbered(8000))
      server:shutdown()
      assert.equal(8000, count_replies(conn))
      assert.equal(8000, served)
      helper.assert_clean(server:wait())
    end)
  end)

  it("one-way lines, to the end", function()
    helper.task(function()
      local seen = 0
      local server, address = helper.serve(lastcall, function(conn)
        for _ in conn:lines() do
          lastcall.sleep(0.02)
          seen = seen + 1
        end
      end, { drain = { timeout = 10, quiet = 0.1 } })
      local conn = say(address, numbered(30))
      conn:shutdown("write")
      server:shutdown()
      conn:read("a")
      conn:close("background")
      assert.equal(30, seen)
      helper.assert_clean(server:wait())
    end)
  end)

  it("one-way lines that are answered() as they come, too", function()
    helper.task(function()
      local seen = 0
      local server, address = helper.serve(lastcall, function(conn)
        for _ in conn:lines() do
          lastcall.sleep(0.02)
          seen = seen + 1
          conn:answered()
        end
      end, { drain = { timeout = 10, quiet = 0.1 } })
      local conn = say(address, numbered(30))
      server:shutdown()
      conn:read("a")
      conn:close("background")
      assert.equal(30, seen)
      helper.assert_clean(server:wait())
    end)
  end)
end)

describe("what begins behind the mark", function()
  --- Asks again and again, each time as soon as there is an answer, until there is none; how many there were.
  local function ask_on(address)
    local conn, answers = assert(lastcall.connect(address)), 0
    while conn:write("ping\n") and conn:read() do answers = answers + 1 end
    conn:close("background")
    return answers
  end

  for name, handler in pairs(WAYS) do
    it(("is refused: a client that never stops does not hold the drain, by %s"):format(name), function()
      helper.task(function()
        local server, address = helper.serve(lastcall, handler, { drain = { timeout = 10, quiet = 0.2 } })
        local client = lastcall.go(ask_on, address)
        until_count(server, "active", 1)
        server:shutdown()
        local report = server:wait()
        assert.is_true(client:wait(5) > 0)
        assert.is_true(report.ok)
        assert.is_true(report.elapsed < helper.seconds(3), tostring(report))
      end)
    end)
  end

  it("is refused with the code draining, and stays readable", function()
    helper.task(function()
      local code, rest
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        conn:write("one\n")
        conn:flush()
        lastcall.sleep(0.6)
        local _
        _, code, _, rest = conn:read()
        assert(conn:write("said ", code, "\n"))
      end, { drain = { timeout = 5, quiet = 0.2 } })
      local conn = say(address, "first\n")
      assert.equal("one", conn:read())
      server:shutdown()
      lastcall.sleep(0.4)
      helper.send(conn, "second\n")
      assert.equal("said draining", conn:read())
      assert.equal("eof", helper.ends(conn))
      assert.equal("draining", code)
      assert.equal("", rest)
      local report = server:wait()
      assert.equal(1, report.late)
    end)
  end)

  it("is handed over while a guard is held, in lines, await and read", function()
    for _, read in ipairs {
      function(conn) return conn:lines()() end,
      function(conn) return conn:await() and conn:read() end,
      function(conn) return conn:read() end,
    } do
      helper.task(function()
        local server, address = helper.serve(lastcall, function(conn)
          local _ <close> = conn:work()
          conn:write(conn:read(), "\n")
          conn:flush()
          conn:write(read(conn) or "nothing", "\n")
        end, { drain = { timeout = 5, quiet = 0.1 } })
        local conn = say(address, "first\n")
        assert.equal("first", conn:read())
        server:shutdown()
        lastcall.sleep(0.4)
        helper.send(conn, "second\n")
        assert.equal("second", conn:read())
        assert.equal("eof", helper.ends(conn))
        helper.assert_clean(server:wait())
      end)
    end
  end)

  it("is handed over while something consumed has not been answered, as in a message of several lines", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        local count = 0
        for line in conn:lines() do
          if line == "." then
            conn:write(count, "\n")
            count = 0
          else
            count = count + 1
          end
        end
      end, { drain = { timeout = 5, quiet = 0.1 } })
      local conn = say(address, "a\nb\n")
      until_count(server, "active", 1)
      server:shutdown()
      lastcall.sleep(0.5)
      helper.send(conn, "c\n.\n")
      assert.equal("3", conn:read())
      assert.equal("eof", helper.ends(conn))
      helper.assert_clean(server:wait())
    end)
  end)

  it("of a client whose first byte comes late is counted from that byte", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        for line in conn:lines() do
          lastcall.sleep(0.4)
          conn:write(line, "\n")
        end
      end, { drain = { timeout = 10, quiet = 0.6 } })
      local conn = assert(lastcall.connect(address))
      until_count(server, nil, 1)
      server:shutdown()
      lastcall.sleep(0.4)
      helper.send(conn, "first\n") -- the mark is 0.6 after this: 1.0 after the drain began
      lastcall.sleep(0.3)
      helper.send(conn, "second\n")
      assert.equal("first", conn:read())
      assert.equal("second", conn:read())
      assert.equal("eof", helper.ends(conn))
      helper.assert_clean(server:wait())
    end)
  end)

  it("is handed over until its turn, where a spread dismisses the connection later", function()
    helper.task(function()
      local drain = { timeout = 10, quiet = 0.1, spread = 2 }
      local server, address = helper.serve(lastcall, helper.echo, { drain = drain })
      local clients = {}
      for i = 1, 10 do clients[i] = helper.spoken(address) end
      server:shutdown()
      lastcall.sleep(0.5)
      local last = clients[10]
      helper.send(last, "again\n")
      assert.equal("again", last:read())
      for _, conn in ipairs(clients) do assert.equal("eof", helper.ends(conn)) end
      local report = server:wait()
      helper.assert_clean(report)
    end)
  end)
end)

describe("conn:answered", function()
  it("makes a one-way connection idle, so that the drain closes it at once", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        for _ in conn:lines() do conn:answered() end
      end, { drain = { timeout = 5, quiet = 3 } })
      local conn = say(address, "one\n")
      until_count(server, "idle", 1)
      server:shutdown()
      assert.equal("eof", helper.ends(conn))
      local report = server:wait()
      assert.equal(1, report.closed_idle)
      assert.is_true(report.elapsed < helper.seconds(1.5), tostring(report))
    end)
  end)

  it("lets a client that sends for ever be refused at the mark", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        for _ in conn:lines() do conn:answered() end
      end, { linger = 0.2, drain = { timeout = 10, quiet = 0.2 } })
      local sender = lastcall.go(function()
        local conn = assert(lastcall.connect(address))
        while conn:write("news\n") and conn:flush() do lastcall.sleep(0.02) end
        conn:close("background")
      end)
      until_count(server, nil, 1)
      server:shutdown()
      local report = server:wait()
      sender:wait(5)
      assert.is_true(report.elapsed < helper.seconds(3), tostring(report))
      assert.equal(0, report.canceled)
    end)
  end)

  it("is there on lastcall.socket's objects: an answered connection of a select loop is dismissed", function()
    local socket = require "lastcall.socket"
    local report = helper.task(function()
      local server = assert(socket.bind("127.0.0.1", 0))
      local host, port = server:getsockname()
      lastcall.spawn(function()
        socket.serve(server, function(client)
          while client:receive() do client:answered() end
        end)
      end)
      local client = assert(socket.connect(host, port))
      client:send("one way\n")
      lastcall.sleep(0.05)
      lastcall.shutdown()
      assert.equal("closed", select(2, client:receive()))
      client:close()
    end, { drain = { timeout = 5, quiet = 0.2 } })
    helper.assert_clean(report)
    assert.is_true(report.elapsed < helper.seconds(3), tostring(report))
  end)
end)
