local client = require "spec.support.http.client"
local helper = require "spec.helper"
local process = require "spec.support.process"

-- The status, the headers in lower case, and the body.
local function get(conn, path, more)
  local reply = client.ask(conn, "GET", path, more)
  return tostring(reply.status), reply.headers, reply.body
end

local function once(lastcall, address, path)
  local conn = assert(lastcall.connect(address))
  local status, headers, body = get(conn, path)
  conn:close()
  return status, body, headers
end

describe("examples/health.lua", function()
  it("is ready until SIGTERM, then answers 503, goes on serving for the delay, and refuses after it", function()
    local health = process.example("health", "127.0.0.1:0", "1.5")
    local address = health:address()
    helper.task(function(lastcall)
      local ready, word = once(lastcall, address, "/ready")
      assert.same({ "200", "OK\n" }, { ready, word })
      local kept = assert(lastcall.connect(address))
      local status, headers = get(kept, "/")
      assert.equal("200", status)
      assert.is_nil(headers.connection)
      health:signal("TERM")
      repeat status = once(lastcall, address, "/ready") until status == "503"
      local page, body, new = once(lastcall, address, "/")
      assert.same({ "200", "hello\n", "close" }, { page, body, new.connection })
      status, headers, body = get(kept, "/")
      assert.same({ "200", "hello\n", "close" }, { status, body, headers.connection })
      local _, code = kept:read()
      assert.equal("eof", code)
      kept:close()
      repeat
        local conn, refused = lastcall.connect(address)
        if conn then conn:close() end
        lastcall.sleep(0.05)
      until refused == "refused"
    end)
    local output, fine = health:finish()
    assert.is_true(fine, output)
    helper.stopping.assert_says_clean(output)
  end)

  it("answers what is not right with 400, 404 and 405", function()
    local health = process.example("health", "127.0.0.1:0", "0")
    local address = health:address()
    helper.task(function(lastcall)
      local conn = assert(lastcall.connect(address))
      assert.equal("404", (get(conn, "/nothing")))
      assert.equal("403", (get(conn, "/status"))) -- the host is not this machine
      local _, _, page = get(conn, "http://localhost/status")
      assert.is_truthy(page:find("<title>health</title>", 1, true), page)
      assert.equal("200", (get(conn, "/", "Content-Length: 0\r\n")))
      conn:write("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n") -- no body comes with it: the next reply follows the head
      repeat local line = assert(conn:read()) until line == "\r"
      conn:write("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello")
      assert.equal("HTTP/1.1 405 Method Not Allowed\r", conn:read())
      conn:close()
      conn = assert(lastcall.connect(address))
      conn:write("hello?\r\n")
      assert.equal("HTTP/1.1 400 Bad Request\r", conn:read())
      conn:close()
    end)
    health:drain()
  end)
end)
