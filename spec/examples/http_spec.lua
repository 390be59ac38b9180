-- scripts/test: early
local helper = require "spec.helper"
local process = require "spec.support.process"

local HOST = "Host: a\r\n"
local GET = "GET / HTTP/1.1\r\n" .. HOST .. "\r\n"
local say = helper.send

-- The server does not say when it listens: tries until it does.
local function connect(lastcall, address)
  local conn, code, message
  for _ = 1, 200 do
    conn, code, message = lastcall.connect(address)
    if conn then return conn end
    lastcall.sleep(helper.seconds(0.02))
  end
  error(("%s (%s)"):format(message, code))
end

-- A whole reply: its status, its fields by names in lower case, its body.
local function reply_of(conn)
  local status = tonumber(assert(conn:read "L"):match "^HTTP/1.1 (%d%d%d) [^\r]*\r\n$")
  local fields = {}
  for line in function() return assert(conn:read "L") end do
    if line == "\r\n" then break end
    local name, value = line:match "^([^:]+): ([^\r]*)\r\n$"
    fields[name:lower()] = value
  end
  return status, fields, status > 199 and conn:read(tonumber(fields["content-length"])) or ""
end

local function expect(conn, status, body, connection)
  local got, fields, text = reply_of(conn)
  assert.equal(status, got)
  if body then assert.equal(body, text) end
  assert.equal(connection, fields.connection)
end

local function expect_end(conn)
  local _, code = conn:read()
  assert.equal("eof", code)
  conn:close()
end

-- Runs the program, and `body(lastcall, server, address)` beside it; what the program printed at its end.
local function with_server(body, delay, address)
  address = address or "unix:" .. helper.socket_path()
  local server = process.start(("%s %s %d"):format(helper.program "examples/http", address, delay or 0))
  helper.task(function(lastcall) body(lastcall, server, address) end)
  local output, fine = server:finish()
  assert.is_true(fine, output)
  assert.matches("drained, nobody lost\n$", output)
  return output
end

-- SIGTERM, and the server is in its drain.
local function stop(server)
  server:signal "TERM"
  repeat local line = assert(server.pipe:read()) until line:find("http: drain", 1, true)
end

