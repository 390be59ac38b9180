local helper = require "spec.helper"
local lastcall = require "lastcall"
local process = require "spec.support.process"
local socket = require "socket" -- LuaSocket: clients that lastcall knows nothing of

local function greet(conn) conn:write("hello\n") end

--- The first line that the server at `address` says.
local function says(address)
  local conn <close> = assert(lastcall.connect(address))
  return conn:read()
end

local function echo(conn)
  for line in conn:lines() do conn:write(line, "\n") end
end

local function port_of(address) return tonumber(address:match ":(%d+)$") end

--- A client of LuaSocket's, connected by the kernel whatever the server does.
local function client(address)
  local one = assert(socket.tcp())
  one:settimeout(0)
  local fine, err = one:connect("127.0.0.1", port_of(address))
  if not fine and err == "timeout" then
    lastcall.sleep(0.02)
    fine, err = one:connect("127.0.0.1", port_of(address))
    if err == "already connected" then fine = 1 end
  end
  return fine and one or nil, err
end

--- What it receives up to a line's end, without holding up the loop.
local function line_of(one, seconds)
  local deadline = lastcall.now() + helper.seconds(seconds or 3)
  local kept = ""
  repeat
    local line, err, rest = one:receive("*l", kept)
    if line or err ~= "timeout" then return line, err end
    kept = rest or ""
    lastcall.sleep(0.005)
  until lastcall.now() > deadline
  return nil, "timeout"
end

