-- scripts/test: fast clock
local client = require "spec.support.http.client"
local frames = require "spec.support.http.frames"
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

local text, close = frames.text, frames.close

--- Serves WebSockets with `fn(ws, request)`; calls `main` with the address, the server, and a list of the log's lines.
local function serving(fn, main, options, server_options)
  local log = {}
  server_options = server_options or {}
  server_options.log = function(level, event, fields) log[#log + 1] = { level, event, fields } end
  return client.serving(function(request, response)
    local ws = http.websocket(request, response, options)
    if ws then return fn(ws, request) end
  end, function(address, server) main(address, server, log) end, server_options)
end

local function echo(ws)
  for message in ws:messages() do ws:send(message) end
end

--- Sends bytes, and gives the next frame.
local function ask(conn, bytes)
  assert(conn:write(bytes))
  return frames.read(conn)
end

describe("http.websocket", function()
  it("says which argument is wrong, at the script's line", function()
    local errors, line = {}, nil
    client.serving(function(request, response)
      local ws = http.websocket(request, response)
      if not ws then return end
      line = debug.getinfo(1, "l").currentline
      errors = {
        { "first argument is the request of a handler, not a websocket", pcall(function() http.websocket(ws, ws) end) },
        { "first argument is the request of a handler, not a websocket",
          pcall(function() http.websocket(ws, response) end) },
        { "first argument is the request of a handler, not a response",
          pcall(function() http.websocket(response, request) end) },
        { "second argument is the response of a handler, not a request",
          pcall(function() http.websocket(request, request) end) },
        { "second argument is the response of a handler, not a nil", pcall(function() http.websocket(request) end) },
        { "first argument is the request of a handler, not a connection",
          pcall(function() http.websocket(request.conn, response) end) },
        { "first argument is the request of a handler, not a string", pcall(function() http.files "."("/a") end) },
        { "second argument is the response of a handler, not a nil", pcall(function() http.status()(request) end) },
      }
    end, function(address)
      local conn = frames.connect(address)
      assert.equal("close 1000, eof", frames.rest(conn))
      conn:close()
    end)
    assert.equal(8, #errors)
    for _, one in ipairs(errors) do
      assert.is_false(one[2])
      assert.is_truthy(one[3]:find(one[1], 1, true), one[3])
      local found = tonumber(one[3]:match "websocket_spec%.lua:(%d+): http%.%l+: the ")
      assert.is_true(found > line and found < line + 18, one[3])
    end
  end)

  it("answers what is no handshake by itself, and the handler goes on with nothing to do", function()
    local codes = {}
    client.serving(function(request, response)
      local ws, code, message = http.websocket(request, response)
      codes[#codes + 1] = { ws == nil, code, message }
    end, function(address)
      local function status(head)
        local conn = assert(lastcall.connect(address))
        conn:write(head)
        local reply = client.hear(conn)
        conn:close()
        return reply.status, reply.headers
      end
      local good = frames.handshake()
      assert.equal(426, (status "GET / HTTP/1.1\r\nHost: here\r\n\r\n"))
      assert.equal(426, (status(good:gsub("websocket", "h2c"))))
      local code, headers = status(good:gsub("Version: 13", "Version: 8"))
      assert.equal(426, code)
      assert.equal("13", headers["sec-websocket-version"])
      assert.equal("websocket", headers["upgrade"])
      assert.equal(400, (status(good:gsub("Connection: [^\r]*\r\n", ""))))
      assert.equal(400, (status(good:gsub("HTTP/1.1", "HTTP/1.0"))))
      assert.equal(400, (status(good:gsub("Key: %w+", "Key: short"))))
      assert.equal(400, (status(good:gsub("Sec%-WebSocket%-Key: [^\r]*\r\n", ""))))
      assert.equal(405, (status(good:gsub("GET", "PUT"))))
      assert.equal(8, #codes)
      for _, one in ipairs(codes) do assert.same({ true, "invalid" }, { one[1], one[2] }) end
    end)
  end)

  it("chooses the first of its subprotocols that the client offers", function()
    local seen = {}
    serving(function(ws) seen[#seen + 1] = ws.protocol or "none" end, function(address)
      for _, offer in ipairs { "chat, chat.v2", "v0,chat", "v0" } do
        local conn, reply = frames.connect(address, "/", ("Sec-WebSocket-Protocol: %s\r\n"):format(offer))
        seen[#seen + 1] = reply.headers["sec-websocket-protocol"] or "-"
        frames.rest(conn)
        conn:close()
      end
      table.sort(seen)
      assert.same({ "-", "chat", "chat", "chat.v2", "chat.v2", "none" }, seen)
    end, { protocols = { "chat.v2", "chat" } })
  end)

  it("refuses other origins: by a list, or by a function", function()
    local function status(address, fields)
      local conn = assert(lastcall.connect(address))
      conn:write(frames.handshake("/", fields))
      local reply = client.hear(conn, true)
      conn:abort()
      return reply.status
    end
    for _, origins in ipairs {
      { "https://Here.example" }, function(origin) return origin == "https://here.example" end,
    } do
      serving(echo, function(address)
        assert.equal(101, status(address, "Origin: https://here.example\r\n"))
        assert.equal(403, status(address, "Origin: https://evil.example\r\n"))
        assert.equal(403, status(address))
      end, { origins = origins })
    end
  end)

  it("takes frames that came together with the handshake", function()
    serving(echo, function(address)
      local conn = frames.connect(address, nil, nil, text "early" .. text "birds" .. close(1000))
      assert.equal("text early, text birds, close 1000, eof", frames.rest(conn))
      conn:close()
    end)
  end)

  it("sends text and bytes of any length", function()
    serving(function(ws)
      for message, kind in ws:messages() do
        if kind == "binary" then ws:send_binary(message) else ws:send(message) end
      end
    end, function(address)
      local conn = frames.connect(address)
      for _, length in ipairs { 0, 1, 125, 126, 65535, 65536, 300000 } do
        local sent = ("\0z"):rep(length // 2 + 1):sub(1, length)
        assert.same({ 2, sent, true }, { ask(conn, frames.frame(2, sent)) })
      end
      assert.same({ 1, "naïve", true }, { ask(conn, text "naïve") })
      conn:abort()
    end)
  end)

  it("puts large messages together, of any fragments and pieces", function()
    local size = helper.long and 16 << 20 or 1 << 20
    serving(function(ws)
      for message, kind in ws:messages() do
        if kind == "binary" then ws:send_binary(message) else ws:send(message) end
      end
    end, function(address)
      local conn = frames.connect(address)
      for _, fragment in ipairs { 64, 1300, 65536, size } do
        local length = fragment == 64 and size // 16 or size
        local one = ("\xC3\xA4z"):rep(fragment // 3 + 1):sub(1, fragment)
        local whole, kind = one:rep(length // fragment), fragment == size and 1 or 2
        if kind == 1 then whole = ("\xC3\xA4"):rep(size // 2) end
        local parts = {}
        for i = 1, #whole, fragment do
          local is_last = i + fragment > #whole
          parts[#parts + 1] = frames.unmasked(i == 1 and kind or 0, whole:sub(i, i + fragment - 1), not is_last)
        end
        lastcall.go(function() conn:write(table.concat(parts)) end)
        local opcode, payload = frames.read(conn)
        assert.equal(kind, opcode)
        assert.is_true(payload == whole, fragment)
      end
      conn:abort()
    end, nil, { write_timeout = 60 })
  end)

  it("says Close 1000 when the handler returns, and 1011 when it fails", function()
    local errors = {}
    serving(function(ws, request)
      ws:read()
      if request.path == "/fails" then error "on purpose" end
    end, function(address)
      for path, code in pairs { ["/returns"] = 1000, ["/fails"] = 1011 } do
        local conn = frames.connect(address, path)
        conn:write(text "go")
        local opcode, payload = frames.read(conn)
        assert.same({ 8, code }, { opcode, (frames.close_code(payload)) })
        conn:write(close(code))
        assert.equal("eof", frames.rest(conn))
        assert.is_true(conn:close())
      end
      assert.equal(1, #errors)
    end, nil, { on_error = function(err) errors[#errors + 1] = err end })
  end)

  it("waits for the client's Close before the FIN, and drops what still comes", function()
    serving(function(ws) ws:read() end, function(address)
      local conn = frames.connect(address)
      assert.equal(8, (ask(conn, text "go")))
      conn:write(text "ignored", frames.frame(9, "no pong"), text "ignored too")
      conn:set_read_timeout(0.3)
      assert.same({ nil, "timeout" }, { frames.read(conn) })
      conn:set_read_timeout(10)
      conn:write(close(1000))
      assert.equal("eof", frames.rest(conn))
      conn:close()
    end)
  end)

  it("gives a client that answers no Close as long as the linger", function()
    serving(function(ws) ws:read() end, function(address)
      local conn = frames.connect(address)
      local from = lastcall.now()
      assert.equal(8, (ask(conn, text "go")))
      assert.equal("eof", frames.rest(conn))
      assert.is_true(lastcall.now() - from > 0.9)
      conn:close()
    end, nil, { linger = 1 })
  end)

  it("answers pings and hears what is illegal while the handler works", function()
    local done = lastcall.channel(1)
    serving(function(ws)
      ws:read()
      done:send { lastcall.sleep(15) }
    end, function(address, _, log)
      local conn = frames.connect(address)
      conn:write(text "work", frames.frame(9, "there?"))
      assert.same({ 10, "there?", true }, { frames.read(conn) })
      assert.equal("close 1002, eof", (conn:write(frames.frame(3, "")) and frames.rest(conn)))
      conn:close()
      assert.same({ nil, "canceled" }, { table.unpack(done:receive(), 1, 2) })
      local line = log[1]
      assert.same({ "info", "websocket refused" }, { line[1], line[2] })
      assert.same({ 1002, "the opcode is reserved", "WebSocket GET /chat" },
        { line[3].code, line[3].cause, line[3].request })
      assert.is_truthy(line[3].peer:find "^127.0.0.1:")
    end)
  end)

  it("puts the next message together while the handler works for one that came in parts", function()
    local heard = {}
    serving(function(ws)
      for message in ws:messages() do
        heard[#heard + 1] = message
        lastcall.sleep(0.2)
      end
    end, function(address)
      local conn = frames.connect(address)
      for _, message in ipairs { "one", "two", "six" } do
        conn:write(text(message:sub(1, 1), { more = true }))
        lastcall.sleep(0.02)
        conn:write(frames.frame(0, message:sub(2)))
        lastcall.sleep(0.02)
      end
      conn:write(text(("x"):rep(100000)), close(1000))
      assert.equal("close 1000, eof", frames.rest(conn))
      conn:close()
    end)
    assert.same({ "one", "two", "six", ("x"):rep(100000) }, heard)
  end)

  it("lets the handler answer the message it works for, though Close has come", function()
    serving(function(ws)
      local message = ws:read()
      lastcall.sleep(0.2)
      assert(ws:send("answer to " .. message))
      local _, code = ws:read()
      assert.equal("eof", code)
      assert.same({ nil, "eof" }, { table.unpack({ ws:send "more" }, 1, 2) })
      assert.same({ 1001, "bye" }, { ws.code, ws.reason })
    end, function(address)
      local conn = frames.connect(address)
      conn:write(text "question", close(1001, "bye"))
      assert.equal("text answer to question, close 1001, eof", frames.rest(conn))
      conn:close()
    end)
  end)

  it("ends a handler that never reads by what send returns", function()
    local _, code
    serving(function(ws)
      repeat
        lastcall.sleep(0.05)
        _, code = ws:send "tick"
      until code
    end, function(address)
      local conn = frames.connect(address)
      assert.equal(1, (frames.read(conn)))
      conn:write(close())
      assert.is_truthy(frames.rest(conn):find "close, eof$")
      conn:close()
    end)
    assert.equal("eof", code)
  end)

  it("tells a message that is cut by the end, and a peer that left without Close", function()
    for bytes, words in pairs {
      [text "whole" .. text("not whole", { more = true })] = "in the middle of a message",
      [text "whole" .. text("not whole"):sub(1, 9)] = "in the middle of a message",
      [text "whole" .. text("not whole"):sub(1, 1)] = "in the middle of a message",
      [text "whole"] = "without a Close frame",
    } do
      local results
      serving(function(ws)
        assert.equal("whole", (ws:read()))
        results = { ws:read() }
        results[4] = ws.code
      end, function(address)
        local conn = frames.connect(address)
        conn:write(bytes)
        conn:shutdown "write"
        assert.equal("eof", frames.rest(conn))
        conn:close()
      end)
      assert.same({ nil, "eof", 1006 }, { results[1], results[2], results[4] })
      assert.is_truthy(results[3]:find(words, 1, true), results[3])
    end
  end)

  it("returns what was illegal, once", function()
    local results
    serving(function(ws) results = { ws:read() } end, function(address)
      local conn = frames.connect(address)
      conn:write(text "\xFF")
      assert.equal("close 1007, eof", frames.rest(conn))
      conn:close()
    end)
    assert.same({ nil, "invalid" }, { results[1], results[2] })
    assert.is_truthy(results[3]:find "^127.0.0.1:%d+: ws:read: a text is not UTF%-8$")
  end)

  it("ends what comes too slowly with 1008: a message, its head, a ping, Close", function()
    serving(echo, function(address)
      for _, bytes in ipairs { text(("a"):rep(50)):sub(1, 20), text(""):sub(1, 1), frames.frame(9, "x"):sub(1, 6),
        close(1000):sub(1, 7), text("a", { more = true }) .. frames.frame(0, ""):sub(1, 3) } do
        local conn = frames.connect(address)
        conn:write(bytes)
        assert.equal("close 1008, eof", frames.rest(conn))
        conn:close()
      end
    end, { message_timeout = 0.1 })
  end)

  it("refuses to read or write the bytes themselves", function()
    local errors = {}
    serving(function(ws, request)
      local conn = request.conn
      for _, method in ipairs { "read", "read_some", "await", "write", "post" } do
        errors[#errors + 1] = select(2, pcall(conn[method], conn))
      end
      ws:read()
    end, function(address)
      local conn = frames.connect(address)
      assert.equal(8, (ask(conn, close(1000))))
      conn:close()
    end)
    assert.equal(5, #errors)
    for _, err in ipairs(errors) do assert.is_truthy(err:find "speaks WebSocket", err) end
  end)

  it("raises for misuse", function()
    local errors = {}
    serving(function(ws)
      local function raises(fn, ...) errors[#errors + 1] = select(2, pcall(fn, ...)) end
      raises(ws.send, ws, {})
      raises(ws.post, ws, "x", "octets")
      raises(ws.close, ws, 1005)
      raises(ws.close, ws, 1000, "\xFF")
      raises(ws.close, ws, 1000, ("r"):rep(124))
      raises(ws.ping, ws, ("p"):rep(126))
      raises(ws.read, "ws")
      raises(http.broadcast, { "ws" }, "text")
      raises(http.broadcast, nil, "text")
      raises(ws.close, ws, (1 << 32) + 1000)
    end, function(address)
      local conn = frames.connect(address)
      assert.equal(8, (frames.read(conn)))
      conn:abort()
    end)
    local words = {
      "bad argument #1 to 'ws:send'", "bad argument #2 to 'ws:post'.*octets",
      "bad argument #1 to 'ws:close'.*4999",
      "bad argument #2 to 'ws:close'.*UTF%-8", "bad argument #2 to 'ws:close'.*123",
      "bad argument #1 to 'ws:ping'.*125",
      "expected a websocket as self", "http.broadcast: .* string in it",
      "bad argument #1 to 'http.broadcast'", "bad argument #1 to 'ws:close'.*4999",
    }
    for i, pattern in ipairs(words) do assert.is_truthy(errors[i]:find(pattern), errors[i]) end
  end)
end)

describe("ws:close", function()
  it("says its code and reason, waits for the client's Close, and is true", function()
    local results = {}
    serving(function(ws)
      results = { ws:close(4001, "enough") }
      results[#results + 1] = select(2, ws:send "more")
      results[#results + 1] = select(2, ws:read())
    end, function(address)
      local conn = frames.connect(address)
      local opcode, payload = frames.read(conn)
      assert.same({ 8, 4001, "enough" }, { opcode, frames.close_code(payload) })
      conn:write(text "crossing", close(4001))
      assert.equal("eof", frames.rest(conn))
      conn:close()
    end)
    assert.same({ true, "closed", "closed" }, results)
  end)

  it("by another task ends the wait of the one that reads", function()
    local code
    serving(function(ws)
      lastcall.go(function() ws:close() end)
      code = select(2, ws:read())
    end, function(address)
      local conn = frames.connect(address)
      assert.equal(8, (frames.read(conn)))
      conn:write(close(1000))
      assert.equal("eof", frames.rest(conn))
      conn:close()
    end)
    assert.equal("closed", code)
  end)
end)

describe("a heartbeat of WebSocket", function()
  local BEAT = { heartbeat = { interval = 0.1, timeout = 0.2 } }

  it("is a ping, and any answer keeps the connection", function()
    serving(echo, function(address)
      local conn = frames.connect(address)
      for _ = 1, 5 do
        assert.equal(9, (frames.read(conn)))
        conn:write(frames.frame(10, ""))
      end
      assert.equal("text still here", ("text " .. select(2, ask(conn, text "still here"))))
      conn:abort()
    end, BEAT)
  end)

  it("without an answer ends it", function()
    local code
    serving(function(ws) code = select(2, ws:read()) end, function(address)
      local conn = frames.connect(address)
      assert.equal(9, (frames.read(conn)))
      assert.equal("reset", select(2, frames.read(conn)))
      conn:close()
    end, BEAT)
    assert.equal("peer lost", code)
  end)

  it("does not make an idle connection busy: idle_timeout counts on", function()
    serving(echo, function(address)
      local conn = frames.connect(address)
      local from, pings = lastcall.now(), 0
      for opcode, payload in frames.read, conn do
        if opcode == 8 then
          assert.equal(1001, (frames.close_code(payload)))
          break
        end
        pings = pings + 1
        conn:write(frames.frame(10, ""))
      end
      assert.is_true(pings >= 2, pings)
      assert.is_true(lastcall.now() - from > 0.5)
      conn:write(close(1001))
      assert.equal("eof", frames.rest(conn))
      conn:close()
    end, BEAT, { idle_timeout = 0.6 })
  end)
end)

describe("http.broadcast", function()
  it("reaches all of a set, or of a list, in order, and tells whom it has missed", function()
    local set, list, ready = {}, {}, lastcall.channel(3)
    serving(function(ws)
      set[ws], list[#list + 1] = true, ws
      ready:send(ws)
      ws:read()
      set[ws] = nil
    end, function(address)
      local conns = {}
      for i = 1, 3 do
        conns[i] = frames.connect(address)
        ready:receive()
      end
      assert.same({ 3 }, { http.broadcast(set, "one") })
      assert.same({ 3 }, { http.broadcast(list, "\1\2", "binary") })
      for _, conn in ipairs(conns) do
        assert.same({ 1, "one", true }, { frames.read(conn) })
        assert.same({ 2, "\1\2", true }, { frames.read(conn) })
      end
      local large, missed = ("x"):rep(100000), nil
      for _ = 1, 200 do
        local count
        count, missed = http.broadcast(list, large)
        if count == 0 then break end
      end
      assert.equal(3, #missed)
      assert.equal("full", select(2, missed[1]:post(large)))
      for _, conn in ipairs(conns) do conn:abort() end
    end)
  end)
end)

describe("a WebSocket at work is named", function()
  it("in a dump, and in the report of who was canceled", function()
    local working, report_text = lastcall.channel(1), nil
    serving(function(ws)
      ws:read()
      working:send(true)
      lastcall.sleep(20)
    end, function(address, server)
      local conn = frames.connect(address, "/room?secret")
      conn:write(text "go")
      working:receive()
      local words = "WebSocket GET /room from 127%.0%.0%.1:%d+, %d+%.%d s in handler at "
        .. "spec/http/websocket_spec%.lua:%d+"
      local dump = lastcall.dump()
      assert.is_truthy(dump:find(words), dump)
      assert.is_nil(dump:find("secret", 1, true))
      server:shutdown(0.3)
      assert.equal("close 1001, eof", frames.rest(conn))
      conn:close()
      report_text = tostring(server:wait())
      assert.is_truthy(report_text:find(words), report_text)
    end)
  end)
end)
