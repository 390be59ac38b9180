local helper = require "spec.helper"

-- Runs a server with `handler`, has `client` end what it began, and gives what the server's log was told of failed
-- connections, and the server's statistics.
local function told_of(handler, client, options)
  local told, stats = {}, nil
  options = options or {}
  options.log = helper.apart_from_shutdown(function(level, event, fields)
    told[#told + 1] = { level, event, fields }
  end)
  helper.task(function(lastcall)
    local server, address = helper.serve(lastcall, handler, options)
    client(lastcall, address, server)
    assert(server:wait_for("==", 0, helper.seconds(5)))
    lastcall.sleep(0)
    stats = server:stats()
  end, { on_error = function() end })
  return told, stats
end

describe("a connection that its peer resets", function()
  local at_rest = {
    ["before it spoke"] = { function(conn) conn:read() end, function(lastcall, address, server)
      local conn = assert(lastcall.connect(address))
      server:wait_for("==", 1, 2)
      return conn
    end },
    ["before its first byte, with start = data"] = { helper.echo, function(lastcall, address, server)
      local conn = assert(lastcall.connect(address))
      server:wait_for("==", 1, 2)
      return conn
    end, { start = "data" } },
    ["behind its own FIN"] = { helper.echo, function(_, address)
      local conn = helper.spoken(address)
      conn:shutdown("write")
      return conn
    end },
    ["after it was answered, in lines"] = { helper.echo, function(_, address) return helper.spoken(address) end },
    ["after it was answered, in a read"] = { function(conn)
      while true do
        local line = conn:read()
        if not line then return end
        conn:write(line, "\n")
      end
    end, function(_, address) return helper.spoken(address) end },
  }
  for when, case in pairs(at_rest) do
    it(when .. " is told at info, and counted", function()
      local told, stats = told_of(case[1], function(lastcall, address, server)
        case[2](lastcall, address, server):abort()
      end, case[3])
      assert.equal(1, #told)
      assert.same({ "info", "connection failed", "reset" }, { told[1][1], told[1][2], told[1][3].cause })
      assert.equal(1, stats.resets_at_rest)
    end)
  end

  local owed = {
    ["while its request is worked for"] = { function(conn)
      conn:read()
      conn:read()
    end, "a request\n" },
    ["half-way through a request"] = { helper.echo, "half a requ" },
    ["with an answer that it has not read"] = { function(conn)
      conn:read()
      conn:setsockopt("sndbuf", 200000)
      conn:write(("x"):rep(150000))
      conn:read()
    end, "a request\n" },
    ["under a guard"] = { function(conn)
      local _ <close> = conn:work()
      conn:read()
    end },
  }
  for when, case in pairs(owed) do
    it(when .. " is told as a warning, and not counted", function()
      local told, stats = told_of(case[1], function(lastcall, address, server)
        local conn = assert(lastcall.connect(address))
        conn:setsockopt("rcvbuf", 4096)
        if case[2] then helper.send(conn, case[2]) end
        server:wait_for("==", 1, 2)
        lastcall.sleep(0.05)
        conn:abort()
      end)
      assert.equal(1, #told)
      assert.same({ "warning", "connection failed" }, { told[1][1], told[1][2] })
      assert.equal(0, stats.resets_at_rest)
    end)
  end
end)

describe("equal messages", function()
  local function reset_many(lastcall, address, server, n)
    local conns = {}
    for i = 1, n do conns[i] = assert(lastcall.connect(address)) end
    server:wait_for("==", n, 2)
    for _, conn in ipairs(conns) do conn:abort() end
  end

  -- Of each level and cause: how many messages there were, and how many more they speak of.
  local function counted(told)
    local single, more = 0, 0
    for _, one in ipairs(told) do
      if one[3].more then more = more + one[3].more else single = single + 1 end
    end
    return single, more
  end

  it("are ten a second, then one that says how many more there were", function()
    local told = told_of(helper.echo, function(lastcall, address, server)
      reset_many(lastcall, address, server, 50)
      server:wait_for("==", 0, 2)
      lastcall.sleep(helper.seconds(1.1)) -- the second is over, and no message comes that would show it
    end)
    local single, more = counted(told)
    assert.equal(50, single + more)
    assert.is_true(single <= 20 and more > 0, single)
  end)

  it("left out when the run ends are told then, to the run's own log", function()
    local told = {}
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, helper.echo)
      reset_many(lastcall, address, server, 50)
      server:wait_for("==", 0, 2)
      lastcall.sleep(0)
    end, { log = helper.apart_from_shutdown(function(level, event, fields)
      told[#told + 1] = { level, event, fields }
    end) })
    local single, more = counted(told)
    assert.equal(50, single + more)
    assert.is_true(more > 0)
  end)

  it("are errors of handlers, too, where the script has no on_error", function()
    local output = helper.run_script [[
      local lastcall = require "lastcall"
      lastcall.run(function()
        for i = 1, 100 do lastcall.go(function() error("broken " .. i) end) end
        lastcall.sleep(0)
        lastcall.go(function() error "another" end)
        lastcall.sleep(0)
        lastcall.shutdown()
      end)
    ]]
    assert.equal(10, select(2, output:gsub("broken %d", "")), output)
    assert.is_truthy(output:find("error: 90 more like the last", 1, true), output)
    assert.is_truthy(output:find("another", 1, true), output)
  end)

  it("of another kind are not left out with them", function()
    local told = told_of(helper.echo, function(lastcall, address, server)
      reset_many(lastcall, address, server, 30)
      server:wait_for("==", 0, 2)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, "one\nhalf of ano")
      server:wait_for("==", 1, 2)
      assert.equal("one", conn:read())
      conn:abort()
    end)
    local warnings = 0
    for _, one in ipairs(told) do warnings = warnings + (one[1] == "warning" and 1 or 0) end
    assert.equal(1, warnings)
  end)
end)

describe("no line of ours is a peer's:", function()
  local FORGED = "x\n2026-01-01 lastcall: warning: forged\27[2J\r\0"

  local function prints(body)
    return helper.run_script(([[
      local lastcall = require "lastcall"
      local FORGED = %q
      %s
    ]]):format(FORGED, body))
  end

  local function has_one_line(output)
    assert.is_truthy(output:find("forged", 1, true), output)
    assert.is_nil(output:find("\n2026", 1, true), output)
    assert.is_nil(output:find("[\27\r\0]"), output)
  end

  it("an error that repeats what was read", function()
    has_one_line(prints [[
      lastcall.run(function()
        lastcall.go(function() error("unknown command: " .. FORGED) end)
        lastcall.sleep(0)
        lastcall.shutdown()
      end)
    ]])
  end)

  it("a failed hook in the report", function()
    has_one_line(prints [[
      print(lastcall.run(function()
        lastcall.on_shutdown("hook", function() error(FORGED) end)
        lastcall.shutdown()
      end, { on_error = function() end }))
    ]])
  end)

  it("the message of a connect to a name that a peer gave", function()
    has_one_line(prints [[
      lastcall.run(function()
        print(select(3, lastcall.connect("unix:/nowhere/" .. FORGED:sub(1, -2))))
        lastcall.shutdown()
      end)
    ]])
  end)

  it("the name of a unix-domain client, in statistics, dumps and messages", function()
    helper.task(function(lastcall)
      local path = helper.socket_path()
      local server = assert(lastcall.listen("unix:" .. path))
      local there = assert(lastcall.connect("unix:" .. path, { bind = "unix:@" .. FORGED:sub(1, -2) }))
      local here = assert(server:accept(helper.seconds(2)))
      there:abort()
      local texts = { here:stats().peer, tostring(here), lastcall.dump():gsub("\n%s", ""), (select(3, here:read())) }
      for _, text in ipairs(texts) do
        assert.is_nil(text:find("[\27\r]"), text)
        assert.is_nil(text:find("\n2026", 1, true), text)
      end
      here:abort()
      server:close()
    end)
  end)
end)

describe("the default log", function()
  -- What each message is, which has to begin with the time it was said at.
  local function said(output, began)
    local list = {}
    output = output:gsub("raised itself:\nlastcall: error", "raised itself: error") -- one message
    for line in output:gmatch "[^\n]+" do
      local at, what = line:match "^(%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d) lastcall: (%l+)"
      if at then
        local time = {}
        time.year, time.month, time.day, time.hour, time.min, time.sec = at:match "(%d+)-(%d+)-(%d+) (%d+):(%d+):(%d+)"
        time = os.time(time)
        assert.is_true(time >= began and time <= os.time(), line)
        list[#list + 1] = what
      else
        assert.is_nil(line:find "^lastcall: [iwe]", line)
      end
    end
    return list
  end

  it("begins each message with the time: of connections, of errors, of a shutdown", function()
    local began = os.time()
    local output = helper.run_script [[
      local lastcall = require "lastcall"
      lastcall.run(function()
        local server = assert(lastcall.listen "127.0.0.1:0")
        lastcall.spawn(server.serve, server, function(conn)
          if conn:read() == "bug" then error "a bug" end
          conn:read()
        end)
        local client = assert(lastcall.connect(server:addresses()[1]))
        client:write "half\n"
        client:flush()
        while server:count "active" == 0 do lastcall.sleep(0.01) end
        client:abort()
        server:wait_for("==", 0)
        client = assert(lastcall.connect(server:addresses()[1]))
        client:write "bug\n"
        client:read()
        lastcall.shutdown()
      end, { drain = 2 })
    ]]
    local list = said(output, began)
    assert.same({ "warning", "error", "info" }, table.move(list, 1, 3, 1, {}), output)
  end)

  it("does so in an embedded loop, and where on_error raises itself", function()
    local began = os.time()
    local output = helper.run_script [[
      local lastcall = require "lastcall"
      lastcall.spawn(error, "a bug")
      lastcall.step()
      lastcall.step()
      lastcall.run(function() lastcall.go(error, "a bug") end,
        { on_error = function() error "another" end, log = function() end })
    ]]
    assert.same({ "error", "error" }, said(output, began), output)
    assert.truthy(output:find("raised itself:\nlastcall: error", 1, true), output)
  end)
end)