describe("a listener", function()
  it("is closed while a task accepts from it, and its address can be listened on again at once", function()
    helper.task(function()
      local first = assert(lastcall.listen "127.0.0.1:0")
      local address = first:addresses()[1]
      local code
      local accepting = lastcall.go(function() code = select(2, first:accept()) end)
      lastcall.sleep(0.02)
      first:close()
      assert.is_truthy(first:wait())
      accepting:wait()
      assert.equal("closed", code)
      for _ = 1, 5 do
        local again = assert(lastcall.listen(address))
        again:close()
        again:wait()
      end
      local last = assert(lastcall.listen(address))
      lastcall.spawn(function() last:serve(greet) end)
      assert.equal("hello", says(address))
    end)
  end)

  it("goes on after a connection that was reset while it queued", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, greet)
      server:suspend()
      local gone = assert(client(address))
      gone:setoption("linger", { on = true, timeout = 0 })
      gone:close()
      local stays = assert(client(address))
      lastcall.sleep(0.02)
      server:resume()
      assert.equal("hello", line_of(stays))
      stays:close()
    end)
  end)

  it("takes a free port, and tells which", function()
    helper.task(function()
      local _, address = helper.serve(lastcall, greet)
      assert.is_true(port_of(address) > 0)
      assert.equal("hello", says(address))
    end)
  end)

  it("is one of several of a server", function()
    helper.task(function()
      local path = process.socket_path()
      local server, address = helper.serve(lastcall, greet)
      assert.is_true(server:listen "127.0.0.1:0")
      assert.is_true(server:listen("unix:" .. path))
      local all = server:addresses()
      assert.equal(3, #all)
      assert.equal(address, all[1])
      assert.equal("unix:" .. path, all[3])
      for _, one in ipairs(all) do assert.equal("hello", says(one)) end
      local nothing, code = server:listen(address)
      assert.is_nil(nothing)
      assert.equal("address in use", code)
      assert.equal(3, #server:addresses())
    end)
  end)

  it("reports each of them, and how it was stopped", function()
    local report
    helper.task(function()
      local server = helper.serve(lastcall, greet)
      server:listen("unix:" .. process.socket_path())
      server:shutdown()
      report = server:wait()
    end)
    assert.equal(2, #report.stop)
    assert.equal(lastcall.features.stop, report.stop[1].method)
    assert.equal("shutdown", report.stop[2].method)
    for _, one in ipairs(report.stop) do
      assert.is_true(one.lossless)
      assert.is_true(one.closed)
    end
  end)
end)

describe("the control function of a listener", function()
  it("sees the socket before bind", function()
    local bound, before, after, kept
    helper.task(function()
      local server = assert(lastcall.listen("127.0.0.1:0", {
        control = function(sock)
          kept = sock
          bound = helper.run(("sh -c 'cat /proc/%d/net/tcp /proc/%d/net/tcp6 | grep -c %d'"):format(
            helper.pid(), helper.pid(), 0))
          assert(sock:fd() > 2)
          before = sock:getsockopt "rcvbuf"
          assert(sock:setsockopt("rcvbuf", 20000))
          after = sock:getsockopt "rcvbuf"
        end,
      }))
      server:close()
    end)
    assert.is_truthy(bound)
    assert.equal(40000, after) -- the kernel doubles it
    assert.not_equal(before, after)
    -- Its time is over when it has returned.
    assert.is_nil((kept:fd()))
    assert.equal("closed", select(2, kept:setsockopt("rcvbuf", 1)))
    assert.equal("closed", select(2, kept:getsockopt "rcvbuf"))
  end)

  it("is run for a unix socket, and for each address", function()
    local count = 0
    helper.task(function()
      local server = assert(lastcall.listen("unix:" .. process.socket_path(), {
        control = function() count = count + 1 end,
      }))
      assert(server:listen "127.0.0.1:0")
      server:close()
    end)
    assert.equal(2, count)
  end)

  it("ends the listen when it raises, and its error comes through", function()
    helper.task(function()
      local fine, err = pcall(lastcall.listen, "127.0.0.1:0", { control = function() error { my = "own" } end })
      assert.is_false(fine)
      assert.equal("own", err.my)
    end)
  end)

  it("raises for options that do not exist, naming those that do", function()
    helper.task(function()
      local fine, err = pcall(lastcall.listen, "127.0.0.1:0", {
        control = function(sock) sock:setsockopt("recvbuf", 1) end,
      })
      assert.is_false(fine)
      assert.is_truthy(err:find("recvbuf", 1, true))
      assert.is_truthy(err:find("rcvbuf", 1, true))
    end)
  end)

  it("is not run with a wrong type: that raises", function()
    local fine, err = pcall(lastcall.listen, "127.0.0.1:0", { control = "nodelay" })
    assert.is_false(fine)
    assert.is_truthy(err:find("option 'control' is a function", 1, true), err)
  end)
end)

describe("a unix path", function()
  it("that a dead server left behind is taken over", function()
    local path = process.socket_path()
    local dead = socket.unix or require "socket.unix"
    local left = assert((type(dead) == "table" and dead.stream or dead)())
    assert(left:bind(path))
    left:close()
    assert.is_truthy(os.rename(path, path)) -- it is there
    helper.task(function()
      local server = assert(lastcall.listen("unix:" .. path))
      lastcall.spawn(function() server:serve(greet) end)
      assert.equal("hello", says("unix:" .. path))
    end)
    assert.is_nil((os.rename(path, path)))
  end)

  it("that somebody listens on is in use, and stays theirs", function()
    helper.task(function()
      local address = "unix:" .. process.socket_path()
      local server = assert(lastcall.listen(address))
      lastcall.spawn(function() server:serve(greet) end)
      local second, code = lastcall.listen(address)
      assert.is_nil(second)
      assert.equal("address in use", code)
      assert.equal("hello", says(address))
    end)
  end)

  it("is removed only while it is the one that was made", function()
    local path = process.socket_path()
    helper.task(function()
      local server = assert(lastcall.listen("unix:" .. path))
      lastcall.spawn(function() server:serve(greet) end)
      assert(os.remove(path))
      local file = assert(io.open(path, "w"))
      file:write("somebody else's")
      file:close()
      server:shutdown()
      server:wait()
    end)
    local file = assert(io.open(path))
    assert.equal("somebody else's", file:read("a"))
    file:close()
    os.remove(path)
  end)

  it("has the mode that unix_mode says", function()
    local path = process.socket_path()
    helper.task(function()
      local server = assert(lastcall.listen("unix:" .. path, { unix_mode = tonumber("640", 8) }))
      assert.equal("640\n", (helper.run("stat -c %a " .. path)))
      server:close()
    end)
  end)
end)

describe("a suspended server", function()
  it("refuses nobody, goes on with whom it has, and serves the queue when it is resumed", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, echo)
      local before = assert(lastcall.connect(address))
      before:write("one\n")
      assert.equal("one", before:read())
      server:suspend()
      local queued = {}
      for i = 1, 40 do
        queued[i] = assert(client(address))
        queued[i]:send(("queued %d\n"):format(i))
      end
      lastcall.sleep(0.1)
      assert.equal(1, server:count())
      before:write("two\n")
      assert.equal("two", before:read())
      server:resume()
      for i, one in ipairs(queued) do
        assert.equal(("queued %d"):format(i), line_of(one))
        one:close()
      end
      before:close()
    end)
  end)

  it("stays so when serve is called afterwards", function()
    helper.task(function()
      local server = assert(lastcall.listen "127.0.0.1:0")
      local address = server:addresses()[1]
      server:suspend()
      lastcall.spawn(function() server:serve(echo) end)
      local one = assert(client(address))
      one:send("hello\n")
      lastcall.sleep(0.1)
      assert.equal(0, server:count())
      server:resume()
      assert.equal("hello", line_of(one))
      one:close()
    end)
  end)

  it("that is told to stop serves whom it kept waiting", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, echo)
      server:suspend()
      local queued = {}
      for i = 1, 20 do
        queued[i] = assert(client(address))
        queued[i]:send("hello\n")
      end
      server:shutdown()
      for _, one in ipairs(queued) do
        assert.equal("hello", line_of(one))
        one:close()
      end
      local report = server:wait()
      assert.equal(20, report.accepted_while_stopping)
      assert.is_true(report.clean)
    end)
  end)
