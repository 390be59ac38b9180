-- scripts/test: early
local helper = require "spec.helper"
local process = require "spec.support.process"
local socket = require "lastcall.socket"
local unix = require "lastcall.socket.unix"

-- What becomes of a script's clients when nothing is left to accept, and when the script itself ends.

local function listen_tcp()
  local server = assert(socket.bind("127.0.0.1", 0))
  local host, port = server:getsockname()
  return server, function() return assert(socket.connect(host, port)) end
end

local function listen_unix()
  local server, path = unix.stream(), helper.socket_path()
  assert(server:bind(path))
  assert(server:listen())
  return server, function()
    local client = unix.stream()
    assert(client:connect(path))
    return client
  end
end

--- Waits until the ladder has ended the listener.
local function wait_for_end(lastcall, server)
  while server:getfd() >= 0 do lastcall.sleep(0.01) end
end

--- Consumes the half line that has come, which makes the connection busy.
local function read_half(accepted)
  accepted:settimeout(0.1)
  assert.same({ nil, "timeout", "half a " }, { accepted:receive() })
end

local function is_listed(server) return socket.select({ server }, nil, 0)[1] == server end

describe("accept, when the ladder has ended the listener,", function()
  for transport, listen in pairs { tcp = listen_tcp, ["unix-domain"] = listen_unix } do
    it(("waits while an accepted client is open, and then returns nil (%s)"):format(transport), function()
      helper.task(function(lastcall)
        local server, connect = listen()
        local client = connect()
        local accepted = server:accept()
        client:send("half a ")
        read_half(accepted)
        lastcall.spawn(function() lastcall.shutdown() end)
        wait_for_end(lastcall, server)
        assert.is_false(is_listed(server))
        server:settimeout(0)
        assert.equal("timeout", select(2, server:accept()))
        server:settimeout()
        local waiter = lastcall.go(function() return select(2, server:accept()) end)
        lastcall.sleep(0.1)
        assert.equal("waiting", waiter:status())
        accepted:send("answer\n")
        accepted:close()
        assert.equal("closed", (waiter:wait(helper.seconds(2))))
        assert.is_true(is_listed(server))
        assert.equal("closed", select(2, server:accept()))
        assert.equal("answer", (client:receive()))
        client:close()
      end)
    end)
  end

  it("waits for the clients of other listeners, too", function()
    helper.task(function(lastcall)
      local server, connect = listen_tcp()
      local other = listen_unix()
      local client = connect()
      local accepted = server:accept()
      client:send("half a ")
      read_half(accepted)
      lastcall.spawn(function() lastcall.shutdown() end)
      local waiter = lastcall.go(function() return socket.select { other } end)
      wait_for_end(lastcall, server)
      wait_for_end(lastcall, other)
      lastcall.sleep(0.1)
      assert.equal("waiting", waiter:status())
      accepted:close()
      assert.equal(other, waiter:wait(helper.seconds(2))[1])
      assert.equal("closed", select(2, other:accept()))
      client:close()
    end)
  end)

  it("returns nil at cancel, whatever is open", function()
    local word, answer
    helper.task(function(lastcall)
      local server, connect = listen_tcp()
      local client = connect()
      local accepted = server:accept()
      client:send("half a ")
      read_half(accepted)
      lastcall.spawn(function() lastcall.shutdown() end)
      word = select(2, server:accept())
      accepted:send("sorry\n")
      accepted:close()
      answer = client:receive()
      client:close()
    end, { drain = { timeout = 2, grace = 1 } })
    assert.equal("closed", word)
    assert.equal("sorry", answer)
  end)
end)

--- Runs a script with the program lastcall: a client that has been served and one that has sent half a line, then
-- SIGTERM. What each client is told within a time that is well before the deadline, and what the script printed.
local function stop(text)
  local path = helper.write_file(([[
    local socket, lastcall = require "socket", require "lastcall"
    local server = require "spec.support.programs.loops.listener"()
    %s
  ]]):format(text))
  local server = process.start("lua5.4 bin/lastcall --drain 20 " .. path)
  local address = server:address()
  local told = {}
  helper.task(function(lastcall)
    local idle, half = assert(lastcall.connect(address)), assert(lastcall.connect(address))
    helper.send(idle, "first\n")
    assert(idle:read() == "first")
    helper.send(half, "half a ")
    lastcall.sleep(0.1)
    server:signal "TERM"
    for _, conn in ipairs { idle, half } do
      conn:set_deadline(lastcall.now() + helper.seconds(8))
      told[#told + 1] = select(2, conn:read())
      conn:close()
    end
  end)
  local output, fine = server:finish()
  os.remove(path)
  return table.concat(told, " "), output, fine
end

-- Reads a line of each client; at a stop it does what `at_stop` says.
local LOOP = [[
  local function serve(at_stop)
    local all = { server }
    while true do
      for _, one in ipairs((socket.select(all, nil, 0.05))) do
        if one == server then
          local client = server:accept()
          client:settimeout(0)
          all[#all + 1] = client
        else
          local line = one:receive()
          if line then one:send(line .. "\n") end
        end
      end
      if not lastcall.ready() then return at_stop(all) end
    end
  end
]]

describe("a script that leaves open clients behind in a drain", function()
  local WAYS = {
    ["returns"] = [[serve(function() end)]],
    ["fails"] = [[serve(function() error "in the middle" end)]],
    ["fails, and its clients are in a global table"] = [[serve(function(all) clients = all error "in the middle" end)]],
    ["ends in a coroutine"] = [[coroutine.wrap(serve)(function() coroutine.yield() end)]],
    ["fails in a coroutine"] = [[coroutine.resume(coroutine.create(serve), function() error "in the middle" end)]],
    ["fails, while another task goes on"] = [[
      lastcall.go(function() repeat until not lastcall.sleep(0.05) end)
      serve(function() error "in the middle" end)]],
    ["has a task that fails, and goes on itself"] = [[
      lastcall.spawn(function() serve(function() error "in the middle" end) end)
      repeat until not lastcall.sleep(0.05)]],
  }
  for name, text in pairs(WAYS) do
    it(("closes them in order: it %s"):format(name), function()
      local told, output, fine = stop(LOOP .. text)
      assert.equal("eof eof", told, output)
      assert.is_true(fine, output)
    end)
  end
end)

describe("a script that ignores the end of its listeners", function()
  local WAYS = {
    ["selects two of them, and accepts"] = [[
      local other = assert(socket.bind("127.0.0.1", 0))
      while true do
        for _, one in ipairs((socket.select { server, other })) do one:accept() end
      end]],
    ["accepts for ever"] = [[while true do server:accept() end]],
    ["accepts for ever in two tasks"] = [[
      for _ = 1, 2 do lastcall.go(function() while true do server:accept() end end) end
      while true do server:accept() end]],
  }
  for name, text in pairs(WAYS) do
    it(("is ended where it waits, and nothing is cut: it %s"):format(name), function()
      local path = helper.write_file(([[
        local socket, lastcall = require "socket", require "lastcall"
        local server = require "spec.support.programs.loops.listener"()
        %s
      ]]):format(text))
      local server = process.start("lua5.4 bin/lastcall --drain 20 " .. path)
      server:address()
      local output = server:drain()
      os.remove(path)
      helper.stopping.assert_says_clean(output)
    end)
  end
end)
