-- scripts/test: fast clock
local helper = require "spec.helper"
local lastcall = require "lastcall"

--- Asks again as soon as the connection's end has been seen: what a client does whose request crosses our FIN.
local function ask_too_late(conn, text)
  assert.equal("eof", select(2, conn:read()))
  helper.send(conn, text)
  conn:close("background")
end

--- What a server reports of `count` clients, each of whom says `text` when the drain has closed its connection.
local function late_report(handler, text, options, count)
  local report
  helper.task(function()
    options = options or {}
    options.drain = options.drain or { timeout = 5, quiet = 0.2 }
    local at = options.at or "127.0.0.1:0"
    options.at = nil
    local server = assert(lastcall.listen(at, options))
    lastcall.spawn(function() server:serve(handler) end)
    local clients = {}
    for i = 1, count or 1 do clients[i] = helper.spoken(server:addresses()[1]) end
    server:shutdown()
    for _, conn in ipairs(clients) do ask_too_late(conn, text) end
    report = server:wait()
  end)
  return report
end

local function by_await(conn)
  while conn:await() do conn:write(conn:read(), "\n") end
end

local function by_read(conn)
  for line in function() return conn:read() end do conn:write(line, "\n") end
end

describe("a request that crosses the FIN", function()
  for name, handler in pairs { lines = helper.echo, await = by_await, read = by_read } do
    it("is late: counted, named, and the report is not clean, by " .. name, function()
      local report = late_report(handler, "again\n")
      assert.equal(1, report.late)
      assert.is_false(report.clean)
      assert.is_true(report.ok)
      local one = report.late_peers[1]
      assert.equal("integer", math.type(one.id))
      assert.is_truthy(one.peer:find "^127%.0%.0%.1:%d+$")
      assert.equal(6, one.bytes)
      assert.is_truthy(tostring(report):find("1 late", 1, true), tostring(report))
    end)
  end

  it("is late over a unix socket too", function()
    local report = late_report(helper.echo, "again\n", { at = "unix:" .. helper.socket_path() })
    assert.equal(1, report.late)
    assert.equal(6, report.late_peers[1].bytes)
  end)

  it("is late also where the handler begins with the first byte", function()
    local report = late_report(helper.echo, "again\n", { start = "data" })
    assert.equal(1, report.late)
  end)

  it("is counted for each connection; the first hundred are listed", function()
    local report = late_report(helper.echo, "again\n", nil, 130)
    assert.equal(130, report.late)
    assert.equal(100, #report.late_peers)
    assert.is_truthy(tostring(report):find("130 late", 1, true), tostring(report))
  end)

  it("is no news with late = false: clients of that protocol say goodbye after a FIN", function()
    local report = late_report(helper.echo, "QUIT\n", { late = false })
    assert.equal(0, report.late)
    assert.same({}, report.late_peers)
    helper.assert_clean(report)
  end)

  it("is in the report of the process", function()
    local report = helper.task(function()
      local _, address = helper.serve(lastcall, helper.echo)
      local conn = helper.spoken(address)
      lastcall.spawn(function() ask_too_late(conn, "again\n") end)
    end)
    assert.equal(1, report.late)
    assert.equal(1, #report.late_peers)
    assert.is_false(report.clean)
  end)
end)

describe("late", function()
  it("are requests left unread by a handler that ends when it hears of the drain", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn, ctx)
        for line in conn:lines() do
          conn:write(line, "\n")
          conn:flush()
          while not ctx:draining() do lastcall.sleep(0.01) end
          if ctx:draining() then return end
        end
      end)
      local conn = helper.ask(address, "one\ntwo\nthree")
      assert.equal("one", conn:read())
      server:shutdown()
      assert.equal("eof", helper.ends(conn))
      local report = server:wait()
      assert.equal(1, report.late)
      assert.equal(10, report.late_peers[1].bytes)
    end)
  end)

  it("are bytes that the kernel still has when a strict close gives the connection up", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        conn:write(conn:read(), "\n")
        conn:flush()
        lastcall.sleep(0.2)
        conn:close(0.1)
      end)
      local conn = helper.ask(address, "one")
      assert.equal("one", conn:read())
      helper.send(conn, "two\n")
      server:shutdown()
      assert.equal("eof", helper.ends(conn))
      assert.equal(1, server:wait().late)
    end)
  end)

  it("is nobody whose connection closed before the shutdown, or who finished first", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        conn:write(conn:read(), "\n")
      end)
      local early = helper.spoken(address)
      ask_too_late(early, "too late, and not because of a shutdown\n")
      local finished = helper.ask(address, "one\nhalf a line")
      finished:shutdown("write")
      assert.equal("one", finished:read())
      finished:close("background")
      server:shutdown()
      local report = server:wait()
      assert.equal(0, report.late)
      helper.assert_clean(report)
    end)
  end)

  it("is nobody when the handler has shut its reading half", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        conn:write(conn:read(), "\n")
        conn:shutdown("read")
        lastcall.sleep(0.2)
      end)
      local conn = helper.ask(address, "one")
      assert.equal("one", conn:read())
      server:shutdown()
      helper.send(conn, "whatever\n")
      assert.equal("eof", helper.ends(conn))
      local report = server:wait()
      assert.equal(0, report.late, tostring(report))
    end)
  end)
end)
