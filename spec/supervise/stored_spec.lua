-- The service manager keeps the sockets of a supervisor that dies. The spec plays the manager.
local core = require "lastcall.core"
local helper = require "spec.helper"
local manager = require "spec.support.activation"
local process = require "spec.support.process"
local supervised = require "spec.support.supervised"

local MASTER = [[
local lastcall = require "lastcall"
lastcall.run(function()
  local service = lastcall.assert(lastcall.supervise { script = %q, workers = 2, probation = 0, drain = 5 })
  for i, one in ipairs(service:status()) do print("worker " .. one.pid) end
  print "all"
  io.stdout:flush()
  print(service:wait())
end, { signals = false })
]]

--- A script that listens on these addresses.
local function serving(addresses)
  local lines = {}
  for i, address in ipairs(addresses) do lines[i] = ("lastcall.assert(server:listen %q)"):format(address) end
  return ([[
    local lastcall = require "lastcall"
    lastcall.run(function()
      local server = lastcall.assert(lastcall.listen %q)
      %s
      server:serve(function(conn) for line in conn:lines() do conn:write("re:", line, "\n") end end)
    end, { log = function() end })
  ]]):format(addresses[1], table.concat(lines, "\n", 2))
end

--- Starts a master with what the manager stores. Returns it, and the process numbers of its workers.
local function start(one, path, room)
  local sockets, names = one:restored()
  local variables = { NOTIFY_SOCKET = one.path, FDSTORE = room }
  if #sockets == 0 then variables.LISTEN_PID = "1" end
  local master = process.start(manager.with_sockets(sockets, names, "lua5.4 " .. path, variables))
  local workers, said = {}, {}
  for line in master.pipe:lines() do
    if line == "all" then return master, workers end
    workers[#workers + 1] = line:match "^worker (%d+)"
    said[#said + 1] = line
  end
  master.said = table.concat(said, "\n")
  return master, workers
end

--- The master dies, and its workers drain.
local function kill(master, workers)
  master:signal "KILL"
  for _, pid in ipairs(workers) do
    while os.execute(("kill -0 %s 2>/dev/null"):format(pid)) do os.execute "sleep 0.02" end
  end
  master:finish()
end

--- Where a socket in the store listens.
local function where(fd)
  local host, port = core.socket.sockname(fd)
  return port and ("%s:%d"):format(host, port)
end

local function count(list)
  local n = 0
  for _ in pairs(list) do n = n + 1 end
  return n
end

describe("the sockets of a supervisor under a manager that stores them", function()
  local one, script, master_script, path
  before_each(function()
    one, path = manager.new(), helper.socket_path()
    script = helper.write_file(serving { "127.0.0.1:0", "unix:" .. path })
    master_script = helper.write_file(MASTER:format(script))
  end)
  after_each(function()
    one:close()
    os.remove(script)
    os.remove(master_script)
    os.remove(path)
  end)

  it("outlive it, with the clients in their queues, also where the next start fails", function()
    local master, workers = start(one, master_script, "16")
    one:wait_for "READY=1"
    local of_tcp = one.stored["lastcall/1/127.0.0.1%3A0"]
    assert.equal(2, count(one.stored))
    assert.is_truthy(one.stored["lastcall/1/unix%3A" .. path])
    local address = where(of_tcp)
    kill(master, workers)
    one:rest()
    assert.equal(2, count(one.stored))
    helper.task(function(lastcall)
      local clients = { helper.ask(address, "hello"), helper.ask("unix:" .. path, "there") }
      for _, conn in ipairs(clients) do conn:flush() end
      supervised.replace(script, "os.exit(3)")
      master = start(one, master_script, "16")
      assert.is_truthy(master.said:find("with status 3 before it was ready", 1, true), master.said)
      master:finish()
      one:rest()
      assert.equal(2, count(one.stored))
      supervised.replace(script, serving { "127.0.0.1:0", "unix:" .. path })
      master = start(one, master_script, "16")
      assert.equal("re:hello", clients[1]:read())
      assert.equal("re:there", clients[2]:read())
      clients[1]:write "again\n"
      assert.equal("re:again", clients[1]:read())
      for _, conn in ipairs(clients) do conn:close() end
      assert.equal(address, where(one.stored["lastcall/1/127.0.0.1%3A0"]))
      master:signal "USR2" -- another program of the master's goes on with them, and stores what is new
      assert(master.pipe:read()) -- "the master is replaced"
      repeat until master.pipe:read() == "all"
      one:rest() -- its socket takes ten messages
      assert.equal("re:hello", supervised.ask(lastcall, address, "hello"))
      local said = master:drain_beside(lastcall)
      assert.is_truthy(said:find("service ok, 2 workers, clean", 1, true), said)
      one:rest()
      assert.equal(0, count(one.stored))
      assert.is_false(helper.exists(path))
      assert.is_nil((lastcall.connect(address)))
    end)
  end)

  it("are let go when the script asks for them no more, and stored only as far as there is room", function()
    local master, workers = start(one, master_script, "1")
    one:wait_for "READY=1"
    assert.equal(1, count(one.stored))
    kill(master, workers)
    assert.is_false(helper.exists(path)) -- the other one ends with its workers
    local name, fd = next(one.stored)
    assert.equal("lastcall/1/127.0.0.1%3A0", name)
    local address = where(fd)
    supervised.replace(script, serving { "unix:" .. path })
    master = start(one, master_script, "16")
    one:wait_for "READY=1"
    assert.is_nil(one.stored[name])
    assert.is_truthy(one.stored["lastcall/1/unix%3A" .. path])
    helper.task(function(lastcall)
      assert.equal("re:hello", supervised.ask(lastcall, "unix:" .. path, "hello"))
      master:drain_beside(lastcall)
      assert.is_nil((lastcall.connect(address)))
    end)
    one:rest()
    assert.equal(0, count(one.stored))
  end)

  it("are not sent to a manager that says nothing of a store, and no list has what is stored", function()
    local master, workers = start(one, master_script, "none")
    local told = one:wait_for "READY=1"
    assert.is_nil(told:find("FDSTORE", 1, true))
    kill(master, workers)
    assert.is_false(helper.exists(path))
    local file = helper.write_file [[
      local lastcall = require "lastcall"
      print(#lastcall.listeners(), lastcall.listeners()[1].name)
      print((select(3, lastcall.listen "systemd:lastcall/1/x")))
      os.execute "ls -l /proc/self/fd"
    ]]
    local sockets = { manager.inherited(), manager.inherited() }
    local said = helper.run(manager.with_sockets(sockets, "lastcall/1/x:web", "lua5.4 " .. file))
    os.remove(file)
    for _, socket in ipairs(sockets) do require("spec_system").close(socket.fd) end
    assert.is_truthy(said:find("1\tweb\n", 1, true) and said:find("no socket of this name, but web", 1, true), said)
    assert.is_nil(said:find("socket:", 1, true), said)
  end)
end)
