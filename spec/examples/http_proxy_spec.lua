-- scripts/test: early
local client = require "spec.support.http.client"
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"
local process = require "spec.support.process"

local user -- the client of the proxy

--- Runs `body(url of the proxy, proxy, server)` with the proxy in front of `fn`, a handler of requests here; then ends
-- the proxy, and returns what it printed. What follows are more upstreams, or a table of variables of its environment.
local function behind(fn, body, ...)
  local others = { ... }
  local variables = type(others[1]) == "table" and table.remove(others, 1) or {}
  local proxy, output
  helper.task(function()
    local server, address = helper.serve(lastcall, http.handler(fn, { max_body = 1 << 30 }))
    local set = {}
    for name, value in pairs(variables) do set[#set + 1] = name .. "=" .. value end
    proxy = process.start(("env %s lua5.4 examples/http_proxy.lua 127.0.0.1:0 %s %s"):format(
      table.concat(set, " "), address, table.concat(others, " ")))
    user = http.client()
    body("http://" .. proxy:address(), proxy, server)
    user:close() -- a drain waits some seconds for connections that might still bring a request
    output = proxy:drain_beside(lastcall)
    server:close()
  end)
  return output
end

local function is_check(request) return request.path == "/" and not request.headers["x-forwarded-for"] end

describe("examples/http_proxy.lua", function()
  it("passes on what is for the other end, and says where it comes from", function()
    local output = behind(function(request)
      if is_check(request) then return "well" end
      local seen = {}
      for name, value in pairs(request.headers) do seen[#seen + 1] = name .. "=" .. value end
      table.sort(seen)
      return 201, { ["Set-Cookie"] = { "a", "b" }, ["X-Own"] = "c" },
        ("%s %s|%s|%s"):format(request.method, request.target, table.concat(seen, " "), request:body())
    end, function(base)
      local headers = { ["X-Forwarded-For"] = "192.0.2.1", ["X-Kept"] = { "k", "l" }, TE = "trailers", Host = "shop" }
      local reply = user:post(base .. "/a%20b?c=d", "body", { headers = headers })
      assert.same({ 201, "c", "b" }, { reply.status, reply.headers["x-own"], reply.headers:all("set-cookie")[2] })
      assert.equal("POST /a%20b?c=d|Content-Length=4 forwarded=for=127.0.0.1;proto=http host=shop" ..
        " x-forwarded-for=192.0.2.1, 127.0.0.1 x-forwarded-host=shop x-forwarded-proto=http x-kept=k x-kept=l|body",
        reply:body())
      assert.same({ 201, "" }, { user:request(base .. "/x", { method = "HEAD" }).status,
        user:request(base .. "/x", { method = "HEAD" }):body() })
      local address = base:match "//(.*)"
      local conn = assert(lastcall.connect(address))
      reply = client.ask(conn, "GET", "/y", "Connection: close, X-Mine\r\nX-Mine: 1\r\nX-Yours: 2\r\n")
      assert.is_nil(reply.body:find "x%-mine")
      assert.is_truthy(reply.body:find "x%-yours=2")
      conn:close()
    end)
    helper.stopping.assert_says_clean(output)
  end)

  local function echo(request)
    if is_check(request) then return "well" end
    return 200, function() return request:read() end
  end

  it("carries large bodies whole, both ways at once", function()
    local size = 3 * 1024 * 1024
    local output = behind(echo, function(base)
      local left, pieces = size, {}
      local reply = assert(user:post(base .. "/echo", function()
        left = left - 65536
        return left >= 0 and ("0123456789abcdef"):rep(4096) or nil
      end))
      for piece in reply:chunks() do pieces[#pieces + 1] = piece end
      assert.is_true(table.concat(pieces) == ("0123456789abcdef"):rep(size // 16))
    end)
    helper.stopping.assert_says_clean(output)
  end)

  it("answers 504 for an upstream that is silent, and cuts the reply of one that stops in its middle", function()
    local output = behind(function(request, response)
      if is_check(request) then return "well" end
      if request.path == "/half" then
        response:write "half"
        response:flush()
      end
      lastcall.sleep(30)
    end, function(base)
      local reply = assert(user:get(base .. "/silent"))
      assert.same({ 504, "the server behind has not answered\n" }, { reply.status, reply:body() })
      reply = assert(user:post(base .. "/silent", "body"))
      assert.equal(504, reply.status)
      reply = assert(user:get(base .. "/half"))
      assert.equal(200, reply.status)
      assert.equal("reset", select(2, reply:body()))
    end, { READ_TIMEOUT = 0.3 })
    assert.is_truthy(output:find("http_proxy: .* %(timeout%)"), output)
  end)

  it("takes no more than it can pass on", function()
    behind(echo, function(base, proxy)
      local sent = 0
      local reply = assert(user:post(base .. "/echo", function()
        sent = sent + 1
        return ("x"):rep(65536)
      end))
      local before -- nobody reads the reply: when all sockets are full, nothing moves
      repeat
        before = sent
        lastcall.sleep(0.3)
      until sent == before
      local status = helper.read_file(("/proc/%d/status"):format(proxy:program()))
      local memory = tonumber(status:match "VmHWM:%s+(%d+)")
      assert.is_true(memory < 32 * 1024, ("%d KiB, after %d KiB"):format(memory, sent * 64))
      reply:close()
    end)
  end)

  it("leaves out an upstream that does not listen, and answers 502 and 504 for one that fails", function()
    local nobody = process.address_to_be()
    local server_gone
    local output = behind(function(request)
      if is_check(request) then return "well" end
      if request.path == "/cut" then
        request.conn:setsockopt("rcvbuf", 4096)
        return 200, function()
          if server_gone then error "on purpose" end
          server_gone = true
          return ("x"):rep(1000)
        end
      end
      return "here"
    end, function(base, _, server)
      for _ = 1, 4 do assert.equal("here", user:get(base .. "/a"):body()) end
      assert.equal(200, user:get(base .. "/-/ready").status)
      local cut = assert(user:get(base .. "/cut"))
      local body, code = cut:body()
      assert.is_nil(body)
      assert.is_truthy(code == "eof" or code == "reset", code)
      server:close()
      assert.equal(502, user:get(base .. "/a").status)
      assert.equal(503, user:get(base .. "/-/ready").status)
    end, nobody)
    assert.is_truthy(output:find "http_proxy: .*refused", output)
  end)

  it("ends the request to the upstream when the client leaves", function()
    local ended
    local output = behind(function(request, _, ctx)
      if is_check(request) then return "well" end
      lastcall.sleep(10)
      ended = ctx:cause()
      return "too late"
    end, function(base)
      helper.failure("timeout", user:get(base .. "/slow", { timeout = 0.3 }))
      local till = lastcall.now() + helper.seconds(5)
      while not ended and lastcall.now() < till do lastcall.sleep(0.01) end
      assert.is_truthy(ended == "eof" or ended == "reset", ended)
    end)
    assert.is_truthy(output:find "shutdown ok", output)
  end)

  it("finishes what is under way when it is told to stop", function()
    local at_work = 0
    local output = behind(function(request)
      if is_check(request) then return "well" end
      at_work = at_work + 1
      request:body()
      if request.path == "/slow" then lastcall.sleep(0.5) return "done" end
      local count = 0
      return 200, function()
        count = count + 1
        lastcall.sleep(0.1)
        return count <= 5 and "piece " or nil
      end
    end, function(base, proxy)
      local group = lastcall.group()
      group:go(function() assert.equal("done", user:get(base .. "/slow"):body()) end)
      group:go(function() assert.equal(("piece "):rep(5), user:get(base .. "/pieces"):body()) end)
      group:go(function()
        local sent = 0
        local reply = user:post(base .. "/slow", function()
          sent = sent + 1
          lastcall.sleep(0.1)
          return sent <= 5 and "up" or nil
        end)
        assert.equal("done", reply:body())
      end)
      while at_work < 3 do lastcall.sleep(0.01) end
      proxy:signal "TERM"
      assert(group:wait())
    end)
    helper.stopping.assert_says_clean(output)
  end)
end)
