local helper = require "spec.helper"

-- A program whose resolver answers as spec/support/names_module.c has it.
local PRELOADED = ("env LD_PRELOAD=\"$LD_PRELOAD:%s\" "):format(helper.program "lua/spec_names.so")

local function run(text, seconds)
  local path = helper.write_file("local lastcall = require 'lastcall'\nlocal began = lastcall.now()\n" .. text)
  local output, fine, status = helper.run(PRELOADED .. "lua5.4 " .. path, seconds)
  os.remove(path)
  return output, fine, status
end

local function prints(expected, text)
  local output, fine = run(text)
  assert.equal(expected, output)
  assert.is_true(fine)
end

describe("a silent name server", function()
  it("holds up no other look-up of a task, of connect, resolve and listen", function()
    prints("connected\nresolved\nlistening\n", [[
      lastcall.run(function()
        for i = 1, 4 do
          lastcall.go(lastcall.connect, "silent" .. i .. ":1")
          lastcall.go(lastcall.resolve, "silent" .. i)
        end
        lastcall.sleep(0)
        local server = lastcall.listen "localhost:0"
        assert(lastcall.connect("localhost:" .. server:addresses()[1]:match "%d+$")) print "connected"
        assert(lastcall.resolve "localhost") print "resolved"
        assert(lastcall.listen "localhost:0") print "listening"
        lastcall.shutdown(0)
      end, { log = function() end })]])
  end)

  it("holds up no look-up after others have given up, however many", function()
    prints("40 timeout\n127.0.0.1\n", [[
      lastcall.run(function()
        local codes, group = {}, lastcall.group()
        for i = 1, 40 do
          group:go(function() codes[i] = select(2, lastcall.resolve("silent" .. i, { timeout = 0.01 })) end)
        end
        group:wait()
        print(#codes .. " " .. codes[1])
        print((assert(lastcall.resolve "127.0.0.1"))[1])
      end)]])
  end)

  it("holds up no look-up of lastcall.socket's dns", function()
    prints("localhost\t127.0.0.1\ttrue\n", [[
      local socket = require "lastcall.socket"
      lastcall.run(function()
        lastcall.go(socket.dns.toip, "silent") -- gethostbyname
        lastcall.go(socket.dns.getaddrinfo, "silent")
        lastcall.go(socket.connect, "silent", 1)
        lastcall.sleep(0)
        print((socket.dns.tohostname "127.0.0.1"), (socket.dns.toip "localhost"),
          #socket.dns.getaddrinfo "localhost" > 0)
        lastcall.shutdown(0)
      end, { log = function() end })]])
  end)

  for _, ending in ipairs { "", "os.exit(true)", "os.exit(true, true)", "error 'on purpose'" } do
    it("holds up no end of the process by " .. (ending == "" and "the script's end" or ending), function()
      local began = os.time()
      local output = run([[
        local report = lastcall.run(function()
          lastcall.go(lastcall.connect, "silent:1", { timeout = 60 })
          lastcall.go(require "lastcall.socket".dns.toip, "silent")
          lastcall.sleep(0)
          lastcall.shutdown(0.2)
        end, { log = function() end })
        print(report.ok)
        ]] .. ending)
      assert.is_truthy(output:find "^true\n" or output:find "^false\n", output)
      assert.is_true(os.time() - began < helper.seconds(10))
    end)
  end

  it("may answer after the Lua state was closed, and its module would have been unloaded", function()
    local path = helper.write_file([[
      local names = require "spec_names"
      print(names.run [=[
        local lastcall = require "lastcall"
        lastcall.run(function()
          lastcall.go(lastcall.resolve, "silent")
          lastcall.go(require "lastcall.socket".dns.getaddrinfo, "silent")
          lastcall.sleep(0.05)
          lastcall.shutdown(0)
        end, { log = function() end })]=])
      print(names.answer())]])
    local output, fine = helper.run(PRELOADED .. "lua5.4 " .. path)
    os.remove(path)
    assert.equal("nil\n1\n", output)
    assert.is_true(fine)
  end)
end)

describe("lastcall.resolve", function()
  it("gives hosts without a port, in the order of the system's resolver, in a task and outside", function()
    prints("127.0.0.2 ::1 127.0.0.3\n127.0.0.2 ::1 127.0.0.3\n", [[
      local function resolve() print(table.concat(lastcall.resolve "127.0.0.2,==1,127.0.0.3", " ")) end
      resolve()
      lastcall.run(resolve)]])
  end)

  it("fails as every other call does", function()
    helper.task(function(lastcall)
      helper.failure("host not found", lastcall.resolve "no-such-host.invalid")
      assert.same({ "127.0.0.1" }, lastcall.resolve "127.0.0.1")
      assert.same({ "::1" }, lastcall.resolve "::1")
      helper.raises("neither a port nor brackets", lastcall.resolve, "localhost:80")
      helper.raises("names no host", lastcall.resolve, "")
      helper.raises("names no host", lastcall.resolve, "*")
      helper.raises("not a number", lastcall.resolve, 7)
      helper.raises("did you mean 'timeout'", lastcall.resolve, "localhost", { timout = 1 })
    end)
  end)
end)

-- The addresses listed answer at `port`, those in `silent` have a full queue there: a SYN is swallowed.
local SCENE = [[
  local function listen(host, port, backlog)
    return assert(lastcall.listen(host .. ":" .. port, { backlog = backlog }))
  end
  local function scene(silent, answering)
    local port = listen("127.0.0.1", 0, 8):addresses()[1]:match "%d+$"
    for _, host in ipairs(silent) do
      listen(host, port, 1)
      for _ = 1, 4 do lastcall.go(lastcall.connect, host .. ":" .. port, { timeout = 30 }) end
    end
    for _, host in ipairs(answering) do listen(host, port, 8) end
    lastcall.sleep(0.1)
    return port
  end
]]

describe("connect to a name with several addresses", function()
  it("does not spend its time on one that is silent, and takes the first to answer", function()
    prints("127.0.0.4\ttrue\ttrue\n", SCENE .. [[
      lastcall.run(function()
        local port = scene({ "127.0.0.2", "127.0.0.3" }, { "127.0.0.4" })
        local began = lastcall.now()
        local conn = assert(lastcall.connect("127.0.0.2,127.0.0.3,127.0.0.4:" .. port, { timeout = 20 }))
        local took = lastcall.now() - began
        print(conn:peer():match "^[%d.]+", took >= 0.5, took < 15)
        lastcall.shutdown(0)
      end, { log = function() end })]])
  end)

  it("goes on at once after one that refuses, and lets the families take turns", function()
    prints("true\n", SCENE .. [[
      lastcall.run(function()
        local v6 = lastcall.listen "[::1]:0"
        if not v6 then print(true) lastcall.shutdown(0) return end -- no IPv6 here
        local port = v6:addresses()[1]:match "%d+$"
        listen("127.0.0.3", port, 8)
        local conn = assert(lastcall.connect("127.0.0.2,127.0.0.3,==1:" .. port))
        print(conn:peer():find("::1", 1, true) ~= nil)
        lastcall.shutdown(0)
      end, { log = function() end })]])
  end)

  it("names in its message those that were tried, and what came of each", function()
    local output = run(SCENE .. [[
      lastcall.run(function()
        local port = scene({ "127.0.0.2" }, {})
        local name = "127.0.0.2,127.0.0.3:" .. port
        print(select(2, lastcall.connect(name, { timeout = 0.6 })))
        print(select(2, lastcall.connect("127.0.0.3,127.0.0.4:" .. port)))
        print(select(2, lastcall.connect("127.0.0.3:" .. port)))
        lastcall.shutdown(0)
      end, { log = function() end })]])
    output = output:gsub(":%d%d+", ":PORT")
    assert.equal("timeout\t127.0.0.2,127.0.0.3:PORT: connect: a deadline passed: " ..
      "127.0.0.3:PORT: connect: nobody listens there (ECONNREFUSED); 127.0.0.2:PORT: connect: no answer\n" ..
      "refused\t127.0.0.3,127.0.0.4:PORT: connect: 127.0.0.3:PORT: connect: nobody listens there (ECONNREFUSED); " ..
      "127.0.0.4:PORT: connect: nobody listens there (ECONNREFUSED)\n" ..
      "refused\t127.0.0.3:PORT: connect: nobody listens there (ECONNREFUSED)\n", output)
  end)

  it("leaves nothing behind of the attempts that lost, nor when it is canceled", function()
    prints("canceled\n0\n", SCENE .. [[
      local core = require "lastcall.core"
      lastcall.run(function()
        local port = scene({ "127.0.0.2", "127.0.0.3" }, { "127.0.0.4" })
        local before = core.loop_stats().connections
        local conn = assert(lastcall.connect("127.0.0.2,127.0.0.3,127.0.0.4:" .. port))
        conn:abort()
        local task = lastcall.go(function() print((select(2, lastcall.connect("127.0.0.2,127.0.0.3:" .. port)))) end)
        lastcall.sleep(0.4) -- both attempts are under way
        task:cancel()
        task:wait()
        lastcall.sleep(0)
        print(core.loop_stats().connections - before)
        lastcall.shutdown(0)
      end, { log = function() end })]])
  end)
end)