end)

describe("a server with max_connections", function()
  it("leaves the others in the queue until there is room, and serves all of them when it stops", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, echo, { max_connections = 2 })
      local all = {}
      for i = 1, 5 do
        all[i] = assert(client(address))
        all[i]:send(("%d\n"):format(i))
      end
      assert.equal("1", line_of(all[1]))
      assert.equal("2", line_of(all[2]))
      lastcall.sleep(0.1)
      assert.equal(2, server:count())
      all[1]:close()
      assert.equal("3", line_of(all[3]))
      assert.is_true(server:count() <= 2)
      server:shutdown()
      assert.equal("4", line_of(all[4]))
      assert.equal("5", line_of(all[5]))
      for i = 2, 5 do all[i]:close() end
      assert.is_true(server:wait().clean)
    end)
  end)

  it("holds back an accept by hand as well", function()
    helper.task(function()
      local server = assert(lastcall.listen("127.0.0.1:0", { max_connections = 1 }))
      local address = server:addresses()[1]
      local one, two = assert(client(address)), assert(client(address))
      local first = assert(server:accept(1))
      assert.equal("timeout", select(2, server:accept(0.05)))
      first:close(0)
      local second = assert(server:accept(helper.seconds(1)))
      second:close(0)
      one:close()
      two:close()
    end)
  end)
end)

describe("an accept that finds no descriptor left", function()
  it("pauses, is reported, does not spin, and goes on when there is one", function()
    local output, fine = helper.run([[sh -c 'ulimit -n 24; exec lua5.4 spec/support/descriptor_eater.lua']], 30)
    assert.is_true(fine, output)
    assert.equal("emfile", output:match "accept paused (%S+)")
    assert.is_truthy(output:find("accept resumed", 1, true), output)
    -- 5 ms, doubled up to a second: eight times in the first 1.3 seconds.
    local turns = tonumber(output:match "turns (%d+)")
    assert.is_true(turns < 60, output)
    assert.is_truthy(output:find("served while paused", 1, true), output)
    assert.is_truthy(output:find("all served", 1, true), output)
  end)
end)

