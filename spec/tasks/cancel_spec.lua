-- scripts/test: early, fast clock
local helper = require "spec.helper"
local http = require "lastcall.http"
local system = require "spec_system"

-- A connection that a silent server holds open, and the server.
local function silent(lastcall)
  local server, address = helper.serve(lastcall, function(conn) conn:server():wait_for("==", 99) end)
  return assert(lastcall.connect(address, { linger = 0 })), server, address
end

-- Writes to a peer that reads nothing until there is no room.
local function fill(lastcall, conn)
  local block, written = ("x"):rep(65536), 0
  local before
  lastcall.go(function() while conn:write(block) do written = written + 1 end end)
  repeat
    before = written
    lastcall.sleep(0.05)
  until written == before
end

-- One whose peer reads nothing and whose buffers are full.
local function full(lastcall)
  local conn = silent(lastcall)
  fill(lastcall, conn)
  return conn
end

-- For each function that the API says waits: what makes a call of it wait for ever. Each is given the
-- module and returns the call.
local CALLS = {
  ["lastcall.connect"] = function(lastcall)
    local _, _, address = silent(lastcall)
    local deaf = assert(lastcall.listen("127.0.0.1:0", { backlog = 1 }))
    deaf:suspend()
    for _ = 1, 3 do lastcall.go(lastcall.connect, deaf:addresses()[1], { timeout = 0.5 }) end
    lastcall.sleep(0.02)
    assert.is_truthy(address)
    return function() return lastcall.connect(deaf:addresses()[1]) end
  end,
  ["lastcall.sleep"] = function(lastcall) return function() return lastcall.sleep(60) end end,
  ["lastcall.select"] = function(lastcall)
    local channel = lastcall.channel()
    return function() return lastcall.select { channel } end
  end,
  ["lastcall.poll"] = function(lastcall)
    local reading, writing = system.pipe()
    return function() return lastcall.poll(reading) end, function()
      system.close(reading)
      system.close(writing)
    end
  end,
  ["lastcall.pipe"] = function(lastcall)
    local a, b = silent(lastcall), silent(lastcall)
    return function() return lastcall.pipe(a, b) end
  end,
  ["lastcall.copy"] = function(lastcall)
    local a, b = silent(lastcall), silent(lastcall)
    return function() return lastcall.copy(a, b) end
  end,
  ["Server:serve"] = function(lastcall)
    local server = assert(lastcall.listen("127.0.0.1:0"))
    return function() return server:serve(print) end
  end,
  ["Server:accept"] = function(lastcall)
    local server = assert(lastcall.listen("127.0.0.1:0"))
    return function() return server:accept() end
  end,
  ["Server:wait"] = function(lastcall)
    local server = assert(lastcall.listen("127.0.0.1:0"))
    return function() return server:wait() end
  end,
  ["Server:wait_for"] = function(lastcall)
    local server = assert(lastcall.listen("127.0.0.1:0"))
    return function() return server:wait_for("==", 1) end
  end,
  ["Connection:close"] = function(lastcall)
    local conn = full(lastcall)
    return function() return conn:close(60) end, function() conn:abort() end
  end,
  ["Task:wait"] = function(lastcall)
    local task = lastcall.go(lastcall.sleep, 60)
    return function() return task:wait() end
  end,
  ["Context:wait"] = function(lastcall)
    local ctx = lastcall.context.background()
    return function() return ctx:wait() end
  end,
  ["Group:go"] = function(lastcall)
    local group = lastcall.group()
    group:set_limit(1)
    group:go(lastcall.sleep, 60)
    return function() return group:go(print) end
  end,
  ["Group:wait"] = function(lastcall)
    local group = lastcall.group(lastcall.context.background())
    group:go(lastcall.sleep, 60)
    return function() return group:wait() end
  end,
  ["Waitgroup:wait"] = function(lastcall)
    local group = lastcall.waitgroup()
    group:add(1)
    return function() return group:wait() end
  end,
  ["Channel:send"] = function(lastcall)
    local channel = lastcall.channel()
    return function() return channel:send(1) end
  end,
  ["Channel:receive"] = function(lastcall)
    local channel = lastcall.channel()
    return function() return channel:receive() end
  end,
  ["Semaphore:acquire"] = function(lastcall)
    local semaphore = lastcall.semaphore(1)
    semaphore:acquire()
    return function() return semaphore:acquire() end
  end,
}

