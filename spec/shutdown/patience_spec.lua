-- scripts/test: early
local helper = require "spec.helper"
local lastcall = require "lastcall"

local SIZE = 600 * 1024

--- A small window, so that acknowledgements tell what the client has read.
local function small_window(sock) assert(sock:setsockopt("rcvbuf", 16 * 1024)) end

--- Reads all there is, `rate` bytes a second at most; how much came, and how it ended.
local function read_slowly(conn, rate)
  local got = 0
  while true do
    local piece, code = conn:read_some(8 * 1024)
    if not piece then return got, code end
    got = got + #piece
    lastcall.sleep(#piece / rate)
  end
end

--- A client that reads `SIZE` bytes at `rate` from a server with `handler`, which is shut down meanwhile.
local function slow_client(handler, rate, options, at)
  local got, code, report
  helper.task(function()
    local server = assert(lastcall.listen(at or "127.0.0.1:0", options))
    lastcall.spawn(function() server:serve(handler) end)
    local conn = assert(lastcall.connect(server:addresses()[1]))
    if not at then small_window(conn) end
    helper.send(conn, "go\n")
    local first = assert(conn:read(1)) -- the handler is writing
    server:shutdown()
    got, code = read_slowly(conn, rate)
    got = got + #first
    conn:close("background")
    report = server:wait()
  end, { drain = { timeout = 15 } })
  return got, code, report
end

local function reply(conn)
  conn:read()
  conn:write(("x"):rep(SIZE))
end

describe("in a drain, a closing connection", function()
  local options = { linger = 0.3, drain = { timeout = 10 } }

  it("is kept while its slow client reads, long past the linger: handler returned", function()
    local got, code, report = slow_client(reply, 300e3, options)
    assert.equal(SIZE, got)
    assert.equal("eof", code)
    helper.assert_clean(report)
    assert.is_true(report.elapsed > 1, tostring(report))
  end)

  it("is kept: dismissed while what was written is on its way", function()
    local got, code, report = slow_client(function(conn)
      for _ in conn:lines() do conn:write(("x"):rep(SIZE)) end
    end, 300e3, options)
    assert.equal(SIZE, got)
    assert.equal("eof", code)
    helper.assert_clean(report)
  end)

  it("is kept: closed in the background by its handler", function()
    local got, code, report = slow_client(function(conn)
      conn:read()
      conn:write(("x"):rep(SIZE))
      conn:close("background")
    end, 300e3, options)
    assert.equal(SIZE, got)
    assert.equal("eof", code)
    helper.assert_clean(report)
  end)

  it("is kept on a unix socket too", function()
    local got, code, report = slow_client(reply, 300e3, options, "unix:" .. helper.socket_path())
    assert.equal(SIZE, got)
    assert.equal("eof", code)
    assert.is_true(report.ok, tostring(report))
  end)

  it("is given up when nothing is acknowledged for write_timeout, though its peer goes on sending", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, reply,
        { linger = 0.2, write_timeout = 0.5, drain = { timeout = 10 } })
      local conn = assert(lastcall.connect(address))
      small_window(conn)
      local asked = lastcall.now()
      helper.send(conn, "go\n")
      lastcall.sleep(0.2)
      server:shutdown()
      local talking = lastcall.go(function() -- what the peer sends is no progress
        while conn:write("x") and conn:flush() do lastcall.sleep(0.05) end
      end)
      local report = server:wait()
      assert.is_true(report.undelivered_bytes > 0, tostring(report))
      assert.is_true(lastcall.now() - asked >= 0.5, tostring(report))
      assert.is_true(report.elapsed < helper.seconds(3), tostring(report))
      conn:abort()
      talking:wait(5)
    end)
  end)

  it("is reset at the end of the ladder, and its bytes count as undelivered", function()
    local got, code, report = slow_client(reply, 50e3, { linger = 0.3, drain = { timeout = 1.5 } })
    assert.is_true(got < SIZE)
    assert.equal("reset", code)
    assert.is_true(report.undelivered_bytes > 0, tostring(report))
    assert.is_false(report.clean)
  end)

  it("waits linger for the peer's FIN once everything is acknowledged", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, helper.echo,
        { linger = 0.4, write_timeout = 5, drain = { timeout = 10 } })
      local conn = helper.spoken(address)
      server:shutdown()
      local report = server:wait()
      assert.is_true(report.elapsed >= 0.3 and report.elapsed < helper.seconds(2), tostring(report))
      helper.assert_clean(report)
      conn:close("background")
    end)
  end)

  it("that a script closes with a time has this time for everything", function()
    local verdict
    local got, _, report = slow_client(function(conn)
      conn:read()
      conn:write(("x"):rep(200 * 1024))
      verdict = select(2, conn:close(0.3))
    end, 100e3, { linger = 5, drain = { timeout = 10 } })
    assert.equal("timeout", verdict)
    assert.is_true(got <= 200 * 1024)
    assert.is_true(report.undelivered_bytes > 0, tostring(report))
    assert.is_true(report.elapsed < helper.seconds(3), tostring(report))
  end)
end)

describe("outside a drain, a closing connection", function()
  --- For how long the server keeps the connection of a client that reads SIZE bytes at `rate`.
  local function kept(rate, options)
    local took
    helper.task(function()
      local server, address = helper.serve(lastcall, reply, options)
      local conn = assert(lastcall.connect(address))
      small_window(conn)
      helper.send(conn, "go\n")
      local began = lastcall.now()
      local reader = lastcall.go(read_slowly, conn, rate)
      while server:count() == 0 do lastcall.sleep(0.001) end
      assert(server:wait_for("==", 0, 15))
      took = lastcall.now() - began
      conn:abort()
      reader:wait(5)
      server:close()
    end)
    return took
  end

  it("is kept while its slow client reads, and no longer than max_age where that is set", function()
    local options = { linger = 0.2, write_timeout = 1 }
    local whole = kept(150e3, options)
    options.max_age = 1
    local bounded = kept(150e3, options)
    assert.is_true(whole > 2, whole)
    assert.is_true(bounded < whole - 0.5, bounded)
  end)
end)
