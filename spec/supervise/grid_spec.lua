-- kill -9 of a master, or of a worker, at each step of a reload and of a stop.
local helper = require "spec.helper"
local process = require "spec.support.process"
local supervised = require "spec.support.supervised"

local MOST = 80
local CANARY = 0.2 -- seconds that one serves

-- %s: the address. A client that has connected, and cannot speak at once on a busy machine, has `quiet` for it.
local ECHO = [[
local lastcall = require "lastcall"
lastcall.run(function()
  assert(lastcall.listen "%s"):serve(function(conn)
    for line in conn:lines() do conn:write(line, " echoed\n") end
  end)
end, { log = function() end, drain = { timeout = 10, quiet = 5 } })
]]

local function unix_address()
  local path = os.tmpname()
  os.remove(path)
  return "unix:" .. path, path
end

--- Whether a process runs this script.
local function is_left(lastcall, script)
  local child = assert(lastcall.process { argv = { "pgrep", "-f", "[l]ua5.4 " .. script }, stdout = "null" })
  return select(2, child:wait()) == 0
end

--- Clients, one after the other, until `is_over()`. Returns why each that was lost was, and how many were answered.
local function clients(lastcall, address, is_over)
  local lost, served = {}, 0
  while not is_over() do
    local began = lastcall.now()
    local conn = lastcall.connect(address)
    if conn then
      conn:write("hello\n")
      local silent = lastcall.now() - began
      local answer, _, message = conn:read()
      if answer == "hello echoed" then served = served + 1
      else lost[#lost + 1] = ("%s, %.3f s after a request that came after %.3f s"):format(message or answer,
        lastcall.now() - began - silent, silent) end
      conn:close(0)
    end
    lastcall.sleep(0.01)
  end
  return lost, served
end

--- One worker dies at the n-th point of a reload: the service goes on. Returns whether it did die.
local function kill_worker(n, canary)
  local address, path = unix_address()
  local armed = os.tmpname()
  os.remove(armed)
  local script = supervised.script(ECHO:format(address))
  local command = { "env", "LUA_INIT=@spec/support/kill_at.lua", ("KILL_AT=%d %s"):format(n, armed), "lua5.4" }
  local given = { script = script, command = command, drain = 3, start_timeout = 5, canary = canary }
  supervised.run(given, function(lastcall, service)
    local over, lost, served = false, nil, nil
    local asking = lastcall.go(function()
      lost, served = clients(lastcall, address, function() return over end)
    end)
    helper.write_file("", armed)
    service:reload() -- it may fail
    os.remove(armed)
    supervised.wait_until(lastcall, function()
      local ready = 0
      for _, one in ipairs(service:status()) do ready = ready + (one.state == "ready" and 1 or 0) end
      return ready == 2
    end)
    assert.is_true(service:reload())
    over = true
    asking:wait()
    assert.is_true(#lost <= 1, table.concat(lost, ', ')) -- whom the worker had in its hands
    assert.is_true(served > 0)
  end)
  assert.is_false(helper.exists(path))
  helper.task(function(lastcall) assert.is_false(is_left(lastcall, script)) end)
  return os.remove(armed .. ".done") == true
end

local MASTER = [[
local lastcall = require "lastcall"
lastcall.run(function()
  local service = lastcall.assert(lastcall.supervise { script = %q, workers = 2, probation = 0, drain = 3, canary = %g,
    command = { "env", "-u", "LUA_INIT", "lua5.4" } })
  print "serving"
  io.stdout:flush()
  service:wait()
end, { signals = false })
]]

--- The master dies at the n-th point of a reload, or of a stop: the workers drain, and nobody is lost. Returns whether
-- it did die.
local function kill_master(n, signal, canary)
  local address, path = unix_address()
  local armed = os.tmpname()
  os.remove(armed)
  local script = helper.write_file(ECHO:format(address))
  local master_script = helper.write_file(MASTER:format(script, canary or 0))
  local master = process.start(("env LUA_INIT=@spec/support/kill_at.lua 'KILL_AT=%d %s' lua5.4 %s"):format(n, armed,
    master_script))
  repeat local line = master.pipe:read() until line == "serving"
  local died
  helper.task(function(lastcall)
    local over, lost = false, nil
    local asking = lastcall.go(function() lost = clients(lastcall, address, function() return over end) end)
    helper.write_file("", armed)
    master:signal(signal)
    local deadline = lastcall.now() + helper.seconds(signal == "HUP" and 1 or 5)
    repeat
      lastcall.sleep(0.02)
      died = helper.exists(armed .. ".done")
    until died or lastcall.now() > deadline or not is_left(lastcall, master_script)
    os.remove(armed)
    if not died then master:signal "TERM" end
    supervised.wait_until(lastcall, function()
      return not is_left(lastcall, script) and not is_left(lastcall, master_script)
    end, 15)
    over = true
    asking:wait()
    assert.same({}, lost, n)
  end)
  master:finish()
  os.remove(script)
  os.remove(master_script)
  assert.is_false(helper.exists(path), n)
  return os.remove(armed .. ".done") == true
end

--- Goes through the points until nothing dies any more. `make test` tries one of them.
local function through(short, kill, ...)
  local points = 0
  for n = helper.long and 1 or short, helper.long and MOST or short do
    if not kill(n, ...) then break end
    points = points + 1
  end
  assert.is_true(points >= (helper.long and 5 or 1), points)
  if helper.long then helper.figure("%d points", points) end
end

describe("kill -9 at any step", function()
  it("of a worker, in a reload: the service goes on", function() through(4, kill_worker) end)
  it("of a worker, in a reload with a canary: likewise", function() through(6, kill_worker, CANARY) end)
  it("of the master, in one: the workers drain", function() through(14, kill_master, "HUP", CANARY) end)
  it("of the master, in a reload: the workers drain, and leave nothing", function() through(9, kill_master, "HUP") end)
  it("of the master, in a stop: likewise", function() through(3, kill_master, "TERM") end)
end)