local ARGUMENTS = { read_until = { ";" }, write = { ("x"):rep(1 << 20) }, shutdown = { "write" } }
local READS = { "await", "read", "read_some", "read_until", "lines" }
local WRITES = { "write", "flush", "shutdown", "detach" }

-- Calls a method of a connection that waits.
local function call_on(conn, name)
  if name ~= "lines" then return conn[name](conn, table.unpack(ARGUMENTS[name] or {})) end
  local line = conn:lines()()
  return line, conn:error()
end

-- The call, on a connection that `make` gives, and what ends it.
local function calling(make, name)
  return function(lastcall)
    local conn = make(lastcall)
    return function() return call_on(conn, name) end, function() conn:abort() end
  end
end

for _, name in ipairs(READS) do CALLS["Connection:" .. name] = calling(silent, name) end
for _, name in ipairs(WRITES) do CALLS["Connection:" .. name] = calling(full, name) end

local HEAD = "POST / HTTP/1.1\r\nHost: here\r\nContent-Type: application/x-www-form-urlencoded\r\n" ..
  "Content-Length: 9\r\n\r\n"
local HANDSHAKE = "GET / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" ..
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

-- The call, on what `begin` makes of the request and the response of a client that has sent the head alone and reads
-- nothing.
local function begun(head, begin, call)
  return function(lastcall)
    local given = lastcall.channel(1)
    local _, address = helper.serve(lastcall, http.handler(function(request, response)
      given:send(table.pack(begin(request, response)))
      lastcall.sleep(60)
    end))
    local conn = assert(lastcall.connect(address, { linger = 0 }))
    helper.send(conn, head)
    local made = given:receive()
    return function() return call(table.unpack(made, 1, made.n)) end, function() conn:abort() end
  end
end

local function serving(call) return begun(HEAD, function(...) return ... end, call) end

-- The call, with the URL of a server that takes connections and says nothing.
local function asking(call)
  return function(lastcall)
    local _, _, address = silent(lastcall)
    return function() return call("http://" .. address .. "/") end
  end
end

-- The call, on the reply of a server that has sent its head alone.
local function replied(call)
  return function(lastcall)
    local _, address = helper.serve(lastcall, function(conn)
      conn:write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
      conn:flush()
      lastcall.sleep(60)
    end)
    local reply = assert(http.get("http://" .. address .. "/"))
    return function() return call(reply) end, function() reply:close() end
  end
end

-- The call, on an event stream or a WebSocket whose client reads nothing.
local function streaming(call)
  return begun("GET / HTTP/1.1\r\nHost: here\r\n\r\n", function(_, response)
    return response:events { heartbeat = false }
  end, call)
end

local function upgraded(call)
  return begun(HANDSHAKE, http.websocket, call)
end

for _, name in ipairs { "form", "body", "read" } do
  CALLS["HttpRequest:" .. name] = serving(function(request) return request[name](request) end)
end
for _, name in ipairs { "write", "flush" } do
  CALLS["HttpResponse:" .. name] = serving(function(_, response)
    local fine, code
    repeat
      fine, code = response:write(("x"):rep(65536))
      if fine and name == "flush" then fine, code = response:flush() end
    until not fine
    return fine, code
  end)
end

CALLS["HttpResponse:file"] = function(lastcall)
  local path = os.tmpname()
  assert(os.execute("truncate -s 64M " .. path))
  local call, tidy = serving(function(_, response) return response:file(path) end)(lastcall)
  return call, function()
    tidy()
    os.remove(path)
  end
end
CALLS["http.request"] = asking(function(url) return http.request(url) end)
CALLS["http.get"] = asking(function(url) return http.get(url) end)
CALLS["http.post"] = asking(function(url) return http.post(url, "text") end)
CALLS["HttpReply:body"] = replied(function(reply) return reply:body() end)
CALLS["HttpReply:read"] = replied(function(reply) return reply:read() end)

-- The call, on the end of a unix connection whose peer reads and says nothing.
local function over_unix(call)
  return function(lastcall)
    local here, there, server = helper.pair(lastcall, { at = "unix:" .. helper.socket_path() })
    return function() return call(here) end, function()
      there:abort()
      server:close()
    end
  end
end