describe("examples/http.c", function()
  it("answers requests one after the other on a connection, with bodies of each kind", function()
    with_server(function(lastcall, server, address)
      local conn = connect(lastcall, address)
      say(conn, GET)
      expect(conn, 200, "hello\n")
      say(conn, "GET /ready HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
      expect(conn, 200, "OK\n", "keep-alive")
      say(conn, "POST / HTTP/1.1\r\n", HOST, "Content-Length: 5\r\n\r\nhe")
      say(conn, "llo")
      expect(conn, 200, "5 bytes\n")
      local chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n"
      for byte in chunked:gmatch "." do
        say(conn, byte)
      end
      expect(conn, 200, "3 bytes\n")
      say(conn, "POST / HTTP/1.1\r\n", HOST, "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
      expect(conn, 100, "")
      say(conn, "abc", GET, GET:gsub("/", "/else", 1), GET:gsub("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
      expect(conn, 200, "3 bytes\n")
      expect(conn, 200, "hello\n")
      expect(conn, 404)
      expect(conn, 200, "hello\n", "close")
      expect_end(conn)
      local again = connect(lastcall, address)
      say(again, GET:gsub("GET", "HEAD"))
      say(again, "BREW / HTTP/1.0\r\n\r\n")
      assert.equal("HTTP/1.1 200 OK\r\n", again:read "L")
      local rest = again:read "a"
      assert.matches("\r\nContent-Length: 6\r\nKeep-Alive: timeout=75\r\n\r\nHTTP/1.1 404 ", rest, 1, true)
      again:close()
      server:signal "TERM"
    end)
  end)

  for _, case in ipairs {
    { "a second length", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nGET / " },
    { "a length beside chunks", 400,
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
    { "a chunk that does not end", 400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n" },
    { "a trailer about the length", 400,
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n" },
    { "lines without CR", 400, "GET / HTTP/1.1\nHost: a\n\n" },
    { "another version", 505, "GET / HTTP/2.0\r\n\r\n" },
    { "a body too long", 413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n" },
  } do
    it("refuses " .. case[1] .. ", says why, and answers nothing behind it", function()
      with_server(function(lastcall, server, address)
        local conn = connect(lastcall, address)
        say(conn, GET, case[3], GET)
        expect(conn, 200, "hello\n")
        expect(conn, case[2], nil, "close")
        expect_end(conn)
        server:signal "TERM"
      end)
    end)
  end

  local function stops_between_requests(address_to_be)
    with_server(function(lastcall, server, address)
      local quick, half, pipelined = connect(lastcall, address), connect(lastcall, address), connect(lastcall, address)
      for _, conn in ipairs { quick, pipelined } do
        say(conn, GET)
        expect(conn, 200, "hello\n")
      end
      say(half, "GET / HTTP/1.1\r\nHo")
      stop(server)
      say(quick, GET) -- sent as if the client knew nothing of the stop
      expect(quick, 200, "hello\n", "close")
      expect_end(quick)
      say(half, "st: a\r\n\r\n")
      expect(half, 200, "hello\n", "close")
      expect_end(half)
      say(pipelined, GET, GET, GET)
      expect(pipelined, 200, "hello\n")
      expect(pipelined, 200, "hello\n")
      expect(pipelined, 200, "hello\n", "close")
      expect_end(pipelined)
    end, 0, address_to_be)
  end

  it("loses no request that comes while it stops, and says with its reply that it is the last", function()
    stops_between_requests()
  end)

  it("does so over TCP", function() stops_between_requests(process.address_to_be()) end)

  it("closes connections once they have been silent, those that were for long at once", function()
    with_server(function(lastcall, server, address)
      local old = connect(lastcall, address)
      say(old, GET)
      expect(old, 200, "hello\n")
      lastcall.sleep(3.2) -- longer than its `quiet`
      local young = connect(lastcall, address)
      say(young, GET)
      expect(young, 200, "hello\n")
      stop(server)
      local began = lastcall.now()
      expect_end(old)
      local middle = lastcall.now()
      assert.is_true(middle - began < helper.seconds(1))
      expect_end(young)
      assert.is_true(lastcall.now() - middle > 1)
    end)
  end)

  it("tells that it is not ready, and ends its connections one after the other, while it still listens", function()
    with_server(function(lastcall, server, address)
      local conn = connect(lastcall, address)
      say(conn, GET)
      expect(conn, 200, "hello\n")
      server:signal "TERM"
      local status, fields
      repeat
        local probe = connect(lastcall, address)
        say(probe, "GET /ready HTTP/1.1\r\n", HOST, "\r\n")
        status, fields = reply_of(probe)
        probe:close()
      until status == 503
      assert.equal("close", fields.connection)
      say(conn, GET)
      expect(conn, 200, "hello\n", "close")
      expect_end(conn)
    end, 1)
  end)

  it("waits with the next request until a slow client has read its replies", function()
    with_server(function(lastcall, server, address)
      local conn = connect(lastcall, address)
      local count = 12000
      local writing = lastcall.go(function() return conn:write(GET:rep(count)) end)
      lastcall.sleep(0.1)
      assert.equal("waiting", (writing:status())) -- for room: nobody reads the replies yet
      for _ = 1, count do expect(conn, 200, "hello\n") end
      assert.is_true(writing:wait())
      conn:close()
      server:signal "TERM"
    end)
  end)

  it("tells how it is used", function()
    local output, fine, status = helper.run(helper.program "examples/http" .. " a b c")
    assert.is_false(fine)
    assert.equal(2, status)
    assert.equal("usage: http [ADDRESS [DELAY]]\n", output)
  end)
end)
