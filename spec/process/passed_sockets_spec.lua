-- scripts/test: early
local helper = require "spec.helper"
local manager = require "spec.support.activation"
local process = require "spec.support.process"
local system = require "spec_system"

local function close_all(sockets)
  for _, one in ipairs(sockets) do system.close(one.fd) end
end

--- Starts the Lua text with sockets of these kinds, as systemd would; the process, and the sockets.
local function start(kinds, names, text, variables)
  local sockets = {}
  for i, kind in ipairs(kinds) do sockets[i] = manager.inherited(kind) end
  local file = helper.write_file("local lastcall = require 'lastcall' " .. text)
  local one = process.start(manager.with_sockets(sockets, names, "lua5.4 " .. file, variables))
  one.path = file
  return one, sockets
end

local function output_of(kinds, names, text, variables)
  local one, sockets = start(kinds, names, text, variables)
  local output = one:finish()
  close_all(sockets)
  return output
end

local LIST = [[
  for _, one in ipairs(lastcall.listeners()) do print(one.name, one.address, one.fd) end
]]

local STREAMS = { "stream", "stream" }

describe("sockets that systemd passes", function()
  it("have the names of the unit, or are unknown", function()
    assert.equal("web\tsystemd:web\t3\nadmin\tsystemd:admin\t4\n", output_of(STREAMS, "web:admin", LIST))
    assert.equal("unknown\tsystemd:unknown\t3\nadmin\tsystemd:admin\t4\n", output_of(STREAMS, ":admin", LIST))
    assert.equal("unknown\tsystemd:unknown\t3\n", output_of({ "stream" }, "", LIST))
  end)

  it("are none when they are another process's, or when the variables make no sense", function()
    local COUNT = [[ print(#lastcall.listeners(), (select(3, lastcall.listen "systemd:web"))) ]]
    for _, case in ipairs {
      { { LISTEN_PID = "1" }, 'no socket (LISTEN_FDS is set, but LISTEN_PID is "1"; this process is ' },
      { { LISTEN_PID = "" }, "no socket (LISTEN_FDS is set, but LISTEN_PID is " },
      { { LISTEN_FDS = "" }, "0\tlisten: systemd:web: systemd has passed this process no socket" },
      { { LISTEN_FDS = "many" }, 'LISTEN_FDS is "many", not a number from 1 to 4096' },
      { { LISTEN_FDS = "-1" }, 'LISTEN_FDS is "-1", not a number' },
      { { LISTEN_FDS = "99999999999999999999" }, "not a number from 1 to 4096" },
      { { LISTEN_FDS = "5", LISTEN_FDNAMES = "a:b:c:d:e" }, "(LISTEN_FDS is 5, but descriptor " },
    } do
      local output = output_of(STREAMS, "a:b", COUNT, case[1])
      assert.is_truthy(output:find(case[2], 1, true), output)
    end
  end)

  it("reach no grandchild, neither the sockets nor the variables", function()
    for name, text in pairs {
      run = [[ lastcall.run(function() os.execute "env; ls -l /proc/self/fd" end) ]],
      listeners = [[ lastcall.listeners() os.execute "env; ls -l /proc/self/fd" ]],
    } do
      local output = output_of(STREAMS, "a:b", text)
      assert.is_nil(output:find("LISTEN_", 1, true), name .. output)
      assert.is_nil(output:find("socket:", 1, true), name .. output)
    end
  end)

  it("are served by name, and stay open for those who come after the end of the server", function()
    local one, sockets = start(STREAMS, "web:web", [[
      local report = lastcall.serve("systemd:web", function(conn) conn:write(conn:read(), "\n") end, { drain = 5 })
      io.stderr:write(tostring(report), "\n")
      os.exit(report.ok)
    ]])
    helper.task(function(run)
      for _, socket in ipairs(sockets) do
        local conn = helper.ask("127.0.0.1:" .. socket.port, "hello")
        assert.equal("hello", conn:read())
        conn:close()
      end
      local output = one:drain_beside(run)
      assert.is_truthy(output:find("shutdown ok", 1, true), output)
      local late = assert(run.connect("127.0.0.1:" .. sockets[1].port)) -- waits for the next process
      late:abort()
    end)
    close_all(sockets)
  end)

  it("can be listened on again, by name and by descriptor, beside other addresses", function()
    local output = output_of({ "stream" }, "web", [[
      local list = lastcall.listeners()
      lastcall.run(function()
        for _, where in ipairs { "systemd:web", list[1], { fd = list[1].fd }, "systemd:web" } do
          local server = assert(lastcall.listen(where))
          assert(server:listen "127.0.0.1:0")
          lastcall.go(function() server:serve(function(conn) conn:write "hello\n" end) end)
          local conn = assert(lastcall.connect(server:addresses()[1]))
          print(#server:addresses(), conn:read())
          conn:close()
          server:shutdown(1)
        end
      end)
    ]])
    assert.equal(("2\thello\n"):rep(4), helper.without_trace(output))
  end)

  it("that do not listen give an error, and no name gives one that says which there are", function()
    local output = output_of({ "datagram", "stream" }, "log:web", [[
      print(select(2, lastcall.listen "systemd:log"))
      print(select(2, lastcall.listen "systemd:wbe"))
      print(pcall(lastcall.serve, "systemd:wbe", print))
      print(pcall(lastcall.connect, "systemd:web"))
    ]])
    assert.is_truthy(output:find("^einval\t"), output)
    local _, count = output:gsub("systemd has passed no socket of this name, but log, web", "")
    assert.equal(2, count, output)
    assert.is_truthy(output:find("\nfalse\t[^\n]*connect: \"systemd:web\" is not an address"), output)
  end)
end)

describe("systemd-socket-activate", function()
  local _, is_there = helper.run "which systemd-socket-activate"

  it("passes a socket by name to a program that serves it", function()
    if not is_there then return pending "systemd-socket-activate is not here (Debian: systemd)" end
    local address = process.address_to_be()
    local file = helper.write_file [[
      require "lastcall".serve("systemd:web", function(conn) conn:write("re:", conn:read(), "\n") end, { drain = 5 })
    ]]
    local one = process.start(("systemd-socket-activate --listen=%s --fdname=web %s lua5.4 %s"):format(
      address, "-E LUA_PATH -E LUA_CPATH", file))
    assert(one.pipe:read()) -- "Listening on"
    helper.task(function(run)
      assert.equal("re:hello", helper.ask(address, "hello"):read())
      one:drain_beside(run)
    end)
    os.remove(file)
  end)
end)
