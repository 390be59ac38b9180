local client = require "spec.support.http.client"
local frames = require "spec.support.http.frames"
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"
local process = require "spec.support.process"

--- A server that answers a handshake by `reply` with the right key put in for KEY, sends `bytes`, and tells what it has
-- heard: the head, and the frames.
local function answering(reply, bytes, main)
  local heard = {}
  helper.task(function()
    local _, address = helper.serve(lastcall, function(conn)
      local lines = {}
      for line in conn:lines() do
        if line == "\r" then break end
        lines[#lines + 1] = line:sub(1, -2)
      end
      heard.head = table.concat(lines, "\n")
      local key = heard.head:match "Sec%-WebSocket%-Key: (%S+)"
      conn:write((reply:gsub("KEY", require("lastcall.core").websocket_accept(key))), bytes or "")
      heard.bytes = conn:read "a"
    end)
    main(address)
  end)
  return heard
end

local GOOD = "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: KEY\r\n\r\n"

local function plain(opcode, payload, how)
  how = how or {}
  how.is_plain = true
  return frames.frame(opcode, payload, how)
end

describe("http.connect_websocket", function()
  it("talks to http.websocket: text, bytes, pings, Close", function()
    local seen = {}
    client.serving(function(request, response)
      local ws = http.websocket(request, response, { protocols = { "chat" }, heartbeat = { interval = 0.05 } })
      seen.target, seen.header = request.target, request.headers["x-mine"]
      for text, kind in ws:messages() do
        if kind == "text" then ws:send(text) else ws:send_binary(text) end
      end
      seen.code, seen.reason = ws.code, ws.reason
    end, function(address)
      local ws = assert(http.connect_websocket(("ws://%s/a?b"):format(address), {
        protocols = { "v9", "chat" }, headers = { ["X-Mine"] = "yes" },
      }))
      assert.equal("chat", ws.protocol)
      for _, length in ipairs { 0, 1, 125, 126, 65535, 65536, 300000 } do
        local sent = ("\0z"):rep(length // 2 + 1):sub(1, length)
        assert(ws:send_binary(sent))
        local got, kind = ws:read()
        assert.is_true(got == sent and kind == "binary", length)
      end
      assert.equal("WebSocket to " .. address .. "/a from " .. address, tostring(ws))
      assert(ws:post "naïve")
      assert.same({ "naïve", "text" }, { ws:read() })
      lastcall.go(function() ws:read() end) -- answers pings
      lastcall.sleep(0.3)
      assert.is_true(ws:close(4000, "done"))
      assert.equal("closed", select(2, ws:send "more"))
    end)
    assert.same({ target = "/a?b", header = "yes", code = 4000, reason = "done" }, seen)
  end)

  it("masks each frame with other bytes, and its key is another each time", function()
    local keys, masks, count = {}, {}, 0
    for _ = 1, 2 do
      local heard = answering(GOOD, plain(8, "\3\232"), function(address)
        local ws = assert(http.connect_websocket("ws://" .. address))
        ws:send "same"
        ws:send "same"
        assert.equal("eof", select(2, ws:read()))
        ws:close()
      end)
      assert.is_truthy(heard.head:find("^GET / HTTP/1.1\nHost: 127.0.0.1:%d+\n"))
      local key = heard.head:match "Sec%-WebSocket%-Key: (%S+)"
      assert.is_nil(keys[key])
      keys[key] = true
      local at = 1
      while at <= #heard.bytes do
        local length, mask = heard.bytes:byte(at + 1) - 128, heard.bytes:sub(at + 2, at + 5)
        assert.is_nil(masks[mask])
        masks[mask], count, at = true, count + 1, at + 6 + length
      end
    end
    assert.equal(6, count) -- two messages and Close, twice
  end)

  it("takes frames that came together with the reply, and interim replies before it", function()
    local early = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    answering(early .. GOOD, plain(1, "early") .. plain(8, "\3\232"), function(address)
      local ws = assert(http.connect_websocket("ws://" .. address))
      assert.equal("early", (ws:read()))
      assert.equal("eof", select(2, ws:read()))
      ws:close()
    end)
  end)

  it("is at rest between two messages, where a stop cuts nothing of a reader; and at work in a message", function()
    local system = require "spec_system"
    for half, wanted in pairs { [""] = 0, [plain(1, "half a message"):sub(1, 6)] = 1 } do
      local report = helper.task(function()
        local source, address = helper.serve(lastcall, function(conn)
          local key = conn:read_until "\r\n\r\n":match "Sec%-WebSocket%-Key: (%S+)"
          conn:write((GOOD:gsub("KEY", require("lastcall.core").websocket_accept(key))), plain(1, "news"), half)
          local fd, _, ticket = conn:detach() -- the source stays
          lastcall.on_shutdown("close the source", function() system.close(fd) end)
          ticket:done()
        end)
        local ws = assert(http.connect_websocket("ws://" .. address))
        lastcall.spawn(function()
          for _ in ws:messages() do lastcall.sleep(0.05) end
        end)
        lastcall.sleep(0.1)
        lastcall.shutdown(2)
        source:wait()
      end)
      assert.equal(wanted, report.tasks_canceled, tostring(report))
    end
  end)

  it("refuses a server that answers nonsense", function()
    for reply, words in pairs {
      ["HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"] = "the reply is 403 Forbidden",
      ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"] = "the reply is 200 OK",
      [GOOD:gsub("KEY", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")] = "does not answer the key",
      [GOOD:gsub("WebSocket\r\n", "other\r\n", 1)] = "no Upgrade: websocket",
      [GOOD:gsub("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n")] = "subprotocol that was not offered",
      [GOOD:gsub("\r\n\r\n", "\r\nSec-WebSocket-Extensions: x\r\n\r\n")] = "extension that was not offered",
      ["nonsense\r\n\r\n"] = "",
    } do
      answering(reply, "", function(address)
        local ws, code, message = http.connect_websocket("ws://" .. address)
        assert.same({ nil, "invalid" }, { ws, code }, message)
        assert.is_truthy(message:find(words, 1, true), message)
      end)
    end
  end)

  it("ends by the rules: a masked frame, a Close that is illegal, an end without Close", function()
    for bytes, wanted in pairs {
      [frames.frame(1, "masked")] = "invalid",
      [plain(8, "\3\237")] = "invalid",
      [plain(3, "")] = "invalid",
      [plain(1, "\xFF")] = "invalid",
    } do
      local heard = answering(GOOD, bytes, function(address)
        local ws = assert(http.connect_websocket("ws://" .. address))
        assert.equal(wanted, select(2, ws:read()))
        ws:close()
      end)
      assert.equal(0x88, heard.bytes:byte(1))
    end
  end)

  it("has the code 1006 behind every end without Close: a reset, and an illegal frame", function()
    for _, how in ipairs { "reset", "invalid" } do
      helper.task(function()
        local _, address = helper.serve(lastcall, http.handler(function(request)
          local conn = request:upgrade("websocket", {
            ["Sec-WebSocket-Accept"] = require("lastcall.core").websocket_accept(request.headers["sec-websocket-key"]),
          })
          if how == "invalid" then conn:write(plain(3, "")) end
          conn:read_some()
          conn:abort()
        end))
        local ws = assert(http.connect_websocket("ws://" .. address))
        assert.is_nil(ws.code)
        ws:post "go"
        assert.equal(how, select(2, ws:read()))
        assert.equal(1006, ws.code)
        ws:close()
      end)
    end
  end)

  it("gives up a server that does not answer, or does not listen", function()
    helper.task(function()
      local _, address = helper.serve(lastcall, function(conn) conn:read "a" end)
      assert.same({ nil, "timeout" }, { table.unpack({
        http.connect_websocket("ws://" .. address, { timeout = 0.2 }),
      }, 1, 2) })
    end)
    helper.task(function()
      assert.equal("refused", select(2, http.connect_websocket "ws://127.0.0.1:1"))
    end)
  end)

  it("refuses to read, write or hand over the bytes themselves", function()
    answering(GOOD, plain(1, "hello"), function(address)
      local ws = assert(http.connect_websocket("ws://" .. address))
      local errors = {}
      for _, method in ipairs { "read", "read_some", "await", "write", "post", "detach" } do
        local fine, err = pcall(ws.conn[method], ws.conn)
        errors[#errors + 1] = not fine and err or method .. " returned"
      end
      for _, err in ipairs(errors) do assert.is_truthy(err:find "speaks WebSocket", err) end
      assert.equal("hello", (ws:read()))
      ws:close()
    end)
  end)

  it("raises for what is no URL, and for headers that are lastcall's", function()
    helper.task(function()
      helper.raises("has not the scheme ws or wss", http.connect_websocket, "http://127.0.0.1/")
      helper.raises("has no valid host", http.connect_websocket, "ws:///x")
      helper.raises("Upgrade is lastcall's", http.connect_websocket, "ws://x", { headers = { Upgrade = "x" } })
      helper.raises("did you mean 'protocols'", http.connect_websocket, "ws://127.0.0.1:1", { protocol = {} })
    end)
  end)

  it("says Close 1001 when the run ends, whoever holds it", function()
    local server = process.script [[
      local lastcall, http = require "lastcall", require "lastcall.http"
      lastcall.run(function()
        local server = assert(lastcall.listen "127.0.0.1:0")
        print("listening " .. server:addresses()[1])
        io.stdout:flush()
        server:serve(http.handler(function(request, response)
          local ws = http.websocket(request, response)
          print(ws:read(), (select(2, ws:read())), ws.code)
        end))
      end, { log = function() end })
    ]]
    local address, kept = server:address(), nil
    local report = helper.task(function()
      kept = assert(http.connect_websocket("ws://" .. address))
      assert(kept:send "hello")
    end)
    helper.assert_clean(report)
    assert.equal("hello\teof\t1001\n", (server:drain()))
    assert.equal("closed", select(2, kept:send "more"))
  end)
end)
