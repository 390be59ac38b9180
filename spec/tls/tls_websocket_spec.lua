local certificates = require "spec.support.certificates"
local frames = require "spec.support.http.frames"
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

--- A client that sends bytes, hears something, and finishes without close_notify.
local function leave_rudely(address, bytes)
  local script = helper.write_file(([[
import socket, ssl
context = ssl.create_default_context(cafile="%s")
host, port = "%s".split(":")
s = context.wrap_socket(socket.create_connection((host, int(port))), server_hostname="localhost")
s.sendall(bytes.fromhex("%s"))
s.recv(65536)
s.close()
]]):format(certificates.authority(), address, bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end)))
  helper.run_beside(lastcall, "/usr/bin/python3 " .. script)
  os.remove(script)
end

describe("WebSocket over TLS", function()
  teardown(certificates.remove)

  it("talks, and a drain says Close 1001, hands over what crosses it, and loses nobody", function()
    local heard, codes = {}, {}
    helper.task(function()
      local server, address = helper.serve(lastcall, http.handler(function(request, response)
        local ws = http.websocket(request, response)
        if not ws then return end
        for message in ws:messages() do
          heard[#heard + 1] = #message
          codes[#codes + 1] = select(2, ws:send(message)) or "sent"
        end
        codes[#codes + 1] = ws.code
      end), { tls = certificates.server() })
      local url = ("wss://%s/chat"):format(address)
      local code = select(2, http.connect_websocket(url)) -- nobody knows who has signed the certificate
      assert.is_truthy(code)
      local ws = assert(http.connect_websocket(url, { tls = certificates.client() }))
      for _, length in ipairs { 1, 70000 } do
        assert(ws:send(("x"):rep(length)))
        assert.equal(length, #ws:read())
      end
      server:shutdown(5)
      assert(ws:send "crossing")
      local kind
      repeat kind = select(2, ws:read()) until kind ~= "text"
      assert.equal("eof", kind)
      assert.equal(1001, ws.code)
      ws:close()
      local report = server:wait()
      helper.assert_clean(report)
      assert.equal(0, report.late)
    end)
    assert.same({ 1, 70000, 8 }, heard)
    assert.is_true(codes[3] == "draining" or codes[3] == "sent", codes[3])
    assert.equal(1001, codes[4])
  end)

  it("ends at once when the peer finishes without its close_notify, as many clients do", function()
    for bytes, ending in pairs {
      [""] = { "read", "eof", "without a Close frame" },
      [frames.text("half", { more = true })] = { "read", "eof", "in the middle of a message" },
      [frames.frame(9, "ping")] = { "close" },
    } do
      local got, took
      helper.task(function()
        local server, address = helper.serve(lastcall, http.handler(function(request, response)
          local ws = http.websocket(request, response)
          local began = lastcall.now()
          got = { ws[ending[1]](ws) }
          got.code, took = ws.code, lastcall.now() - began
        end), { tls = certificates.server(), linger = 30 })
        leave_rudely(address, frames.handshake() .. bytes)
        while not got do lastcall.sleep(0.002) end
        server:close()
      end)
      if ending[1] == "read" then
        assert.same({ nil, "eof" }, { got[1], got[2] })
        assert.is_truthy(got[3]:find(ending[3], 1, true), got[3])
      end
      assert.equal(1006, got.code)
      assert.is_true(took < helper.seconds(5), took)
    end
  end)
end)
