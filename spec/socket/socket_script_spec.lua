-- scripts/test: early
local helper = require "spec.helper"

--- Starts a script of ours in the background, and waits for the address it prints: pid, port, pipe.
local function start(command)
  local pipe = assert(io.popen(("echo $$; %sexec timeout 20 %s 2>&1"):format(helper.environment, command)))
  local pid = pipe:read()
  local line = pipe:read()
  local port = line and line:match "listening%s127%.0%.0%.1:(%d+)"
  assert(port, line)
  return pid, tonumber(port), pipe
end

--- A request in two parts, with SIGTERM in the pause; what the client got, what the program printed.
local function drain_in_mid_request(command)
  local pid, port, pipe = start(command)
  local answer, rest
  helper.task(function(lastcall)
    local client = assert(lastcall.connect("127.0.0.1:" .. port))
    client:write("hel")
    client:flush()
    lastcall.sleep(0.2)
    os.execute("kill -TERM " .. pid)
    lastcall.sleep(0.3)
    client:write("lo\n")
    answer = client:read()
    rest = select(2, client:read())
    client:close()
  end)
  local output = pipe:read("a")
  assert.is_true(pipe:close(), output)
  return answer, rest, output
end

local ACCEPT_LOOP = "lua5.4 bin/lastcall spec/support/programs/accept_loop.lua "

