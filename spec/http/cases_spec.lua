local helper = require "spec.helper"
local http = require "lastcall.http"

local HEAD = " HTTP/1.1\r\nHost: here\r\n"
local GET = "GET /" .. HEAD .. "\r\n"

--- Serves `fn` and runs `main(lastcall, address, server)`; the server's report.
local function serving(fn, main, handler_options, options, run_options)
  local report
  helper.task(function(lastcall)
    local server, address = helper.serve(lastcall, http.handler(fn, handler_options), options)
    main(lastcall, address, server)
    server:shutdown()
    report = server:wait()
  end, run_options)
  return report
end

--- Says the text; everything that comes until the end, the statuses in it, and how the connection ended.
local function exchange(lastcall, address, text)
  local conn = assert(lastcall.connect(address))
  conn:write(text)
  local answer, code, _, part = conn:read("a")
  conn:close()
  answer = answer or part or ""
  local statuses = {}
  for status in answer:gmatch "HTTP/1%.1 (%d%d%d)" do statuses[#statuses + 1] = tonumber(status) end
  return statuses, answer, code
end

local function until_step(lastcall, server, step)
  while server:step() ~= step do lastcall.sleep(0.001) end
end

describe("a connection whose end is decided", function()
  it("calls no handler for what follows: calls equal replies", function()
    local calls = 0
    serving(function()
      calls = calls + 1
      return "ok"
    end, function(lastcall, address)
      local last = "GET /" .. HEAD .. "Connection: close\r\n\r\n"
      assert.same({ 200, 200 }, (exchange(lastcall, address, GET .. last .. GET .. GET)))
      assert.equal(2, calls)
      assert.same({ 200 }, (exchange(lastcall, address, "GET / HTTP/1.0\r\n\r\n" .. GET)))
      assert.equal(3, calls)
    end)
  end)

  it("answers all pipelined requests in a drain, and says only in the last reply that it is", function()
    local calls = 0
    local report = serving(function(request)
      calls = calls + 1
      if calls == 1 then require "lastcall".sleep(0.2) end
      return request.path
    end, function(lastcall, address, server)
      local conn = assert(lastcall.connect(address))
      conn:write("GET /1", HEAD, "\r\n", "GET /2", HEAD, "\r\n", "GET /3", HEAD, "\r\n")
      while calls == 0 do lastcall.sleep(0.001) end
      server:shutdown()
      local answer = assert(conn:read("a"))
      conn:close()
      assert.is_truthy(answer:find("/1.*/2.*Connection: close.*/3$"), answer)
      assert.equal(1, select(2, answer:gsub("Connection: close", "")))
    end)
    assert.equal(0, report.late)
  end)
end)

describe("a stop", function()
  it("ends a connection that never spoke with a FIN and no word", function()
    serving(function() return "ok" end, function(lastcall, address, server)
      local conn = assert(lastcall.connect(address))
      lastcall.sleep(0.01)
      server:shutdown()
      local answer, code, _, part = conn:read("a")
      assert.same({ "", nil }, { answer or part, code })
      conn:close()
    end)
  end)

  it("waits for half a head, and answers it when it is whole, or with 408", function()
    serving(function() return "whole" end, function(lastcall, address, server)
      local whole, half = assert(lastcall.connect(address)), assert(lastcall.connect(address))
      for _, conn in ipairs { whole, half } do helper.send(conn, "GET /", HEAD) end
      lastcall.sleep(0.05)
      server:shutdown()
      until_step(lastcall, server, "drain")
      helper.send(whole, "\r\n")
      local answer = assert(whole:read("a"))
      assert.is_truthy(answer:find("Connection: close\r\n.*whole$"), answer)
      assert.is_truthy(assert(half:read("a")):find "^HTTP/1.1 408 .*Connection: close\r\n")
      whole:close()
      half:close()
    end, { head_timeout = 0.5 })
  end)

  it("waits for a body under way", function()
    serving(function(request) return assert(request:body()) end, function(lastcall, address, server)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, "POST /", HEAD, "Content-Length: 10\r\n\r\n01234")
      lastcall.sleep(0.05)
      server:shutdown()
      until_step(lastcall, server, "drain")
      lastcall.sleep(0.1)
      helper.send(conn, "56789")
      assert.is_truthy(assert(conn:read("a")):find "Connection: close\r\n.*0123456789$")
      conn:close()
    end)
  end)

  it("that cancels answers 503 where no head is out, and tears the reply where one is", function()
    local begun, torn_code = 0, nil
    serving(function(request, response)
      begun = begun + 1
      if request.path == "/streams" then
        response:write "part"
        response:flush()
      end
      assert(require "lastcall".sleep(60))
    end, function(lastcall, address, server)
      local waiting = lastcall.go(function() return exchange(lastcall, address, GET) end)
      local torn = lastcall.go(function() return exchange(lastcall, address, "GET /streams" .. HEAD .. "\r\n") end)
      while begun < 2 do lastcall.sleep(0.001) end
      server:shutdown(0.3)
      local statuses, answer = waiting:wait()
      assert.same({ 503 }, statuses)
      assert.is_truthy(answer:find "Retry%-After: %d+\r\n" and answer:find "Connection: close\r\n")
      local part
      statuses, part, torn_code = torn:wait()
      assert.same({ 200 }, statuses)
      assert.is_falsy(part:find("\r\n0\r\n", 1, true))
    end, nil, { on_error = function() end })
    assert.equal("reset", torn_code)
  end)

  it("makes the readiness path say 503, and everything else is served", function()
    serving(function() return "ok" end, function(lastcall, address)
      local ready = "GET /ready" .. HEAD .. "Connection: close\r\n\r\n"
      assert.same({ 200 }, (exchange(lastcall, address, ready)))
      lastcall.shutdown()
      local statuses, answer = exchange(lastcall, address, ready)
      assert.same({ 503 }, statuses)
      assert.is_truthy(answer:find("Connection: close", 1, true))
      statuses, answer = exchange(lastcall, address, GET)
      assert.same({ 200 }, statuses)
      assert.is_truthy(answer:find("Connection: close", 1, true))
    end, { ready = "/ready" }, nil, { drain = { delay = 0.5, timeout = 5 } })
  end)
end)

