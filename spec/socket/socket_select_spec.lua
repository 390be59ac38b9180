local helper = require "spec.helper"

local socket = require "lastcall.socket"

--- How many descriptors there may be.
local function limit()
  local pipe = io.popen "ulimit -n"
  local most = tonumber(pipe:read()) or math.huge
  pipe:close()
  return most
end

--- `count` UDP sockets, each with a port of its own.
local function sockets(count)
  local all = {}
  for i = 1, count do
    all[i] = assert(socket.udp4())
    assert(all[i]:setsockname("127.0.0.1", 0))
  end
  return all
end

local function close(all)
  for _, one in ipairs(all) do one:close() end
end

local function poke(one)
  local sender = socket.udp4()
  local host, port = one:getsockname()
  sender:sendto("x", host, port)
  sender:close()
end

local function try(count)
  local all = sockets(count)
  local readable, _, problem = socket.select(all, nil, 0.05)
  assert.equal(0, #readable)
  assert.equal("timeout", problem)
  poke(all[count])
  poke(all[count // 2])
  local began = socket.gettime()
  readable = socket.select(all, nil, 5)
  local took = socket.gettime() - began
  assert.is_true(#readable >= 1)
  for _, one in ipairs(readable) do
    assert.is_true(one == all[count] or one == all[count // 2])
    assert.equal(one, readable[readable[one]])
    one:receive()
  end
  close(all)
  return took
end

describe("socket.select", function()
  it("takes more than 1,024 sockets, outside tasks and in one", function()
    if limit() < 2200 then return pending("the descriptor limit is " .. limit()) end
    try(2000)
    helper.task(function() try(2000) end)
  end)

  it("stays fast with 10,000", function()
    if limit() < 10200 then return pending("the descriptor limit is " .. limit()) end
    assert.is_true(try(10000) < helper.seconds(1))
    helper.task(function() assert.is_true(try(10000) < helper.seconds(1)) end)
  end)

  it("suspends its task alone, and is woken by what comes", function()
    helper.task(function(lastcall)
      local all = sockets(3)
      local ticks = 0
      lastcall.go(function()
        for _ = 1, 20 do
          lastcall.sleep(0.005)
          ticks = ticks + 1
        end
        poke(all[2])
      end)
      local readable = socket.select(all, nil, 5)
      assert.equal(all[2], readable[1])
      assert.equal(20, ticks)
      close(all)
    end)
  end)

  it("is a scheduler's own loop that drains: the idle and the listener are told", function()
    local report = helper.task(function(lastcall)
      local server = assert(socket.bind("127.0.0.1", 0))
      server:settimeout(0)
      local host, port = server:getsockname()
      local finished = lastcall.go(function() -- a loop such as those that programs bring along
        local clients, begun = { server }, {}
        while #clients > 0 do
          for _, one in ipairs((socket.select(clients, nil))) do
            local gone
            if one == server then
              local client, problem = server:accept()
              if client then
                client:settimeout(0)
                clients[#clients + 1] = client
              end
              gone = problem == "closed"
            else
              local line, problem, partial = one:receive("*l", begun[one])
              begun[one] = partial
              if line then one:send("echo " .. line .. "\n") end
              gone = problem == "closed"
            end
            if gone then
              one:close()
              for i, other in ipairs(clients) do
                if other == one then table.remove(clients, i) break end
              end
            end
          end
        end
        return "ended by itself"
      end)
      local idle, busy = assert(socket.connect(host, port)), assert(socket.connect(host, port))
      idle:send("one\n")
      assert.equal("echo one", (idle:receive()))
      busy:send("half ")
      lastcall.sleep(0.1)
      lastcall.spawn(function() lastcall.shutdown() end)
      assert.equal("closed", select(2, idle:receive()))
      busy:send("a line\n")
      assert.equal("echo half a line", (busy:receive()))
      assert.equal("closed", select(2, busy:receive()))
      idle:close()
      busy:close()
      assert.equal("ended by itself", (finished:wait(2)))
    end)
    assert.is_true(report.ok, tostring(report))
    assert.is_true(report.elapsed < helper.seconds(4), tostring(report))
  end)
end)

local unix = require "lastcall.socket.unix"

--- A socket that listens at a path of its own; and the path.
local function listen_at_path()
  local path, server = helper.socket_path(), unix.stream()
  assert(server:bind(path))
  assert(server:listen())
  return server, path
end

--- A script's own object around a socket.
local function wrap(one)
  return { getfd = function() return one:getfd() end, close = function() return one:close() end }
end

--- Makers of a silent socket, each with whatever keeps it silent.
local SILENT = {
  ["a TCP connection"] = function()
    local server = assert(socket.bind("127.0.0.1", 0))
    local host, port = server:getsockname()
    return assert(socket.connect(host, port)), server
  end,
  ["a connection over a unix-domain socket"] = function()
    local server, path = listen_at_path()
    local client = unix.stream()
    assert(client:connect(path))
    return client, server
  end,
  ["a listening TCP socket"] = function() return assert(socket.bind("127.0.0.1", 0)) end,
  ["a listening unix-domain socket"] = function() return (listen_at_path()) end,
  ["a UDP socket"] = function() return sockets(1)[1] end,
}
SILENT["an object of the script's own"] = function()
  local one, other = SILENT["a TCP connection"]()
  return wrap(one), other
end

--- What a task gets from select while this one runs `act`; fails when nothing wakes the task.
local function select_while(lastcall, reading, writing, act)
  local waiter = lastcall.go(function() return { socket.select(reading, writing) } end)
  lastcall.sleep(0.05)
  assert.equal("waiting", waiter:status())
  act()
  local results = waiter:wait(helper.seconds(2))
  waiter:cancel()
  return assert(results, "nothing has woken it")
end

describe("socket.select, when another task closes a socket of it,", function()
  for name, make in pairs(SILENT) do
    it("calls it readable once: " .. name, function()
      helper.task(function(lastcall)
        local one, other = make()
        local readable = select_while(lastcall, { one }, nil, function() one:close() end)[1]
        assert.equal(one, readable[1])
        assert.equal("timeout", (select(3, socket.select({ one }, nil, 0))))
        if other then other:close() end
      end)
    end)
  end

  it("calls it writable, too, and a send says that it is closed", function()
    helper.task(function(lastcall)
      local one, server = SILENT["a TCP connection"]()
      one:settimeout(0)
      repeat until not one:send(("x"):rep(65536))
      local writable = select_while(lastcall, nil, { one }, function() one:close() end)[2]
      assert.equal(one, writable[1])
      assert.equal("closed", select(2, one:send "x"))
      server:close()
    end)
  end)

  it("does not mistake a new socket with the same descriptor for it", function()
    helper.task(function(lastcall)
      local first, other = table.unpack(sockets(2))
      local new
      local readable = select_while(lastcall, { first, other }, nil, function()
        local fd = first:getfd()
        first:close()
        new = sockets(1)[1]
        assert.equal(fd, new:getfd())
        poke(new)
      end)[1]
      assert.same({ first }, { table.unpack(readable) })
      close { other, new }
    end)
  end)

  it("learns that its descriptor was given away", function()
    helper.task(function(lastcall)
      local one, server = SILENT["a TCP connection"]()
      local fd = math.tointeger(one:getfd())
      local readable = select_while(lastcall, { one }, nil, function() one:setfd(-1) end)[1]
      assert.equal(one, readable[1])
      one:setfd(fd)
      one:close()
      server:close()
    end)
  end)

  it("tells each task that waits for it", function()
    helper.task(function(lastcall)
      local one, server = SILENT["a TCP connection"]()
      local first = lastcall.go(function() return socket.select { one } end)
      local readable = select_while(lastcall, { one }, nil, function() one:close() end)[1]
      assert.equal(one, readable[1])
      assert.equal(one, assert(first:wait(helper.seconds(2)))[1])
      server:close()
    end)
  end)

  it("goes on with the others", function()
    helper.task(function(lastcall)
      local first, other = table.unpack(sockets(2))
      local readable = select_while(lastcall, { first, other }, nil, function() first:close() end)[1]
      assert.equal(1, #readable)
      readable = select_while(lastcall, { first, other }, nil, function() poke(other) end)[1]
      assert.same({ other }, { table.unpack(readable) })
      other:close()
    end)
  end)
end)

describe("socket.select on an object of the script's own", function()
  it("tells it of the end of its connection, though that came between two calls", function()
    helper.task(function(lastcall)
      local one, server = SILENT["a TCP connection"]()
      local object = wrap(one)
      assert.equal("timeout", (select(3, socket.select({ object }, nil, 0))))
      local peer = server:accept()
      peer:setoption("linger", { on = true, timeout = 0 })
      peer:close() -- by a reset: the descriptor ends with it
      while one:getfd() >= 0 do lastcall.sleep(0.01) end
      assert.equal(object, socket.select({ object }, nil, 1)[1])
      assert.equal("closed", select(2, one:receive()))
      close { one, server }
    end)
  end)
end)

describe("socket.select, in a drain,", function()
  it("does not take a connection to be idle that waits to be written to, too", function()
    helper.task(function(lastcall)
      local server = assert(socket.bind("127.0.0.1", 0))
      local host, port = server:getsockname()
      local client = assert(socket.connect(host, port))
      local accepted = assert(server:accept())
      client:send "begin\n"
      assert.equal("begin", (accepted:receive()))
      accepted:settimeout(0)
      local told
      lastcall.spawn(function() -- it sends no more than there is room for, so no send is cut short
        repeat
          local readable, writable = socket.select({ accepted }, { accepted })
          if writable[1] then accepted:send(("x"):rep(1024)) end
          told = readable[1] and select(2, accepted:receive())
        until told
        accepted:close()
      end)
      lastcall.sleep(0.1)
      lastcall.spawn(function() lastcall.shutdown() end)
      lastcall.sleep(1.8) -- more than `quiet`, for an idle connection
      assert.is_nil(told or nil)
      client:close()
    end)
  end)
end)
