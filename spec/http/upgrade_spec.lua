local helper = require "spec.helper"
local client = require "spec.support.http.client"
local http = require "lastcall.http"
local lastcall = require "lastcall"

local ASKS = "GET /chat HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: other/2, Echo\r\n\r\n"

--- The lines of a head, without their ends.
local function head_of(conn)
  local lines = {}
  for line in conn:lines() do
    if line == "\r" then break end
    lines[#lines + 1] = line:sub(1, -2)
  end
  return lines
end

local function echo(request)
  local conn = assert(request:upgrade("echo", { ["X-Kind"] = "spec" }))
  for line in conn:lines() do conn:write(line, "\n") end
end

describe("request:upgrade", function()
  it("sends 101 and gives the connection, with what came behind the head", function()
    client.serving(echo, function(address)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, ASKS .. "one\ntw")
      local lines = head_of(conn)
      table.sort(lines)
      assert.same({ "Connection: Upgrade", "HTTP/1.1 101 Switching Protocols", "Upgrade: echo", "X-Kind: spec" }, lines)
      assert.equal("one", conn:read())
      helper.send(conn, "o\nthree\n")
      assert.equal("two", conn:read())
      assert.equal("three", conn:read())
      conn:shutdown "write"
      assert.equal("eof", select(2, conn:read()))
      conn:close()
    end)
  end)

  it("is also for bytes that come later, and closes as any handler does", function()
    client.serving(function(request)
      local conn = assert(request:upgrade "ECHO")
      conn:write(assert(conn:read(5)), request.path)
    end, function(address)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, ASKS)
      head_of(conn)
      helper.send(conn, "hello")
      assert.equal("hello/chat", conn:read("a"))
      conn:close()
    end)
  end)

  it("returns nil when the client asks for nothing, or for something else", function()
    local seen = {}
    client.serving(function(request)
      local conn, code, message = request:upgrade "websocket"
      seen[#seen + 1] = { conn == nil, code, message:match ": (.*)$" }
      return 426, { Upgrade = "websocket" }, "websocket only\n"
    end, function(address)
      for _, head in ipairs { "GET / HTTP/1.1\r\nHost: here\r\n\r\n", ASKS } do
        local conn = assert(lastcall.connect(address))
        helper.send(conn, head)
        assert.equal("HTTP/1.1 426 Upgrade Required", head_of(conn)[1])
        conn:close()
      end
      assert.same({
        { true, "invalid", "the client has not asked for another protocol" },
        { true, "invalid", "the client has asked for other protocols" },
      }, seen)
    end)
  end)

  it("raises for what cannot be sent, and once the response has begun", function()
    local errors = {}
    client.serving(function(request, response)
      if request.path == "/chat" then request:upgrade("echo", { ["X-A"] = "a\r\nb" }) end
      response:write "x"
      request:upgrade "echo"
    end, function(address)
      for _, head in ipairs { ASKS, (ASKS:gsub("/chat", "/late")) } do
        local conn = assert(lastcall.connect(address))
        helper.send(conn, head)
        conn:read("a")
        conn:close()
      end
      assert.is_truthy(errors[1]:find("the header X-A has a line end", 1, true), errors[1])
      assert.is_truthy(errors[2]:find("the response has begun already", 1, true), errors[2])
    end, { on_error = function(err) errors[#errors + 1] = tostring(err) end })
  end)

  it("is refused with 503 from stop on, whatever lies behind the head", function()
    local refused = {}
    local function late(request)
      request.conn:server():shutdown()
      while request.conn:server():step() == "serving" do lastcall.sleep(0.001) end
      local conn, code = request:upgrade "echo"
      refused[#refused + 1] = conn == nil and code
    end
    for _, behind in ipairs { "", "GET /second HTTP/1.1\r\nHost: here\r\n\r\n" } do
      client.serving(late, function(address, server)
        local conn = assert(lastcall.connect(address))
        helper.send(conn, ASKS .. behind)
        local text = assert(conn:read("a"))
        assert.is_truthy(text:find "^HTTP/1.1 503 ", text)
        assert.is_truthy(text:find("\r\nConnection: close\r\n", 1, true), text)
        assert.equal(1, select(2, text:gsub("HTTP/1.1", "")))
        conn:close()
        server:wait()
      end)
    end
    assert.same({ "draining", "draining" }, refused)
  end)

  it("is granted while the process is not ready, before stop", function()
    local granted, step
    helper.task(function()
      local _, address = helper.serve(lastcall, http.handler(function(request)
        lastcall.shutdown()
        repeat lastcall.sleep(0.001) until not request.conn:server():ready()
        step = request.conn:server():step()
        granted = request:upgrade "echo" ~= nil
      end))
      local conn = assert(lastcall.connect(address))
      helper.send(conn, ASKS)
      assert.equal("HTTP/1.1 101 Switching Protocols", head_of(conn)[1])
      conn:close()
    end, { drain = { timeout = 5, delay = 0.3 } })
    assert.same({ true, "serving" }, { granted, step })
  end)

  it("frees the connection from keepalive_timeout, and its place from max_in_flight", function()
    client.serving(function(request)
      if request.path == "/plain" then return "plain" end
      local conn = assert(request:upgrade "echo")
      conn:await()
      conn:write "awake\n"
    end, function(address)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, ASKS)
      head_of(conn)
      local other = assert(lastcall.connect(address))
      helper.send(other, "GET /plain HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
      assert.is_truthy(other:read("a"):find "^HTTP/1.1 200 ")
      other:close()
      lastcall.sleep(0.1) -- past the timeout
      helper.send(conn, "wake")
      assert.equal("awake", conn:read())
      conn:close()
    end, nil, { keepalive_timeout = 0.05, max_in_flight = 1 })
  end)

  it("goes on in a drain until its handler is done", function()
    local report
    client.serving(echo, function(address, server)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, ASKS .. "one\n")
      head_of(conn)
      assert.equal("one", conn:read())
      server:shutdown()
      assert.equal("eof", select(2, conn:read()))
      conn:close()
      report = server:wait()
    end, { drain = { timeout = 5, quiet = 0.05 } })
    helper.assert_clean(report)
  end)
end)
