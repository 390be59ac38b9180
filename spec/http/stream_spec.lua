-- scripts/test: fast clock
local client = require "spec.support.http.client"
local helper = require "spec.helper"
local lastcall = require "lastcall"

local function open(address, path, headers, version)
  local conn = assert(lastcall.connect(address))
  helper.send(conn, ("GET %s HTTP/%s\r\nHost: here\r\n%s\r\n"):format(path or "/", version or "1.1", headers or ""))
  return conn
end

local function get(address, path, headers)
  local conn = open(address, path, headers)
  local reply = client.hear(conn)
  conn:close()
  return reply
end

--- Reads until the first event has come.
local function begin(conn)
  repeat until assert(conn:read()) == "data: first"
end

describe("an event stream", function()
  it("has its headers and events in the standard's form, and ends with its handler", function()
    client.serving(function(_, response)
      response.headers["cache-control"] = "private"
      local stream = response:events { retry = false }
      stream:send "one\ntwo\r\nthree\rfour\n"
      stream:send { data = 5, event = "sum", id = "a b" }
      stream:send { id = 7 }
      stream:send { event = "nothing", data = "" }
      stream:comment "a\nb"
      assert(stream:post "last")
    end, function(address)
      local reply = get(address)
      local headers = reply.headers
      assert.same({ 200, "text/event-stream", "private", "no", "chunked" }, { reply.status,
        headers["content-type"], headers["cache-control"], headers["x-accel-buffering"], headers["transfer-encoding"] })
      assert.equal("close", headers.connection)
      assert.equal(":\n\ndata: one\ndata: two\ndata: three\ndata: four\ndata: \n\n" ..
        "id: a b\nevent: sum\ndata: 5\n\nid: 7\n\nevent: nothing\ndata: \n\n: a\n: b\n\ndata: last\n\n", reply.body)
    end)
  end)

  it("begins with the time to come back, which is another for each client", function()
    client.serving(function(_, response) response:events { retry = 10 } end, function(address)
      local seen, count = {}, 0
      for _ = 1, 8 do
        local reply = get(address)
        local retry = tonumber(reply.body:match "^retry: (%d+)\n\n$")
        assert.is_true(retry >= 5000 and retry < 15000, reply.body)
        assert.equal("no-store", reply.headers["cache-control"])
        if not seen[retry] then seen[retry], count = true, count + 1 end
      end
      assert.is_true(count > 4)
    end)
  end)

  it("takes no field that would be another one, and says what is wrong", function()
    client.serving(function(_, response)
      local stream = response:events()
      for _, bad in ipairs { "a\nb", "a\rb", "a\0b" } do
        helper.raises("stream:send: id has a line end or a zero byte", stream.send, stream, { id = bad, data = "x" })
        helper.raises("stream:post: event has a line end", stream.post, stream, { event = bad, data = "x" })
      end
      helper.raises("data, event and id, and no 'name'", stream.send, stream, { name = "x" })
      helper.raises("an event has data, event or id", stream.send, stream, {})
      helper.raises("the data is a string or a number, not a nil", stream.send, stream)
      helper.raises("the first argument is a channel", stream.receive, stream, 1)
      helper.raises("call it with ':'", stream.send, "x")
      helper.raises("the response has begun", response.events, response)
      helper.raises("did you mean 'retry'", response.events, response, { retri = 1 })
    end, function(address)
      assert.is_nil(get(address).body:find "data")
    end)
  end)

  it("knows the last event that its client has seen, serves HTTP/1.0, and has no body for HEAD", function()
    local ended
    client.serving(function(_, response)
      local stream = response:events { retry = false }
      stream:send { data = "after " .. tostring(stream.last_id) }
      ended = { stream:wait(0.01) }
    end, function(address)
      assert.equal(":\n\ndata: after 12\n\n", get(address, "/", "Last-Event-ID: 12\r\n").body)
      assert.equal(":\n\ndata: after nil\n\n", get(address).body)
      assert.same({ nil, "timeout" }, { ended[1], ended[2] })
      local old = open(address, "/", "Connection: keep-alive\r\n", "1.0")
      local text = old:read "a"
      assert.is_truthy(text:find("\r\nConnection: close\r\n", 1, true), text)
      assert.equal(":\n\ndata: after nil\n\n", text:match "\r\n\r\n(.*)$")
      old:close()
      local conn = assert(lastcall.connect(address))
      assert.equal("text/event-stream", client.ask(conn, "HEAD", "/").headers["content-type"])
      assert.equal("eof", select(2, conn:read()))
      assert.equal("closed", ended[2])
      conn:close()
    end)
  end)

  -- Ways to spend one's time between two events.
  local waits = {
    send = function(stream)
      local code, fine
      repeat
        lastcall.sleep(0.01)
        fine, code = stream:send "more"
      until not fine
      return code
    end,
    comment = function(stream)
      local code, fine
      repeat
        lastcall.sleep(0.01)
        fine, code = stream:comment "more"
      until not fine
      return code
    end,
    receive = function(stream) return (select(2, stream:receive(lastcall.channel()))) end,
    wait = function(stream) return (select(2, stream:wait())) end,
    elsewhere = function(stream)
      repeat lastcall.sleep(0.3) until stream:draining()
      return (select(2, stream:post "lost"))
    end,
  }

  for name, wait in pairs(waits) do
    it("ends whole at a drain, with a time to come back: " .. name, function()
      local codes, conns = {}, {}
      local report = client.serving(function(_, response)
        local stream = response:events { retry = 4 }
        stream:send "first"
        local code = wait(stream)
        codes[#codes + 1] = code
      end, function(address)
        for i = 1, 3 do
          conns[i] = open(address, "/", nil, i == 3 and "1.0")
        end
        lastcall.sleep(0.1)
        lastcall.shutdown()
        for i, conn in ipairs(conns) do
          local body = i < 3 and client.hear(conn).body or conn:read "a":match "\r\n\r\n(.*)$"
          assert.is_truthy(body:find "^retry: %d+\n\ndata: first\n\n", body)
          assert.is_truthy(body:find "retry: %d+\n\n$", body)
          assert.equal("eof", select(2, conn:read()))
          conn:close()
        end
      end)
      assert.same({ "draining", "draining", "draining" }, codes)
      assert.equal(0, report.tasks_canceled)
      helper.assert_clean(report)
    end)
  end

  it("that begins in a drain ends at once, and its client comes back", function()
    local code
    client.serving(function(_, response)
      lastcall.shutdown()
      lastcall.sleep(0.1)
      local stream = response:events()
      code = select(2, stream:send "late")
    end, function(address)
      local reply = get(address)
      assert.same({ 200, "draining" }, { reply.status, code })
      assert.is_truthy(reply.body:find "^retry: %d+\n\nretry: %d+\n\n$", reply.body)
    end)
  end)

  for name, wait in pairs { send = waits.send, receive = waits.receive, wait = waits.wait } do
    it("ends when its client goes: " .. name, function()
      local codes = {}
      client.serving(function(_, response)
        local stream = response:events()
        stream:send "first"
        local code = wait(stream)
        codes[#codes + 1] = code
        assert.equal("closed", select(2, stream:post "too late"))
      end, function(address, server)
        for _, leave in ipairs { "close", "abort" } do
          local conn = open(address)
          begin(conn)
          conn[leave](conn)
        end
        assert.is_true(server:wait_for("==", 0, helper.seconds(5)))
      end)
      assert.same({ "closed", "closed" }, codes)
    end)
  end

  it("is canceled with its handler's time, and by the end of the drain", function()
    local codes = {}
    local report = client.serving(function(request, response, ctx)
      if request.path == "/short" then
        local bounded <close> = lastcall.context.with_timeout(ctx, 0.05)
        return bounded:call(function() codes.short = select(2, response:events():wait()) end)
      end
      local stream = response:events()
      while ctx:err() == nil do lastcall.sleep(0.05) end -- does not hear of the drain
      codes.deaf = select(2, stream:send "x")
    end, function(address)
      assert.equal(200, get(address, "/short").status)
      local conn = open(address, "/deaf")
      lastcall.sleep(0.1)
      lastcall.shutdown(0.3)
      conn:read "a"
      conn:close()
    end)
    assert.same({ short = "timeout", deaf = "canceled" }, codes)
    assert.is_false(report.clean)
  end)

  it("says something while nothing happens", function()
    client.serving(function(_, response)
      local stream = response:events { heartbeat = 0.2, retry = false }
      lastcall.sleep(0.5)
      stream:send "news"
      stream:wait(0.5)
    end, function(address)
      assert.equal(":\n\n:\n\n:\n\ndata: news\n\n:\n\n:\n\n", get(address).body)
    end)
  end)

  it("posts to many without waiting, in order, and tells of a slow reader", function()
    local big = ("x"):rep(1000)
    local done, full = false, 0
    client.serving(function(request, response)
      request.conn:setsockopt("sndbuf", 4096)
      local stream = response:events { retry = false, max_queue = 20000 }
      for i = 1, 1e6 do
        local began = lastcall.now()
        local fine, code = stream:post { id = i, data = big }
        assert(lastcall.now() - began < helper.seconds(1))
        if not fine then
          full = i
          assert.equal("full", code)
          break
        end
      end
      done = true
      stream:send { id = "end" }
    end, function(address)
      local conn = open(address)
      repeat lastcall.sleep(0.01) until done
      local last = 0
      for id in client.hear(conn).body:gmatch "id: (%w+)\n" do
        if id == "end" then
          done = last
        else
          assert.equal(last + 1, tonumber(id))
          last = last + 1
        end
      end
      assert.equal(full - 1, done)
      conn:close()
    end, { write_timeout = 60 })
  end)

  it("that is closed lets its handler return, and what was posted to it fails", function()
    local result
    client.serving(function(_, response)
      local stream = response:events { retry = false }
      lastcall.go(function()
        stream:post "one"
        stream:close()
        result = { stream:post "two" }
      end)
      assert.equal("closed", select(2, stream:wait()))
    end, function(address)
      assert.equal(":\n\ndata: one\n\n", get(address).body)
      assert.same({ nil, "closed" }, { result[1], result[2] })
    end)
  end)
end)

describe("a piece of a body that waits for its turn", function()
  local LENGTH = 900000
  for name, write in pairs {
    ["one string"] = function(response) return response:write "late" end,
    ["many strings"] = function(response) return response:write(("late "):rep(9):byte(1, -1)) end,
    ["a stream's"] = function(response) return response:write("data: late\n", "\n") end,
  } do
    it("is not sent behind the end of the reply: " .. name, function()
      local result
      client.serving(function(request, response)
        if request.path == "/next" then return "next" end
        request.conn:setsockopt("sndbuf", 4096)
        lastcall.go(function()
          lastcall.sleep(0.05) -- the handler's write is half-way through
          result = { write(response) }
        end)
        response:write(("x"):rep(LENGTH))
      end, function(address)
        local conn = open(address)
        lastcall.sleep(0.2)
        assert.equal(LENGTH, #client.hear(conn).body)
        assert.equal("next", client.ask(conn, "GET", "/next").body)
        assert.same({ nil, "closed" }, { result[1], result[2] })
        conn:close()
      end)
    end)
  end
end)
