-- scripts/test: fast clock
-- WebSockets of a server that leaves.
local helper = require "spec.helper"
local client = require "spec.support.http.client"
local frames = require "spec.support.http.frames"
local http = require "lastcall.http"
local lastcall = require "lastcall"

local text, close = frames.text, frames.close

--- Serves WebSockets with `fn(ws, request)`, and returns what `main(address, server)` does.
local function serving(fn, main, options, server_options, run_options)
  return client.serving(function(request, response)
    local ws = http.websocket(request, response, options)
    if ws then return fn(ws, request) end
  end, main, server_options, nil, run_options)
end

--- What the report says about who was lost.
local function assert_nobody_lost(server)
  local report = server:wait()
  helper.assert_clean(report)
  assert.same({ 0, 0, 0 }, { report.late, report.canceled, report.killed }, tostring(report))
  return report
end

--- An address of each kind.
local function addresses()
  return { "127.0.0.1:0", "unix:" .. helper.socket_path() }
end

describe("a WebSocket in a drain", function()
  it("gets Close 1001, may still send, and is left when it has answered", function()
    for _, at in ipairs(addresses()) do
      local heard, codes = {}, {}
      serving(function(ws)
        for message in ws:messages() do
          heard[#heard + 1] = message
          codes[#codes + 1] = select(2, ws:send "too late") or "sent"
          codes[#codes + 1] = select(2, ws:post "too late") or "posted"
        end
        codes[#codes + 1] = ws.code
      end, function(address, server)
        local conn = frames.connect(address)
        server:shutdown(5)
        local opcode, payload = frames.read(conn)
        assert.same({ 8, 1001 }, { opcode, (frames.close_code(payload)) })
        conn:write(text "one", text "two")
        lastcall.sleep(0.05)
        conn:write(text "three", close(1001))
        assert.equal("eof", frames.rest(conn))
        conn:close()
        assert_nobody_lost(server)
      end, nil, { at = at })
      assert.same({ "one", "two", "three" }, heard)
      assert.same({ "draining", "draining", "draining", "draining", "draining", "draining", 1001 }, codes)
    end
  end)

  it("gets its answers first: to what the handler works for, and to what has arrived", function()
    local working = lastcall.channel(1)
    serving(function(ws)
      for message in ws:messages() do
        if message == "slow" then
          working:send(true)
          lastcall.sleep(0.3)
        end
        assert(ws:send("re: " .. message))
      end
    end, function(address, server)
      local conn = frames.connect(address)
      conn:write(text "slow", text "b", text "c")
      working:receive()
      server:shutdown(5)
      lastcall.sleep(0.1)
      conn:write(text "d", text("e", { more = true }), frames.frame(0, "f"))
      for _, message in ipairs { "slow", "b", "c", "d", "ef" } do
        assert.same({ 1, "re: " .. message, true }, { frames.read(conn) })
      end
      assert.equal(8, (frames.read(conn)))
      conn:write(close(1001))
      assert.equal("eof", frames.rest(conn))
      conn:close()
      assert_nobody_lost(server)
    end)
  end)

  it("may finish a message of which a part has come: half a frame, or a fragment", function()
    for _, parts in ipairs {
      { text("whole message"):sub(1, 9), text("whole message"):sub(10) },
      { text("whole ", { more = true }), frames.frame(0, "message") },
      { text("whole message"):sub(1, 1), text("whole message"):sub(2) },
    } do
      local heard
      serving(function(ws)
        for message in ws:messages() do
          heard = message
          assert(ws:send "got it")
        end
      end, function(address, server)
        local conn = frames.connect(address)
        conn:write(parts[1])
        lastcall.sleep(0.05)
        server:shutdown(5)
        conn:set_read_timeout(0.3)
        assert.same({ nil, "timeout" }, { frames.read(conn) })
        conn:set_read_timeout(10)
        conn:write(parts[2])
        assert.same({ 1, "got it", true }, { frames.read(conn) })
        assert.equal(8, (frames.read(conn)))
        conn:write(close())
        assert.equal("eof", frames.rest(conn))
        conn:close()
        assert_nobody_lost(server)
      end)
      assert.equal("whole message", heard)
    end
  end)

  it("gets no data behind Close, though other tasks push all the time", function()
    local code
    serving(function(ws)
      local pusher = lastcall.go(function()
        local _
        repeat
          lastcall.sleep(0.001)
          _, code = ws:send(("tick"):rep(20000))
        until code
      end)
      for _ in ws:messages() do end -- luacheck: ignore
      pusher:wait()
    end, function(address, server)
      local conn = frames.connect(address)
      assert.equal(1, (frames.read(conn)))
      lastcall.sleep(0.05)
      server:shutdown(5)
      local opcode, payload
      repeat opcode, payload = frames.read(conn) until opcode ~= 1
      assert.same({ 8, 1001 }, { opcode, (frames.close_code(payload)) })
      conn:write(close(1001))
      assert.equal("eof", frames.rest(conn))
      conn:close()
      assert_nobody_lost(server)
    end)
    assert.equal("draining", code)
  end)

  it("gets the code of the option", function()
    serving(function(ws) ws:read() end, function(address, server)
      local conn = frames.connect(address)
      server:shutdown(5)
      local _, payload = frames.read(conn)
      assert.equal(1012, (frames.close_code(payload)))
      conn:write(close(1012))
      assert.equal("eof", frames.rest(conn))
      conn:close()
      assert_nobody_lost(server)
    end, { drain_code = 1012 })
  end)

  it("has the linger to answer Close, from its last message on", function()
    local heard = {}
    serving(function(ws)
      for message in ws:messages() do heard[#heard + 1] = message end
    end, function(address, server)
      local conn = frames.connect(address)
      server:shutdown(10)
      assert.equal(8, (frames.read(conn)))
      local from = lastcall.now()
      for i = 1, 4 do
        lastcall.sleep(0.2)
        conn:write(text(tostring(i)))
      end
      assert.equal("eof", frames.rest(conn))
      local took = lastcall.now() - from
      assert.is_true(took > 1.1 and took < 1.3 + helper.seconds(2), took)
      conn:close()
      assert_nobody_lost(server)
    end, nil, { linger = 0.4 })
    assert.same({ "1", "2", "3", "4" }, heard)
  end)

  it("is late when it sends a message after that", function()
    serving(function(ws) ws:read() end, function(address, server)
      local conn = frames.connect(address)
      server:shutdown(10)
      assert.equal(8, (frames.read(conn)))
      assert.equal("eof", frames.rest(conn))
      conn:write(text "nobody hears")
      lastcall.sleep(0.1)
      conn:close()
      assert.equal(1, server:wait().late)
    end, nil, { linger = 0.3 })
  end)

  it("hears Close and FIN at cancel, whatever its handler does", function()
    local codes = {}
    serving(function(ws, request)
      ws:read()
      local _, code
      if request.path == "/reads" then _, code = ws:read() else _, code = lastcall.sleep(20) end
      table.insert(codes, code)
    end, function(address, server)
      local conns = {}
      for i, path in ipairs { "/reads", "/sleeps" } do
        conns[i] = frames.connect(address, path)
        conns[i]:write(text "a", text("half a message", { more = true }))
      end
      lastcall.sleep(0.05)
      server:shutdown(0.5)
      for _, conn in ipairs(conns) do
        assert.equal("close 1001, eof", frames.rest(conn))
        conn:close()
      end
      assert.equal(2, server:wait().canceled)
    end)
    assert.same({ "canceled", "canceled" }, codes)
  end)

  it("is reset only by a kill", function()
    serving(function(ws)
      ws:read()
      while true do lastcall.sleep(20) end
    end, function(address, server)
      local conn = frames.connect(address)
      conn:write(text "a")
      lastcall.sleep(0.05)
      server:shutdown(0.5)
      assert.equal("reset", frames.rest(conn))
      conn:close()
      assert.equal(1, server:wait().killed)
    end)
  end)

  it("does not begin: from stop on the handshake is answered with 503", function()
    local busy = lastcall.channel(1)
    client.serving(function(request, response)
      busy:send(true)
      lastcall.sleep(0.3)
      assert.same({ nil, "draining" }, { table.unpack({ http.websocket(request, response) }, 1, 2) })
    end, function(address, server)
      local conn = assert(lastcall.connect(address))
      conn:write(frames.handshake())
      busy:receive()
      server:shutdown(5)
      local reply = client.hear(conn)
      assert.same({ 503, "close" }, { reply.status, reply.headers["connection"] })
      conn:close()
    end)
  end)

  it("is not hurried by a handler that has broken off: Close, the client's Close, FIN", function()
    local working = lastcall.channel(1)
    serving(function(ws)
      ws:read()
      working:send(true)
      lastcall.sleep(0.2)
    end, function(address, server)
      local conn = frames.connect(address)
      conn:write(text "a")
      working:receive()
      server:shutdown(5)
      local _, payload = frames.read(conn)
      assert.equal(1001, (frames.close_code(payload)))
      conn:write(close(1001))
      assert.equal("eof", frames.rest(conn))
      conn:close()
      assert_nobody_lost(server)
    end)
  end)

  --- Many of them, each of which sends a message that crosses Close.
  it("leaves within the spread and a second, with all others", function()
    local count, spread = helper.long and 2000 or 200, helper.long and 2 or 0.5
    local heard, seen, group, served = 0, {}, lastcall.group(), nil
    serving(function(ws)
      for _ in ws:messages() do heard = heard + 1 end
    end, function(address, server)
      local ready = lastcall.channel(count)
      for i = 1, count do
        group:go(function()
          local conn = frames.connect(address)
          ready:send(true)
          local opcode, payload = frames.read(conn)
          seen[i] = opcode == 8 and frames.close_code(payload)
          conn:write(text "crossing", close(1001))
          assert.equal("eof", frames.rest(conn))
          conn:close()
        end)
        if i % 100 == 0 then lastcall.sleep(0.001) end
      end
      for _ = 1, count do ready:receive() end
      server:shutdown(15)
      served = assert_nobody_lost(server)
      assert(group:wait())
    end, nil, { drain = { spread = spread, quiet = 0.1 } }, { raise_descriptors = true })
    assert.equal(count, heard)
    for i = 1, count do assert.equal(1001, seen[i]) end
    helper.figure("%d WebSockets drained in %.2f s, spread over %.1f s", count, served.elapsed, spread)
    assert.is_true(served.elapsed > 0.5 * spread, served.elapsed)
    assert.is_true(served.elapsed < spread + helper.seconds(1), served.elapsed)
  end)
end)