describe("a reply without its body being read", function()
  it("keeps the connection when little is left, and the client hears it when much is", function()
    serving(function() return "early" end, function(lastcall, address)
      local small = "POST /" .. HEAD .. "Content-Length: 1000\r\n\r\n" .. ("GET / "):rep(1000):sub(1, 1000)
      assert.same({ 200, 200 }, (exchange(lastcall, address, small .. "GET /" .. HEAD .. "Connection: close\r\n\r\n")))
      for _, framing in ipairs { "Content-Length: 4000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n3D0900\r\n" } do
        local conn = assert(lastcall.connect(address))
        local writing = lastcall.go(function() return conn:write("POST /", HEAD, framing, ("x"):rep(4000000)) end)
        local answer = assert(conn:read("a"))
        assert.is_truthy(answer:find "^HTTP/1.1 200 .*Connection: close\r\n.*early$")
        conn:close()
        writing:wait()
      end
    end)
  end)

  it("costs nobody a connection when its end has come in chunks, also if the reply begins before", function()
    local whole = "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x=y\r\ncde\r\n0\r\nX: y\r\n\r\n"
    serving(function(request)
      if request.path ~= "/echo" then return "early" end
      local chunks = request:chunks()
      return 200, function() return chunks() end
    end, function(lastcall, address)
      local last = "GET /" .. HEAD .. "Connection: close\r\n\r\n"
      for _, path in ipairs { "/", "/echo" } do
        local statuses, answer = exchange(lastcall, address, ("POST " .. path .. HEAD .. whole):rep(2) .. last)
        assert.same({ 200, 200, 200 }, statuses, answer)
      end
      local half = "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"
      assert.same({ 200 }, (exchange(lastcall, address, "POST /" .. HEAD .. half)))
      local piece = ("2000\r\n%s\r\n"):format(("x"):rep(8192))
      local long = "Transfer-Encoding: chunked\r\n\r\n" .. piece:rep(9) .. "0\r\n\r\n"
      assert.same({ 200 }, (exchange(lastcall, address, "POST /" .. HEAD .. long .. last)))
    end)
  end)

  it("invites a client that waits only when the body is read", function()
    serving(function(request)
      if request.path == "/reads" then return assert(request:body()) end
      return "unread"
    end, function(lastcall, address)
      local conn = assert(lastcall.connect(address))
      local expects = "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
      helper.send(conn, "POST /reads", HEAD, expects)
      assert.equal("HTTP/1.1 100 Continue\r", conn:read())
      assert.equal("\r", conn:read())
      helper.send(conn, "hi", "POST /unread", HEAD, expects)
      local answer = assert(conn:read("a"))
      assert.is_truthy(answer:find "hiHTTP/1.1 200 .*Connection: close\r\n.*unread$", answer)
      assert.is_falsy(answer:find("100 Continue", 1, true))
      conn:close()
      local _, old = exchange(lastcall, address, "POST /reads HTTP/1.0\r\n" .. expects .. "hi")
      assert.is_falsy(old:find("100 Continue", 1, true))
      assert.is_truthy(old:find "hi$")
      local tea = "POST /" .. HEAD .. "Expect: tea\r\nContent-Length: 0\r\n\r\n"
      assert.same({ 417 }, (exchange(lastcall, address, tea)))
    end)
  end)
end)

