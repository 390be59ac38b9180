local client = require "spec.support.http.client"
local helper = require "spec.helper"
local lastcall = require "lastcall"
local process = require "spec.support.process"

describe("examples/hello.lua", function()
  it("greets, and finishes what it has begun to read when it is told to stop", function()
    local address = process.address_to_be()
    local hello = process.example("hello", address)
    helper.task(function()
      local conn
      repeat
        conn = lastcall.connect(address)
        lastcall.sleep(0.01)
      until conn
      assert.equal("hello, /world\n", client.ask(conn, "GET", "/world").body)
      assert.equal(200, client.ask(conn, "GET", "/ready").status)
      conn:close()
      local reply = client.across_stop(hello, address, "GET /half HT", "TP/1.1\r\nHost: here\r\n\r\n")
      assert.same({ 200, "hello, /half\n", "close" }, { reply.status, reply.body, reply.headers.connection })
    end)
  end)
end)
