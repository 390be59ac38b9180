local certificates = require "spec.support.certificates"
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

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
end)