CALLS["Connection:receive_fds"] = over_unix(function(conn) return conn:receive_fds(1) end)
CALLS["Connection:send_fds"] = over_unix(function(conn)
  local fine, code
  repeat fine, code = conn:send_fds({ 2 }, ("x"):rep(65536)) until not fine
  return fine, code
end)
CALLS["Process:wait"] = function(lastcall)
  local child = assert(lastcall.process { argv = { "sleep", "60" } })
  return function() return child:wait() end, function() child:kill "KILL" end
end

CALLS["lastcall.offload"] = function(lastcall)
  return function() return lastcall.offload("os.execute", "sleep 60") end
end

-- Until there is no room.
local function again(call)
  return function(one)
    local fine, code
    repeat fine, code = call(one) until not fine
    return fine, code
  end
end

local BLOCK = ("x"):rep(65536)
CALLS["HttpStream:receive"] = streaming(function(stream) return stream:receive(require("lastcall").channel()) end)
CALLS["HttpStream:wait"] = streaming(function(stream) return stream:wait() end)
CALLS["Websocket:read"] = upgraded(function(ws) return ws:read() end)
CALLS["Websocket:send"] = upgraded(again(function(ws) return ws:send(BLOCK) end))
CALLS["Websocket:send_binary"] = upgraded(again(function(ws) return ws:send_binary(BLOCK) end))

-- Those that the table cannot have, and why.
local ELSEWHERE = {
  ["HttpRequest:chunks"] = "raises: it is read that waits",
  ["HttpReply:chunks"] = "raises: it is read that waits",
  ["HttpClient:request"] = "http.request is this of a client that all share",
  ["HttpClient:get"] = "http.get is this of a client that all share",
  ["HttpClient:post"] = "http.post is this of a client that all share",
  ["http.connect_websocket"] = "connects and asks as http.get does: websocket_clients_spec has it",
  ["HttpStream:send"] = "an event that is cut ends the stream, which is closed then",
  ["HttpStream:comment"] = "a comment that is cut ends the stream, which is closed then",
  ["HttpResponse:events"] = "waits for room for the head, as write does",
  ["Websocket:messages"] = "ends without a code: it is read that waits",
  ["Websocket:close"] = "a close is carried out all the same: websocket_spec has it",
  ["Connection:starttls"] = "the reads and writes after it wait for the handshake: starttls_spec has it",
  ["HttpRequest:upgrade"] = "waits for what is left of the body, as body does",
  ["lastcall.process"] = "the start goes on, and gives a child that is told to end: subprocess_spec has it",
  ["lastcall.listen"] = "waits for a name to be looked up: address_spec has it",
  ["lastcall.resolve"] = "waits for a name to be looked up: resolve_spec has it",
  ["Server:listen"] = "waits for a name to be looked up: address_spec has it",
  ["socket.serve"] = "lasts until the shutdown is done: mark_spec and socket_script_spec have it",
  ["Channel:iter"] = "ends without a code: it is receive that waits",
}

