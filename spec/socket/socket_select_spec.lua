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