describe("a server told to stop when there is no descriptor left", function()
  it("serves those in the queue one after the other, with the one it has in reserve", function()
    local server = process.start("sh -c 'ulimit -n 40; exec lua5.4 spec/support/descriptor_holder.lua'")
    local address = server:address()
    local all = {}
    for i = 1, 5 do
      all[i] = assert(socket.connect("127.0.0.1", port_of(address)))
      all[i]:settimeout(helper.seconds(10))
      all[i]:send(i .. "\n")
    end
    server:signal "TERM"
    for i, one in ipairs(all) do
      assert.equal(tostring(i), (one:receive()))
      one:close()
    end
    local output, fine = server:finish()
    assert.is_true(fine, output)
    assert.is_truthy(output:find("paused emfile", 1, true), output)
    assert.is_truthy(output:find("5 accepted while stopping", 1, true), output)
    assert.is_truthy(output:find("nobody lost", 1, true), output)
  end)
end)

describe("a listening descriptor from elsewhere", function()
  it("must be one: a number too large is not cut to one, and one that is not open is named", function()
    helper.task(function()
      assert.error_matches(function() lastcall.listen { fd = 1 << 32 } end, "number of a listening descriptor")
      local _, code, message = lastcall.listen { fd = 19999 }
      assert.equal("closed", code)
      assert.matches("19999 is no open descriptor", message)
    end)
  end)

  it("is served, and belongs to the server from then on", function()
    helper.task(function()
      local made = assert(socket.bind("127.0.0.1", 0))
      local address = ("127.0.0.1:%d"):format(select(2, made:getsockname()))
      local server = assert(lastcall.listen { fd = made:getfd(), shared = false })
      made:setfd(-1)
      assert.same({ address }, server:addresses())
      lastcall.spawn(function() server:serve(greet) end)
      assert.equal("hello", says(address))
      server:shutdown()
      assert.equal("hide", server:wait().stop[1].method)
    end)
  end)

  it("that is shared goes on elsewhere when this process stops, and its queue is nobody's loss", function()
    local made = assert(socket.bind("127.0.0.1", 0))
    local port = select(2, made:getsockname())
    local child = process.start(([[lua5.4 -e '
      local lastcall = require "lastcall"
      local report = lastcall.serve({ fd = %d, shared = true }, function(conn) conn:write("child\n") end)
      print(report.stop[1].method, report.clean)']]):format(made:getfd()))
    local one = assert(socket.connect("127.0.0.1", port))
    one:settimeout(helper.seconds(10))
    assert.equal("child", one:receive())
    one:close()
    child:signal "TERM"
    local output, fine = child:finish()
    assert.is_true(fine, output)
    assert.is_truthy(output:find("close\ttrue", 1, true), output)
    local two = assert(socket.connect("127.0.0.1", port))
    local mine = assert(made:accept())
    mine:send("parent\n")
    assert.equal("parent", two:receive())
    mine:close()
    two:close()
    made:close()
  end)

  it("that does not listen is refused, with a reason", function()
    helper.task(function()
      local other = assert(socket.tcp())
      assert(other:bind("127.0.0.1", 0))
      local server, code, message = lastcall.listen { fd = other:getfd() }
      assert.is_nil(server)
      assert.equal("einval", code)
      assert.is_truthy(message)
      other:close()
      assert.is_nil((lastcall.listen { fd = 9999 }))
    end)
    for _, wrong in ipairs { {}, { fd = -1 }, { fd = "3" } } do
      local fine, err = pcall(lastcall.listen, wrong)
      assert.is_false(fine)
      assert.is_truthy(err:find("needs fd", 1, true), err)
    end
  end)
end)

describe("the options of a listener", function()
  it("ipv6_only leaves IPv4 alone", function()
    if not io.open "/proc/net/if_inet6" then pending "this machine has no IPv6" end
    helper.task(function()
      local server = assert(lastcall.listen("[::]:0", { ipv6_only = true }))
      lastcall.spawn(function() server:serve(greet) end)
      local port = port_of(server:addresses()[1])
      assert.equal("hello", says(("[::1]:%d"):format(port)))
      local conn, code = lastcall.connect(("127.0.0.1:%d"):format(port))
      assert.is_nil(conn)
      assert.equal("refused", code)
    end)
  end)

  it("defer_accept keeps silent clients out until they speak, and serves those at a stop who then do", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, echo, { defer_accept = true })
      local speaks, silent = assert(client(address)), assert(client(address))
      lastcall.sleep(0.1)
      assert.equal(0, server:count())
      speaks:send("one\n")
      assert.equal("one", line_of(speaks))
      assert.equal(1, server:count())
      server:shutdown()
      lastcall.sleep(0.05)
      silent:send("two\n")
      assert.equal("two", line_of(silent))
      speaks:close()
      silent:close()
      assert.is_true(server:wait().clean)
    end)
  end)

  it("reuseport lets two servers share an address", function()
    helper.task(function()
      local first = assert(lastcall.listen("127.0.0.1:0", { reuseport = true }))
      local second = assert(lastcall.listen(first:addresses()[1], { reuseport = true }))
      assert.same(first:addresses(), second:addresses())
      first:close()
      second:close()
    end)
  end)

  it("are those of the server for further addresses, unless others are given", function()
    local backlogs = {}
    local function note(sock) backlogs[#backlogs + 1] = sock:getsockopt "defer_accept" > 0 end
    helper.task(function()
      local server = assert(lastcall.listen("127.0.0.1:0", { defer_accept = true, control = note }))
      assert(server:listen "127.0.0.1:0")
      assert(server:listen("127.0.0.1:0", { defer_accept = false }))
      server:close()
    end)
    assert.same({ true, true, false }, backlogs)
  end)

  it("raise when they are unknown, and name the nearest", function()
    local fine, err = pcall(lastcall.listen, "127.0.0.1:0", { backlogs = 1 })
    assert.is_false(fine)
    assert.is_truthy(err:find("unknown option 'backlogs'; did you mean 'backlog'?", 1, true), err)
    assert.is_truthy(err:find("listener_spec.lua", 1, true) or err:find("^listen"), err)
    fine, err = pcall(lastcall.listen, "127.0.0.1:0", { drain = { timout = 1 } })
    assert.is_false(fine)
    assert.is_truthy(err:find("did you mean 'timeout'?", 1, true), err)
    for name, wrong in pairs { backlog = 0, unix_mode = 1000, max_connections = -1, linger = "soon", start = 1 } do
      assert.is_false((pcall(lastcall.listen, "127.0.0.1:0", { [name] = wrong })), name)
    end
  end)
end)

describe("unlisten", function()
  it("refuses new clients, loses none, and leaves connections alone", function()
    helper.task(function()
      local server, address = helper.serve(lastcall, echo)
      local conn = assert(lastcall.connect(address))
      conn:write("one\n")
      assert.equal("one", conn:read())
      assert(server:listen "127.0.0.1:0")
      local other = server:addresses()[2]
      assert.equal(1, server:unlisten(address))
      assert.equal(0, server:unlisten(address))
      lastcall.sleep(0.3)
      assert.same({ other }, server:addresses())
      assert.equal("refused", select(2, lastcall.connect(address)))
      conn:write("two\n")
      assert.equal("two", conn:read())
      local new = assert(lastcall.connect(other))
      new:write("three\n")
      assert.equal("three", new:read())
      assert.equal(1, server:unlisten())
      lastcall.sleep(0.3)
      assert.same({}, server:addresses())
      conn:write("four\n")
      assert.equal("four", conn:read())
      assert.equal("serving", server:stats().step)
      assert.is_true(server:listen(address)) -- and again
      local back = assert(lastcall.connect(address))
      back:close("background")
      conn:close()
      new:close()
    end)
  end)
end)
