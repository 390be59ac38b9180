local helper = require "spec.helper"
local http = require "lastcall.http"

local HEAD = " HTTP/1.1\r\nHost: here\r\n"

--- Serves `fn` and runs `main(lastcall, address, server)`.
local function serving(fn, main, handler_options, options)
  helper.task(function(lastcall)
    local server, address = helper.serve(lastcall, http.handler(fn, handler_options), options)
    main(lastcall, address, server)
  end)
end

--- Everything that comes until the end, and how the connection ended.
local function hear(conn)
  local text, code, _, part = conn:read("a")
  conn:close()
  return text or part or "", code
end

describe("a server of requests under attack", function()
  for name, chunk in pairs {
    ["of one byte each"] = "1\r\nx\r\n",
    ["of one byte each, with extensions"] = "1;a=b\r\nx\r\n",
  } do
    it("lets other tasks run while it reads a body of chunks " .. name, function()
      local COUNT, turns, length = 4000, nil, nil
      serving(function(request)
        local lastcall, is_over, count = require "lastcall", false, 0
        lastcall.sleep(helper.seconds(0.1)) -- until all of the body is there: then reading it needs no wait
        lastcall.spawn(function()
          repeat
            count = count + 1
            coroutine.yield()
          until is_over
        end)
        length = #assert(request:body())
        is_over, turns = true, count
        return "read"
      end, function(lastcall, address)
        local conn = assert(lastcall.connect(address))
        conn:write("POST /", HEAD, "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n", chunk:rep(COUNT),
          "0\r\n\r\n")
        assert.is_truthy(hear(conn):find("read", 1, true))
      end)
      assert.equal(COUNT, length)
      assert.is_true(turns > 10, turns)
    end)
  end

  it("ends a head that comes byte by byte in time, and serves others meanwhile", function()
    serving(function() return "ok" end, function(lastcall, address)
      local slow = assert(lastcall.connect(address))
      local began = lastcall.now()
      lastcall.spawn(function()
        for byte in ("GET /" .. HEAD .. ("X: y\r\n"):rep(1000)):gmatch "." do
          if not (slow:write(byte) and slow:flush()) then break end
          lastcall.sleep(0.01)
        end
      end)
      for _ = 1, 20 do
        local conn = assert(lastcall.connect(address))
        conn:write("GET /" .. HEAD .. "Connection: close\r\n\r\n")
        assert.is_truthy(hear(conn):find("ok", 1, true))
      end
      assert.is_truthy(hear(slow):find("^HTTP/1.1 408 "))
      assert.is_true(lastcall.now() - began < helper.seconds(5))
    end, { head_timeout = 0.3 })
  end)

  it("ends a body that is slower than its rate, though each piece is in time", function()
    serving(function(request) return assert(request:body()) end, function(lastcall, address)
      local conn = assert(lastcall.connect(address))
      conn:write("POST /" .. HEAD .. "Content-Length: 100000\r\n\r\n")
      lastcall.spawn(function()
        while conn:write "x" and conn:flush() do lastcall.sleep(0.02) end
      end)
      assert.is_truthy(hear(conn):find("^HTTP/1.1 408 "))
    end, { body_timeout = 0.3, body_rate = 1000 }, { on_error = function() end })
  end)

  it("gives up clients that do not read their replies", function()
    local ends = {}
    serving(function() return ("x"):rep(8 << 20) end, function(lastcall, address, server)
      local conns = {}
      for i = 1, 10 do
        conns[i] = assert(lastcall.connect(address))
        conns[i]:write("GET /" .. HEAD .. "\r\n")
      end
      while server:stats().connections > 0 do lastcall.sleep(0.01) end
      for i, conn in ipairs(conns) do
        local text, code = hear(conn)
        ends[i] = code or #text
      end
    end, nil, { write_timeout = 0.3, on_error = function() end })
    for i = 1, 10 do assert.equal("reset", ends[i]) end
  end)

  it("ends the work of clients that leave, by a reset or a FIN, and has no request of theirs left", function()
    local begun, reasons = 0, {}
    serving(function(_, _, ctx)
      ctx:on_done(function(why) reasons[#reasons + 1] = tostring(why) end)
      begun = begun + 1
      require "lastcall".sleep(60)
      return "late"
    end, function(lastcall, address, server)
      local conns = {}
      for i = 1, 50 do
        conns[i] = assert(lastcall.connect(address))
        conns[i]:write("GET /" .. HEAD .. "\r\n")
      end
      while begun < 50 do lastcall.sleep(0.01) end
      for i, conn in ipairs(conns) do
        if i % 2 == 0 then conn:abort() else conn:close() end
      end
      while server:stats().connections > 0 do lastcall.sleep(0.01) end
    end, nil, { on_error = function() end })
    assert.equal(50, #reasons)
  end)

  it("holds no memory for a flood of requests whose replies nobody reads", function()
    serving(function() return ("y"):rep(1000) end, function(lastcall, address)
      local conn = assert(lastcall.connect(address))
      local flood = ("GET /" .. HEAD .. "\r\n"):rep(1000)
      local writing = lastcall.go(function()
        while conn:write(flood) do end
      end)
      local looks = 0
      while looks < 5 do -- until the server reads no more
        lastcall.sleep(0.02)
        looks = writing:status() == "waiting" and looks + 1 or 0
      end
      collectgarbage()
      assert.is_true(collectgarbage "count" < 50000)
      assert.is_truthy(writing:status() == "waiting")
      conn:abort()
      writing:wait()
    end, nil, { on_error = function() end })
  end)

  it("refuses a head that is too long, as soon as it is", function()
    serving(function() return "ok" end, function(lastcall, address)
      for text, status in pairs {
        ["GET /" .. ("a"):rep(9000)] = 414,
        ["GET /" .. HEAD .. "X: " .. ("a"):rep(33000)] = 431,
        ["GET /" .. HEAD .. ("a: b\r\n"):rep(101)] = 431,
        ["POST /" .. HEAD .. "Transfer-Encoding: chunked\r\n\r\n0\r\n" .. ("a: b\r\n"):rep(101)] = 431,
        [("G"):rep(40) .. " /" .. HEAD] = 501,
      } do
        local conn = assert(lastcall.connect(address))
        conn:write(text)
        local answer = hear(conn)
        assert.equal(tostring(status), answer:match "^HTTP/1.1 (%d+) ", text:sub(1, 60))
      end
    end, { head_timeout = 30 })
  end)
end)