describe("a connection without a request", function()
  --- How a silent client's connection ends, when the server serves `handler`; nothing when it does not.
  local function silent(handler, options)
    local code
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, handler, options)
      local conn = assert(lastcall.connect(address, { read_timeout = helper.seconds(0.3) }))
      code = select(2, conn:read())
      conn:abort()
      server:close()
    end)
    return code
  end
  local function ok() return "ok" end

  it("is closed after keepalive_timeout, also before a first one", function()
    assert.equal("eof", silent(http.handler(ok, { keepalive_timeout = 0.05 })))
    assert.equal("eof", silent(http.handler(ok, { keepalive_timeout = 0.05 }), { at = helper.abstract "silent" }))
    local own = http.handler(ok, { keepalive_timeout = 0.05 })
    assert.equal("eof", silent(function(conn) own(conn) end))
  end)

  it("is closed by the server's limit for the first byte, where it has one", function()
    assert.equal("eof", silent(http.handler(ok), { first_byte_timeout = 0.05 }))
    assert.equal("timeout", silent(http.handler(ok, { keepalive_timeout = 0.05 }), { first_byte_timeout = 9 }))
    assert.equal("timeout", silent(http.handler(ok, { keepalive_timeout = false })))
  end)
end)

describe("a reply", function()
  it("has a body only where it may, and lengths that hold", function()
    serving(function(request, response)
      local status = tonumber(request.path:match "%d+")
      if request.path == "/hints" then response:inform(103, { Link = "<a>" }) end
      if request.path == "/stream" then
        local i = 0
        return 200, function()
          i = i + 1
          return i == 1 and "piece" or nil
        end
      end
      return status or 200, "body"
    end, function(lastcall, address)
      local LAST = "Connection: close\r\n\r\n"
      local function answer_to(method, path, version)
        local text = ("%s %s HTTP/%s\r\nHost: a\r\n%s"):format(method, path, version, LAST)
        local _, answer = exchange(lastcall, address, text)
        return answer:match "^(.-\r\n\r\n)(.*)$"
      end
      local head, body = answer_to("HEAD", "/", "1.1")
      assert.same({ "4", "" }, { head:match "Content%-Length: (%d+)", body })
      head, body = answer_to("GET", "/204", "1.1")
      assert.same({ nil, "" }, { head:match "Content%-Length" or head:match "Transfer%-Encoding", body })
      head, body = answer_to("GET", "/304", "1.1")
      assert.same({ "4", "" }, { head:match "Content%-Length: (%d+)" or "4", body })
      head, body = answer_to("HEAD", "/stream", "1.1")
      assert.same({ nil, "" }, { head:match "Content%-Length", body })
      head, body = answer_to("GET", "/stream", "1.0")
      assert.same({ nil, "piece" }, { head:match "Transfer%-Encoding", body })
      head, body = answer_to("GET", "/hints", "1.1")
      assert.is_truthy(head:find "^HTTP/1.1 103 .*Link: <a>" and body:find "^HTTP/1.1 200 .*body$")
      head = answer_to("GET", "/hints", "1.0")
      assert.is_truthy(head:find "^HTTP/1.1 200 ")
      local statuses, kept = exchange(lastcall, address,
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n")
      assert.same({ 200, 200 }, statuses)
      assert.is_truthy(kept:find "Connection: keep%-alive\r\n.*Connection: close\r\n")
    end)
  end)
end)