describe("a script written for LuaSocket", function()
  local NAMES = { "luasocket_echo", "luasocket_graceful" }
  local COMMANDS = { "lua5.4 bin/lastcall examples/luasocket_echo.lua 0", "lua5.4 examples/luasocket_graceful.lua 0" }
  for i, name in ipairs(NAMES) do
    it(("(%s) finishes the request it is at, and ends well"):format(name), function()
      local answer, rest, output = drain_in_mid_request(COMMANDS[i])
      assert.equal("you said: hello", answer)
      assert.equal("eof", rest)
      assert.is_truthy(output:find("shutdown ok", 1, true), output)
      assert.is_truthy(output:find("by " .. require "lastcall".features.stop, 1, true), output)
    end)
  end

  it("that goes on accepting, whatever accept says, ends with the shutdown and does not spin", function()
    local answer, rest, output = drain_in_mid_request(ACCEPT_LOOP .. "careful")
    assert.equal("you said: hello", answer)
    assert.equal("eof", rest)
    local _, complaints = output:gsub("cannot accept: closed", "")
    assert.is_true(complaints > 0 and complaints < 100 * helper.seconds(1), output)
    assert.is_truthy(output:find("shutdown ok", 1, true), output)
  end)

  it("that does not reckon with an accept that fails ends with the shutdown, and is no failure", function()
    local answer, rest, output = drain_in_mid_request(ACCEPT_LOOP .. "careless")
    assert.equal("you said: hello", answer)
    assert.equal("eof", rest)
    assert.is_truthy(output:find("attempt to index a nil value", 1, true), output)
    assert.is_truthy(output:find("shutdown ok", 1, true), output)
  end)

  it("that brings a select loop of its own drains: idle clients go, whose request is at work is answered", function()
    local pid, port, pipe = start "lua5.4 bin/lastcall spec/support/programs/scheduler.lua"
    local answers, took = {}, nil
    helper.task(function(lastcall)
      local function open() return assert(lastcall.connect("127.0.0.1:" .. port)) end
      local function ask(conn, text) return conn:write(text) and conn:flush() end
      local idle, half, slow = open(), open(), open()
      ask(idle, "hello\n")
      answers[1] = idle:read()
      ask(half, "in two ")
      ask(slow, "wait\n")
      lastcall.sleep(0.2)
      local began = lastcall.now()
      os.execute("kill -TERM " .. pid)
      ask(half, "parts\n")
      answers[2], answers[3] = half:read(), slow:read()
      for _, conn in ipairs { idle, half, slow } do
        answers[#answers + 1] = select(2, conn:read())
        conn:close()
      end
      took = lastcall.now() - began
    end)
    local output = pipe:read("a")
    assert.is_true(pipe:close(), output)
    assert.same({ "you said: hello", "you said: in two parts", "you said: wait", "eof", "eof", "eof" }, answers)
    assert.is_true(took < helper.seconds(5), took)
    assert.is_truthy(output:find("shutdown ok", 1, true), output)
    assert.is_truthy(output:find("3 closed idle", 1, true), output)
  end)

  it("that closes has its descriptors back, however long the peers keep their ends", function()
    for _, way in ipairs { [[-e "require(\"lastcall.socket\").install()"]], "bin/lastcall" } do
      local output, fine = helper.run(("sh -c 'ulimit -n 64; exec lua5.4 %s spec/support/programs/short_visits.lua'")
        :format(way))
      assert.is_true(fine, output)
      assert.is_truthy(output:find("failures\t0", 1, true), output)
    end
  end)

  it("is run with its arguments, and its errors are told", function()
    local path = helper.write_file [[
      print(..., arg[0] == arg[-1], #arg, arg[2], require('socket') == require('lastcall.socket'))
      print(select(2, coroutine.running()), coroutine.isyieldable(), pcall(coroutine.yield))
      if ... == 'fail' then error 'as told' end
    ]]
    local output, fine = helper.run("lua5.4 bin/lastcall " .. path .. " one two")
    assert.is_true(fine, output)
    assert.is_truthy(output:find("one\tfalse\t2\ttwo\ttrue", 1, true), output)
    assert.is_truthy(output:find("true\tfalse\tfalse\tattempt to yield from outside a coroutine", 1, true), output)
    local _, status
    output, _, status = helper.run("lua5.4 bin/lastcall " .. path .. " fail")
    assert.equal(1, status)
    assert.is_truthy(output:find("as told", 1, true), output)
    os.remove(path)
  end)

  it("has a program that explains itself, and refuses what it does not know", function()
    local output, fine = helper.run("lua5.4 bin/lastcall --help")
    assert.is_true(fine)
    assert.is_truthy(output:find("^usage: lastcall"))
    output, fine = helper.run("lua5.4 bin/lastcall --version")
    assert.is_true(fine)
    assert.equal("lastcall " .. require("lastcall").version .. "\n", output)
    for _, wrong in ipairs { "--drian 3 x.lua", "", "--drain x x.lua" } do
      local _, _, status = helper.run("lua5.4 bin/lastcall " .. wrong)
      assert.equal(2, status)
    end
    local _, _, status = helper.run("lua5.4 bin/lastcall /nonexistent.lua")
    assert.equal(1, status)
  end)
end)

describe("lastcall.socket.install", function()
  it("takes LuaSocket's place, and gives back what was there", function()
    local socket = require "lastcall.socket"
    local loaded = package.loaded
    local names = { "socket", "socket.core", "socket.unix" }
    local before = {}
    for _, name in ipairs(names) do before[name] = loaded[name] end
    loaded["socket"] = "what was there"
    local given = socket.install()
    assert.equal("what was there", given.socket)
    assert.equal(socket, require "socket")
    assert.equal(socket, require "socket.core")
    assert.equal(require "lastcall.socket.unix", require "socket.unix")
    for _, name in ipairs(names) do loaded[name] = before[name] end
  end)

  it("refuses options that servers do not have", function()
    local fine, problem = pcall(require("lastcall.socket").install, { keepalve = false })
    assert.is_false(fine)
    assert.is_truthy(problem:find("keepalive", 1, true), problem)
  end)
end)

describe("lastcall.socket.serve", function()
  it("says what is wrong with its arguments", function()
    local socket = require "lastcall.socket"
    assert.has_error(function() socket.serve(1, print) end,
      "serve: the first argument is a socket that listens: from socket.bind, or after listen")
    local server = socket.bind("127.0.0.1", 0)
    assert.has_error(function() socket.serve(server, 1) end,
      "serve: the handler is a function(client, ctx), not a number")
    server:close()
    assert.has_error(function() socket.serve(server, print) end, "serve: this socket has been closed")
  end)

  it("gives a unix socket the ladder, in a task", function()
    local unix = require "lastcall.socket.unix"
    local path = os.tmpname()
    os.remove(path)
    local mine
    helper.task(function(lastcall)
      local server = unix.stream()
      assert(server:bind(path))
      assert(server:listen())
      lastcall.spawn(function()
        mine = require("lastcall.socket").serve(server, function(client)
          client:send("to " .. client:receive() .. "\n")
        end)
      end)
      local client = unix.stream()
      assert(client:connect(path))
      client:send("you\n")
      assert.equal("to you", client:receive())
      assert.equal("closed", select(2, client:receive()))
      client:close()
    end)
    os.remove(path)
    helper.assert_clean(mine)
  end)
end)
