-- What a script must not do with requests and responses raises, or fails, and ends nothing but its own reply.
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

local function serving(fn, main, handler_options)
  return helper.task(function()
    local options = { on_error = function() end }
    local server, address = helper.serve(lastcall, http.handler(fn, handler_options), options)
    main(address, server)
  end)
end

--- Sends what is given on a connection of its own; returns all that comes, whether or not it ends in order.
local function send(address, text)
  local conn = assert(lastcall.connect(address))
  assert(conn:write(text))
  local heard, _, _, partial = conn:read "a"
  conn:close()
  return heard or partial
end

local LAST = "Host: here\r\nConnection: close\r\n"
local GET = "GET /x HTTP/1.1\r\n" .. LAST .. "\r\n"

local function body_of(reply) return (reply:match "\r\n\r\n(.*)$") end

--- The data of chunks; nil when they are not whole.
local function unchunked(text)
  local pieces, at = {}, 1
  while true do
    local size, begin = text:match("^(%x+)\r\n()", at)
    size = size and tonumber(size, 16)
    if not size then return nil end
    if size == 0 then return text:sub(begin) == "\r\n" and table.concat(pieces) or nil end
    pieces[#pieces + 1] = text:sub(begin, begin + size - 1)
    if text:sub(begin + size, begin + size + 1) ~= "\r\n" then return nil end
    at = begin + size + 2
  end
end

--- Serves one request with `fn`, and answers "ok" unless it answers something else.
local function within(fn, ask)
  local results
  serving(function(request, response)
    results = table.pack(pcall(fn, request, response))
    return "ok"
  end, function(address) send(address, ask or GET) end)
  assert(results[1], results[2])
  return table.unpack(results, 2, results.n)
end

describe("misuse of requests and responses", function()
  it("raises for another self, whichever it is", function()
    within(function(request, response)
      local headers = request.headers
      for _, case in ipairs {
        { "a request", request.body }, { "a request", request.read }, { "a request", request.trailers },
        { "a request", request.upgrade }, { "a response", response.write }, { "a response", response.flush },
        { "a response", response.inform }, { "a headers", headers.all },
      } do
        local own = case[1] == "a request" and request or case[1] == "a response" and response or headers
        for _, other in ipairs { 1, "x", {}, io.stdout, request, response, headers, request.conn, print } do
          if other ~= own then helper.raises("expected " .. case[1] .. " as self", case[2], other, "x") end
        end
        helper.raises("expected " .. case[1] .. " as self", case[2])
      end
    end)
  end)

  it("raises for a request that is over, also when the next one has taken its place", function()
    local first, seen = {}, {}
    serving(function(request, response)
      if first[1] then
        local old, old_response, old_headers = table.unpack(first)
        for _, fn in ipairs {
          function() return old:body() end, function() return old.path end, function() return old_headers.host end,
          function() return old:segments() end, function() return old_response:write "x" end,
          function() return old_response.begun end, function() old_response.status = 404 end,
          function() return pairs(old_headers) end, function() return old:upgrade "x" end,
        } do
          helper.raises("the request is over", fn)
        end
        seen = { tostring(old), tostring(request) }
      end
      first = { request, response, request.headers }
      return "ok"
    end, function(address) send(address, "GET /1 HTTP/1.1\r\nHost: here\r\n\r\n" .. GET) end)
    assert.same({ "request (over)", "request GET /x" }, seen)
    assert.equal("request (over)", tostring(first[1]))
    helper.raises("the request is over", function() first[2]:write "x" end)
  end)

  it("raises for a second reader, and for an upgrade beside a write that waits", function()
    local ask = "POST /x HTTP/1.1\r\nContent-Length: 5\r\n" .. LAST .. "\r\n"
    for _, name in ipairs { "body", "read" } do
      within(function(request)
        lastcall.spawn(function() pcall(request[name], request) end)
        lastcall.sleep(0)
        helper.raises("request:body: another task is already reading", request.body, request)
        helper.raises("request:read: another task is already reading", request.read, request)
        request.conn:abort()
      end, ask)
    end
    within(function(request, response)
      local long = { X = ("x"):rep(30000) }
      for _ = 1, 1000 do response:inform(103, long) end -- more than the kernel takes
      lastcall.spawn(function() response:flush() end)
      lastcall.sleep(0)
      helper.raises("another task waits", request.upgrade, request, "x")
      request.conn:abort()
    end, "GET / HTTP/1.1\r\nHost: here\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
  end)

  it("keeps apart what tasks write at once, in many pieces, to a client that reads late", function()
    local results = {}
    serving(function(_, response)
      local tasks = {}
      for i = 1, 3 do
        local pieces = {}
        for k = 1, 70 do pieces[k] = tostring(i):rep(k % 7 == 0 and 0 or 100000) end
        tasks[i] = lastcall.spawn(function() results[i] = { response:write(table.unpack(pieces)) } end)
      end
      for i = 1, 3 do tasks[i]:wait() end
    end, function(address)
      local conn = assert(lastcall.connect(address, { max_read = 1 << 25 }))
      conn:write(GET)
      lastcall.sleep(0.1)
      local body = unchunked(body_of(assert(conn:read "a")))
      assert.same({ { true }, { true }, { true } }, results)
      assert.equal(18000000, body and #body)
      for i = 1, 3 do assert.is_truthy(body:find(tostring(i):rep(6000000), 1, true)) end -- in whichever order
    end)
  end)

  it("may give up a write of which nothing was accepted: the next one has another size", function()
    local given, given_up = lastcall.channel(1)
    serving(function(request, response)
      local long = { X = ("x"):rep(30000) }
      for _ = 1, 300 do response:inform(103, long) end -- more than the kernel takes
      local writer = lastcall.spawn(function() given_up = { response:write(("x"):rep(1000)) } end)
      lastcall.sleep(0)
      writer:cancel()
      writer:wait()
      given:send(true)
      response:write(("y"):rep(request.path == "/more" and 2000 or 20))
    end, function(address)
      for path, size in pairs { ["/more"] = 2000, ["/less"] = 20 } do
        local conn = assert(lastcall.connect(address, { max_read = 1 << 25 }))
        conn:write("GET " .. path .. " HTTP/1.1\r\n" .. LAST .. "\r\n")
        given:receive()
        local heard = assert(conn:read "a")
        assert.equal(("y"):rep(size), unchunked(body_of(heard:match "\r\n\r\n(HTTP/1.1 200 .*)$")))
        assert.same({ nil, "canceled", 0 }, { given_up[1], given_up[2], given_up[4] })
        conn:close()
      end
    end)
  end)

  it("lets HEAD and 304 say how long the body would be", function()
    serving(function(request)
      return tonumber(request.path:sub(2)), { ["Content-Length"] = 1000 }, ""
    end, function(address)
      local function ask(line) return send(address, line .. " HTTP/1.1\r\n" .. LAST .. "\r\n") end
      assert.matches("^HTTP/1.1 200 OK\r\n.*Content%-Length: 1000\r\n", ask "HEAD /200")
      assert.matches("^HTTP/1.1 304 .*Content%-Length: 1000\r\n", ask "GET /304")
      assert.matches("^HTTP/1.1 500 ", ask "GET /200")
    end)
  end)

  it("reads headers as they are, whatever metatables say", function()
    local strings, asked = getmetatable "", 0
    local function long()
      asked = asked + 1
      return ("secret"):rep(asked * 1000)
    end
    local headers = setmetatable({ X = "plain", Y = { "a", "b" } }, {
      __index = long, __pairs = long, __len = long,
    })
    serving(function(request, response)
      strings.__tostring = long
      if request.path == "/sets" then
        response.headers = headers
        return "ok"
      end
      return 200, headers, "ok"
    end, function(address)
      for _, path in ipairs { "/sets", "/returns" } do
        local reply = send(address, "GET " .. path .. " HTTP/1.1\r\n" .. LAST .. "\r\n")
        strings.__tostring = nil
        assert.matches("\r\nX: plain\r\n", reply)
        assert.matches("\r\nY: a\r\nY: b\r\n", reply)
        assert.is_true(#reply < 400)
      end
    end)
    assert.equal(0, asked)
  end)

  it("cuts a reply whose function raises, or gives no text", function()
    local ways = {
      raises = function() error "on purpose" end, table = function() return {} end,
      ["false"] = function() return false end, boolean = function() return true end,
    }
    serving(function(request)
      local way = ways[request.path:sub(2)]
      local count = 0
      return function()
        count = count + 1
        if count < 3 then return "piece" end
        return way()
      end
    end, function(address)
      for name in pairs(ways) do
        local reply = send(address, "GET /" .. name .. " HTTP/1.1\r\n" .. LAST .. "\r\n")
        assert.is_nil(unchunked(body_of(reply) or ""), name)
      end
    end)
  end)

  it("raises for values that no reply can have, and goes on", function()
    within(function(request, response)
      helper.raises("at least one byte", request.read, request, 0)
      helper.raises("not negative", request.body, request, -1)
      helper.raises("from 200 to 599", function() response.status = 1 << 40 end)
      helper.raises("1099511627776", function() response.status = 1 << 40 end)
      helper.raises("whole number", function() response.status = 200.5 end)
      helper.raises("is a table", function() response.headers = "x" end)
      helper.raises("can set status and headers", function() response[{}] = 1 end)
      helper.raises("from 102 to 199", response.inform, response, 1 << 40)
      response.headers = { ["Content-Length"] = math.maxinteger }
      assert(response:write "x")
      helper.raises("the response has begun", function() response.headers = {} end)
      request.conn:abort()
    end)
  end)

  it("is possible in a finalizer only as far as nothing waits", function()
    local results
    serving(function(request, response)
      setmetatable({}, { __gc = function()
        results = { pcall(response.write, response, "from a finalizer"), pcall(request.body, request) }
        results[3] = request.path
      end })
      collectgarbage()
      collectgarbage()
    end, function(address)
      local ask = "POST /x HTTP/1.1\r\nContent-Length: 5\r\n" .. LAST .. "\r\n"
      assert.equal("from a finalizer", unchunked(body_of(send(address, ask))))
    end)
    assert.equal(true, results[1])
    assert.equal(false, results[2])
    assert.equal("/x", results[3])
  end)

  it("raises for a farewell, and for a detach, before an upgrade", function()
    helper.task(function()
      local requests = http.handler(function(request)
        helper.raises("speaks HTTP", request.conn.set_farewell, request.conn, "bye")
        helper.raises("speaks HTTP", request.conn.detach, request.conn)
        return "ok"
      end)
      local server = assert(lastcall.listen("127.0.0.1:0", { farewell = "bye" }))
      helper.raises("no words for a farewell", server.serve, server, requests)
      server:close()
      local _, address = helper.serve(lastcall, requests)
      assert.equal("ok", body_of(send(address, GET)))
    end)
  end)

  it("raises for a heartbeat, whose words would stand among replies, before an upgrade", function()
    local beats = { interval = 10, timeout = 5, send = "PING" }
    local replied, set
    helper.task(function()
      local requests = http.handler(function(request)
        helper.raises("speaks HTTP", request.conn.heartbeat, request.conn, beats)
        local conn = request:upgrade "x"
        set = conn and conn:heartbeat(beats)
        return "ok"
      end)
      local server = assert(lastcall.listen("127.0.0.1:0", { heartbeat = beats }))
      helper.raises("no words for a heartbeat", server.serve, server, requests)
      local refused
      lastcall.spawn(function()
        server:serve(function(conn)
          refused = select(2, pcall(requests, conn))
          conn:heartbeat(false)
          requests(conn)
        end)
      end)
      lastcall.sleep(0)
      replied = send(server:addresses()[1], GET)
      assert.matches("no words for a heartbeat", refused)
      local conn = assert(lastcall.connect(server:addresses()[1]))
      conn:write "GET / HTTP/1.1\r\nHost: here\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
      assert.matches("^HTTP/1.1 101 ", conn:read "a")
    end)
    assert.equal("ok", body_of(replied))
    assert.equal(true, set)
  end)

  --- Sends the body in another process, so that it comes as fast as it is read.
  local SENDER = [[
    local lastcall = require "lastcall"
    lastcall.run(function()
      local conn = assert(lastcall.connect(arg[1]))
      conn:write("POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: here\r\nConnection: close\r\n\r\n")
      for _ = 1, 1000 do conn:write(("1\r\nx\r\n"):rep(1000)) end
      conn:write "0\r\n\r\n"
      io.write(conn:read "a")
    end)
  ]]

  it("does not hold up others with a body of the smallest chunks", function()
    local turns, path = 0, helper.write_file(SENDER)
    serving(function(request)
      local over = false
      lastcall.spawn(function()
        while not over do
          turns = turns + 1
          lastcall.sleep(1e-6)
        end
      end)
      local body = assert(request:body())
      over = true
      return tostring(#body)
    end, function(address, server)
      local sender = assert(io.popen(("lua5.4 %s %s"):format(path, address)))
      repeat lastcall.sleep(0.01) until server:stats().requests == 1 and server:stats().in_flight == 0
      assert.equal("1000000", body_of(sender:read "a"))
      sender:close()
    end)
    os.remove(path)
    assert.is_true(turns > 10, turns)
  end)
end)
