local client = require "spec.support.http.client"
local helper = require "spec.helper"
local lastcall = require "lastcall"

local ask, hear = client.ask, client.hear

local function get(address, target, headers)
  local conn = assert(lastcall.connect(address))
  local reply = ask(conn, "GET", target, headers)
  conn:close()
  return reply
end

describe("a handler of requests", function()
  it("answers with what it returns: a body; a status and a body; a status, headers and a body", function()
    client.serving(function(request)
      if request.path == "/body" then return "hello" end
      if request.path == "/number" then return 42.5 end
      if request.path == "/status" then return 404, "not here" end
      if request.path == "/nothing" then return 204 end
      return 201, { ["X-One"] = { "a", "b" }, ["Content-Type"] = "text/html" }, "<p>made"
    end, function(address)
      local reply = get(address, "/body")
      assert.same({ 200, "hello" }, { reply.status, reply.body })
      assert.equal("text/plain; charset=utf-8", reply.headers["content-type"])
      assert.equal("timeout=75", reply.headers["keep-alive"])
      assert.is_truthy(reply.headers.date:find "^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$")
      reply = get(address, "/number")
      assert.equal("42.5", reply.body)
      reply = get(address, "/status")
      assert.same({ 404, "not here" }, { reply.status, reply.body })
      reply = get(address, "/headers")
      assert.same({ 201, "<p>made" }, { reply.status, reply.body })
      assert.equal("text/html", reply.headers["content-type"])
      reply = get(address, "/nothing")
      assert.equal(204, reply.status)
      assert.is_nil(reply.headers["content-length"])
    end)
  end)

  it("streams what a function gives, piece by piece, and what it writes itself", function()
    client.serving(function(request, response)
      if request.path == "/function" then
        local i = 0
        return 200, function()
          i = i + 1
          return i <= 3 and ("piece %d\n"):format(i) or nil
        end
      end
      response.status = 202
      response.headers["X-Kind"] = "written"
      for i = 1, 3 do response:write("line ", i, "\n") end
    end, function(address)
      local reply = get(address, "/function")
      assert.same({ 200, "piece 1\npiece 2\npiece 3\n", "chunked" },
        { reply.status, reply.body, reply.headers["transfer-encoding"] })
      reply = get(address, "/writes")
      assert.same({ 202, "line 1\nline 2\nline 3\n", "written" }, { reply.status, reply.body, reply.headers["x-kind"] })
    end)
  end)

  it("knows its request: line, headers in any case, query, form, path in parts", function()
    local seen
    client.serving(function(request)
      local body = request.method == "POST" and assert(request:form()) or nil
      seen = {
        request.method, request.path, request.query, request.version, request.host,
        request.headers["x-ONE"], request.headers.cookie, request.headers["X-None"],
        table.concat(request.headers:all "x-one", "|"),
        (assert(request:arguments())).q, table.concat(request:segments(), ","), body and body.name,
      }
      return "ok"
    end, function(address)
      local conn = assert(lastcall.connect(address))
      ask(conn, "POST", "/a%20b/c?q=1+2&r=%41",
        "X-One: first\r\nx-one: second\r\nCookie: a=1\r\nCookie: b=2\r\n" ..
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 11\r\n", "name=%C3%A9")
      assert.same({
        "POST", "/a%20b/c", "q=1+2&r=%41", "1.1", "here", "first, second", "a=1; b=2", nil, "first|second",
        "1 2", "a b,c", "\u{e9}",
      }, seen)
      conn:close()
    end)
  end)

  it("reads bodies whole, in pieces, or not at all", function()
    client.serving(function(request)
      if request.path == "/whole" then return assert(request:body()) end
      if request.path == "/ignored" then return "ignored" end
      local count = 0
      for piece in request:chunks(1000) do
        assert(#piece <= 1000)
        count = count + #piece
      end
      return ("%d"):format(count)
    end, function(address)
      local conn = assert(lastcall.connect(address))
      local text = ("0123456789"):rep(50000)
      assert.equal(text, ask(conn, "POST", "/whole", "Content-Length: 500000\r\n", text).body)
      assert.equal("500000", ask(conn, "POST", "/pieces", "Content-Length: 500000\r\n", text).body)
      local chunked = ("1388\r\n%s\r\n"):format(text:sub(1, 5000)):rep(3) .. "0\r\nX-Sum: 1\r\n\r\n"
      assert.equal("15000", ask(conn, "POST", "/pieces", "Transfer-Encoding: chunked\r\n", chunked).body)
      assert.equal("ignored", ask(conn, "POST", "/ignored", "Content-Length: 10\r\n", "0123456789").body)
      assert.equal(text, ask(conn, "POST", "/whole", "Content-Length: 500000\r\n", text).body)
      conn:close()
    end)
  end)

  it("answers 500 when it raises or says nothing, and tells on_error", function()
    local errors = {}
    client.serving(function(request)
      if request.path == "/raises" then error "on purpose" end
    end, function(address)
      for _, path in ipairs { "/raises", "/silent" } do
        local reply = get(address, path)
        assert.same({ 500, "close" }, { reply.status, reply.headers.connection })
      end
      assert.is_truthy(errors[1]:find("on purpose", 1, true))
      assert.is_truthy(errors[2]:find("returned nothing", 1, true))
    end, { on_error = function(err) errors[#errors + 1] = tostring(err) end })
  end)

  it("is named by its line where something is wrong with what it has returned", function()
    local wrong = {
      { "Keep-Alive is lastcall's", 200, { ["Keep-Alive"] = "x" }, "a" },
      { "700 is no status", 700, "a" },
      { "what stands for the body is a boolean", 200, {}, true },
      { "Content-Length is 5, but the body has 1", 200, { ["Content-Length"] = 5 }, "a" },
      { "returned nothing, and written nothing" },
      { "bad argument #1 to 'response:write'", 200, function() return {} end },
    }
    local errors = {}
    local line = debug.getinfo(1, "l").currentline
    local handlers = {
      function(request) return table.unpack(wrong[tonumber(request.query)], 2) end,
      function(request, _) return table.unpack(wrong[tonumber(request.query)], 2) end,
    }
    for i, handler in ipairs(handlers) do
      client.serving(handler, function(address)
        for number, one in ipairs(wrong) do
          errors = {}
          local conn = assert(lastcall.connect(address))
          helper.send(conn, ("GET /?%d HTTP/1.1\r\nHost: here\r\n\r\n"):format(number))
          conn:read "a"
          conn:close()
          assert.equal(1, #errors)
          assert.is_truthy(errors[1]:find(("handler_spec.lua:%d: "):format(line + 1 + i), 1, true), errors[1])
          assert.is_truthy(errors[1]:find(one[1], 1, true), errors[1])
        end
      end, { on_error = function(err) errors[#errors + 1] = tostring(err) end })
    end
  end)

  it("that fails in the middle of its reply leaves no whole one", function()
    client.serving(function(_, response)
      response:write "part"
      response:flush()
      error "on purpose"
    end, function(address)
      local conn = assert(lastcall.connect(address))
      conn:write "GET / HTTP/1.1\r\nHost: here\r\n\r\n"
      local text, code = conn:read("a")
      assert.is_nil(text)
      assert.equal("reset", code)
      conn:close()
    end, { on_error = function() end })
  end)

  it("keeps its request no longer than it runs, and its connection to itself", function()
    local kept, raw
    client.serving(function(request, response)
      kept = kept or { request, response, request.headers }
      raw = { pcall(request.conn.write, request.conn, "x") }
      return "ok"
    end, function(address)
      local conn = assert(lastcall.connect(address))
      ask(conn, "GET", "/")
      ask(conn, "GET", "/")
      for i, object in ipairs(kept) do
        local fine, message = pcall(function() return i == 2 and object:write "x" or object.path end)
        assert.is_false(fine)
        assert.is_truthy(message:find("the request is over", 1, true), message)
      end
      assert.is_false(raw[1])
      assert.is_truthy(raw[2]:find("speaks HTTP", 1, true), raw[2])
      conn:close()
    end)
  end)

  it("cannot send headers that would split the reply", function()
    local errors = {}
    client.serving(function(request)
      local headers = {
        ["/value"] = { ["X-A"] = "a\r\nX-B: b" }, ["/name"] = { ["X A"] = "a" }, ["/type"] = { ["X-A"] = true },
        ["/framing"] = { ["Transfer-Encoding"] = "chunked" },
      }
      return 200, headers[request.path], "body"
    end, function(address)
      for _, path in ipairs { "/value", "/name", "/type", "/framing" } do
        assert.equal(500, get(address, path).status)
      end
      assert.is_truthy(errors[1]:find("the value of the header X-A has a line end", 1, true), errors[1])
      assert.is_truthy(errors[2]:find('"X A" cannot be the name of a header', 1, true), errors[2])
      assert.is_truthy(errors[3]:find("the header X-A is a string, a number or a list of them", 1, true), errors[3])
      assert.is_truthy(errors[4]:find("Transfer-Encoding is lastcall's", 1, true), errors[4])
    end, { on_error = function(err) errors[#errors + 1] = tostring(err) end })
  end)
end)

describe("a server of requests that drains", function()
  it("answers what crossed its decision, says that this is the last, and loses nobody", function()
    local report
    client.serving(function() return "ok" end, function(address, server)
      local conn = assert(lastcall.connect(address))
      assert.is_nil(ask(conn, "GET", "/").headers.connection)
      server:shutdown()
      while server:step() ~= "drain" do lastcall.sleep(0.001) end
      assert.equal("close", ask(conn, "GET", "/").headers.connection)
      assert.equal("eof", select(2, conn:read()))
      conn:close()
      report = server:wait()
    end)
    helper.assert_clean(report)
    assert.equal(0, report.late)
  end)

  it("waits three seconds of silence unless its options say otherwise", function()
    local took
    client.serving(function() return "ok" end, function(address, server)
      local conn = assert(lastcall.connect(address))
      ask(conn, "GET", "/")
      local began = lastcall.now()
      server:shutdown()
      assert.equal("eof", select(2, conn:read()))
      took = lastcall.now() - began
      conn:close()
      server:wait()
    end, { drain = { timeout = 20 } })
    assert.is_true(took >= 2.9 and took < helper.seconds(8), took)
  end)
end)

describe("a request that is refused", function()
  it("is logged with its reason, at the level info", function()
    local logged = {}
    local function log(level, event, fields)
      if event == "request refused" then logged[#logged + 1] = { level, fields.status, fields.cause } end
    end
    client.serving(function() return "ok" end, function(address)
      local long = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n"
      for _, text in ipairs { "GET / HTTP/1.1\r\n\r\n", long, "GET" } do
        local conn = assert(lastcall.connect(address))
        conn:write(text)
        hear(conn)
        conn:close()
      end
    end, { log = log }, { max_body = 10, head_timeout = 0.1 })
    assert.same({
      { "info", 400, "there is no Host" },
      { "info", 413, "the body is too long" },
      { "info", 408, "the head has taken too long" },
    }, logged)
  end)
end)