-- What the meta files mark as waiting.
local function waiting_functions()
  local found, marked = {}, false
  for _, path in ipairs(helper.meta_files()) do
    for line in io.lines(path) do
      local name = line:match("^function ([%w.:_]+)")
      if name and marked then found[#found + 1] = name end
      if line:find("^%-%-%-.*%(waits") then marked = true end
      if name or not line:find("^%-%-%-") then marked = false end
    end
  end
  return found
end

local sorted = {}
for name in pairs(CALLS) do sorted[#sorted + 1] = name end
table.sort(sorted)

-- Each call in a task of its own, entered by `enter`; `wake` ends its wait, which must be told as `code`.
local function each_call(enter, wake, code)
  helper.task(function(lastcall)
    for _, name in ipairs(sorted) do
      local call, tidy = CALLS[name](lastcall)
      local task, argument = enter(lastcall, call)
      lastcall.sleep(0.02)
      assert.equal("waiting", task:status(), name)
      wake(task, argument)
      local first, failure = task:wait(helper.seconds(2))
      assert.is_nil(first, name)
      assert.equal(code, failure, name)
      if tidy then tidy() end
    end
  end, { drain = 0.3, on_error = function() end })
end

describe("a task blocked in anything that waits", function()
  it("is in the table of this spec", function()
    local names = waiting_functions()
    assert.is_true(#names > 25)
    for _, name in ipairs(names) do assert.is_truthy(CALLS[name] or ELSEWHERE[name], name) end
  end)

  it("[9] is woken by its cancel", function()
    each_call(function(lastcall, call) return lastcall.go(call) end, function(task) task:cancel() end, "canceled")
  end)

  it("[9] is woken by the end of its context", function()
    each_call(function(lastcall, call)
      local ctx, cancel = lastcall.context.with_cancel()
      return lastcall.go(function() return ctx:call(call) end), cancel
    end, function(_, cancel) cancel() end, "canceled")
  end)

  it("[9] is woken by its context's deadline", function()
    each_call(function(lastcall, call)
      local ctx = lastcall.context.with_timeout(nil, helper.seconds(0.2))
      return lastcall.go(function() return ctx:call(call) end)
    end, function() end, "timeout")
  end)

  it("[9] does not even begin to wait when it is canceled already", function()
    helper.task(function(lastcall)
      local ctx, cancel = lastcall.context.with_cancel()
      cancel()
      for _, name in ipairs(sorted) do
        local call, tidy = CALLS[name](lastcall)
        local task = lastcall.go(function() return ctx:call(call) end)
        lastcall.sleep(0.02)
        assert.not_equal("waiting", task:status(), name)
        local first, code = task:wait(helper.seconds(2))
        -- A close is carried out all the same, without waiting for its end.
        if name == "Connection:close" then
          assert.equal("pending", first)
        else
          assert.is_nil(first, name)
          assert.equal("canceled", code, name)
        end
        if tidy then tidy() end
      end
    end, { drain = 0.3, on_error = function() end })
  end)
end)

-- What ends the waits on one thing when it is closed from elsewhere, and with which code.
local CLOSES = {
  ["Server:accept"] = function(lastcall)
    local server = assert(lastcall.listen("127.0.0.1:0"))
    return function() return server:accept() end, function() server:close() end
  end,
  ["Channel:receive"] = function(lastcall)
    local channel = lastcall.channel()
    return function() return channel:receive() end, function() channel:close() end
  end,
  ["Channel:send"] = function(lastcall)
    local channel = lastcall.channel()
    return function() return channel:send(1) end, function() channel:close() end
  end,
}

describe("a task that waits on something that is closed by another task", function()
  it("is woken with closed", function()
    local calls = {}
    for name, make in pairs(CLOSES) do calls[name] = make end
    for _, names in ipairs { READS, WRITES } do
      for _, name in ipairs(names) do calls["Connection:" .. name] = CALLS["Connection:" .. name] end
    end
    helper.task(function(lastcall)
      for name, make in pairs(calls) do
        local call, close = make(lastcall)
        local task = lastcall.go(call)
        lastcall.sleep(0.02)
        assert.equal("waiting", task:status(), name)
        close()
        local first, code = task:wait(helper.seconds(2))
        assert.is_nil(first, name)
        assert.equal("closed", code, name)
      end
    end, { drain = 0.3, on_error = function() end })
  end)

  it("is woken with the peer's reset, where it has a peer", function()
    helper.task(function(lastcall)
      for _, names in ipairs { READS, WRITES } do
        for _, name in ipairs(names) do
          local there
          local _, address = helper.serve(lastcall, function(conn)
            there = conn
            lastcall.sleep(60)
          end)
          local conn = assert(lastcall.connect(address, { linger = 0 }))
          if names == WRITES then fill(lastcall, conn) end
          while not there do lastcall.sleep(0.01) end
          local task = lastcall.go(call_on, conn, name)
          lastcall.sleep(0.02)
          assert.equal("waiting", task:status(), name)
          there:abort()
          local first, code = task:wait(helper.seconds(2))
          assert.is_nil(first, name)
          assert.equal("reset", code, name)
        end
      end
    end, { drain = 0.3, on_error = function() end, log = function() end })
  end)
end)

describe("ten thousand tasks under one context", function()
  it("[2] [10] are marked at once by its cancel, and resumed before any new work", function()
    helper.task(function(lastcall)
      local ctx, cancel = lastcall.context.with_cancel()
      local woken, early = 0, 0
      for _ = 1, 10000 do
        ctx:go(function()
          lastcall.sleep(3600)
          woken = woken + 1
        end)
      end
      lastcall.sleep(0.01)
      cancel("all")
      assert.is_true(ctx:done())
      lastcall.go(function() early = woken end):wait()
      assert.equal(10000, woken)
      assert.equal(10000, early)
    end)
  end)
end)
