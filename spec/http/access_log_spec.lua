local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

--- The lines of a log with that format, of requests that `main(address)` makes; without their ends.
local function logged(format, fn, main, handler_options)
  local lines = {}
  handler_options = handler_options or {}
  handler_options.access_log = http.access_log(format, function(line) lines[#lines + 1] = line:sub(1, -2) end)
  helper.task(function()
    local server, address = helper.serve(lastcall, http.handler(fn, handler_options), { on_error = function() end })
    main(address, server)
    server:shutdown()
    server:wait()
  end)
  return lines
end

--- Sends what is given on a connection of its own, and reads to the end.
local function send(address, text)
  local conn = assert(lastcall.connect(address))
  assert(conn:write(text))
  conn:read "a"
  conn:close()
end

local LAST = "Host: here\r\nConnection: close\r\n"

describe("http.access_log", function()
  it("writes the Combined Log Format unless told otherwise", function()
    local lines = logged(nil, function() return 404, "nothing here" end, function(address)
      send(address, "GET /a?b=%20 HTTP/1.1\r\nreferer: http://there/\r\n" ..
        "User-Agent:  a \"b\\\233\tc \r\n" .. LAST .. "\r\n")
    end)
    assert.equal(1, #lines)
    local before, time, after = lines[1]:match "^(.-)%[(.-)%](.*)$"
    assert.equal("127.0.0.1 - - ", before)
    assert.is_truthy(time:find "^%d%d/%a%a%a/%d%d%d%d:%d%d:%d%d:%d%d [+-]%d%d%d%d$", time)
    assert.equal([[ "GET /a?b=%20 HTTP/1.1" 404 12 "http://there/" "a \"b\\\xe9\x09c"]], after)
  end)

  it("writes a script's own format, and Common", function()
    local function fn(request) return 201, { ["X-A"] = "1" }, request.path end
    local ask = "POST /a HTTP/1.1\r\nX-Trace-Id: t(1)\r\n" .. LAST .. "\r\n"
    local format = "{method} {path} {target} {version} {status} {bytes} {host} {header:x-trace-id} {header:X-None}"
    local lines = logged(format, fn, function(address)
      send(address, ask)
      send(address, (ask:gsub("/a", "/bc?d")))
    end)
    assert.same({ "POST /a /a 1.1 201 2 here t(1) -", "POST /bc /bc?d 1.1 201 3 here t(1) -" }, lines)
    lines = logged("common", fn, function(address) send(address, ask) end)
    assert.is_truthy(lines[1]:find '%] "POST /a HTTP/1.1" 201 2$', lines[1])
    lines = logged("{seconds}", function()
      lastcall.sleep(0.05)
      return "ok"
    end, function(address) send(address, ask) end)
    assert.is_true(tonumber(lines[1]) >= 0.05 and tonumber(lines[1]) < helper.seconds(3))
  end)

  it("has every reply: those of lastcall, failures, upgrades, and clients that had gone", function()
    local asked = lastcall.channel(1)
    local lines = logged("{method} {target} {status} {bytes}", function(request, response)
      if request.path == "/raises" then error "on purpose" end
      if request.path == "/upgrade" then return assert(request:upgrade "echo"):write "x" end
      if request.path == "/stream" then
        response:write("abc", "def")
        return
      end
      if request.path == "/gone" then
        asked:send(true)
        return lastcall.sleep(helper.seconds(10)) and "late"
      end
      return request.path
    end, function(address)
      for _, path in ipairs { "/ready", "/raises", "/stream" } do
        send(address, ("GET %s HTTP/1.1\r\n%s\r\n"):format(path, LAST))
      end
      send(address, "HEAD /head HTTP/1.1\r\n" .. LAST .. "\r\n")
      send(address, "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
      send(address, "nonsense\r\n\r\n")
      send(address, "GET /one HTTP/1.1\r\nHost: here\r\n\r\nGET /two HTTP/1.1\r\n" .. LAST .. "\r\n")
      local conn = assert(lastcall.connect(address))
      helper.send(conn, "GET /gone HTTP/1.1\r\nHost: here\r\n\r\n")
      asked:receive()
      conn:abort()
    end, { ready = "/ready" })
    assert.same({
      "GET /ready 200 3", "GET /raises 500 22", "GET /stream 200 6", "HEAD /head 200 0", "GET /upgrade 101 0",
      "- - 400 12", "GET /one 200 4", "GET /two 200 4", "GET /gone 499 0",
    }, lines)
  end)

  it("names the client that a trusted proxy names", function()
    local lines = logged("{client}", function() return "ok" end, function(address)
      send(address, "GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1:4711\r\n" .. LAST .. "\r\n")
    end, { trusted = { "127.0.0.0/8" } })
    assert.same({ "192.0.2.1" }, lines)
  end)

  it("names the peer where a head was refused, whatever it or the head before it had said", function()
    local named = "GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n"
    local lines = logged("{client} {status} {target} {host}", function() return "ok" end, function(address)
      send(address, named .. "No colon\r\n\r\n")
      send(address, named .. LAST .. "\r\n") -- its memory serves the next head
      send(address, named .. "Host: a b\r\n\r\n")
      send(address, named .. "X-Long: " .. ("x"):rep(2000))
      send(address, named) -- the rest is awaited in vain
    end, { trusted = { "127.0.0.0/8" }, max_head = 1024, head_timeout = 0.1 })
    assert.same({
      "127.0.0.1 400 - -", "192.0.2.1 200 / here", "127.0.0.1 400 - -", "127.0.0.1 431 - -", "127.0.0.1 408 - -",
    }, lines)
  end)

  --- Answers 500 requests with an access log to stdout, of so many bytes a line, and says on stderr how long that took.
  local PROGRAM = [[
    local lastcall, http = require "lastcall", require "lastcall.http"
    lastcall.run(function()
      local server = assert(lastcall.listen "127.0.0.1:0")
      lastcall.spawn(function()
        server:serve(http.handler(function() return "ok" end, { access_log = http.access_log() }))
      end)
      local conn = assert(lastcall.connect(server:addresses()[1]))
      local began = lastcall.now()
      for _ = 1, 500 do
        conn:write("GET /", ("x"):rep(SIZE), " HTTP/1.1\r\nHost: here\r\n\r\n")
        for line in conn:lines() do if line == "\r" then break end end
        assert(conn:read(2) == "ok")
      end
      io.stderr:write(("took %f\n"):format(lastcall.now() - began))
      conn:close()
      lastcall.sleep(0.5) -- for a reader that is late
      lastcall.shutdown()
    end, { drain = { quiet = 0.05 } })
  ]]

  it("never waits for a full pipe, drops lines, and says so once", function()
    local path = helper.write_file((PROGRAM:gsub("SIZE", 6000)))
    local output = helper.run(("sh -c 'lua5.4 %s 2>&3 | sleep 6' 3>&1"):format(path))
    os.remove(path)
    assert.is_true(tonumber(output:match "took (%S+)") < helper.seconds(5), output)
    assert.equal(1, select(2, output:gsub("the access log has no room", "")))
    local dropped = tonumber(output:match "lines of the access log were dropped count=(%d+)")
    assert.is_true(dropped > 300, output)
  end)

  it("writes every line to a file, and to a pipe that is read slowly", function()
    local path, lines = helper.write_file((PROGRAM:gsub("SIZE", 1000))), os.tmpname()
    for _, way in ipairs { "> %s", "| (sleep 0.3; cat) > %s" } do
      helper.run(("sh -c 'lua5.4 %s %s'"):format(path, way:format(lines)))
      local count = 0
      for line in io.lines(lines) do
        assert.is_truthy(line:find '^127.0.0.1 .* 200 2 "%-" "%-"$', line)
        count = count + 1
      end
      assert.equal(500, count)
    end
    os.remove(path)
    os.remove(lines)
  end)

  it("raises for a format that it does not know", function()
    helper.raises("{cleint} is not known", http.access_log, "{cleint}")
    helper.raises("the format is a string, not a table", http.access_log, {})
    helper.raises("the second argument", http.access_log, nil, "x")
    helper.raises("option 'access_log' is a function", http.handler, print, { access_log = "combined" })
  end)
end)
