local helper = require "spec.helper"
local process = require "spec.support.process"

-- The processes that serve: those whose parent is the one that was started.
local function servers_of(parent)
  local pids = {}
  local ids = io.popen "ls /proc"
  for id in ids:lines() do
    local file = id:find "^%d+$" and io.open(("/proc/%s/stat"):format(id))
    local stat = file and file:read "a" or ""
    if file then file:close() end
    if tonumber(stat:match "^.*%) %S (%d+)") == parent then pids[#pids + 1] = tonumber(id) end
  end
  ids:close()
  return pids
end

local function start(count, ...)
  local prefork = process.example("prefork", "127.0.0.1:0", count, ...)
  local line = prefork.pipe:read()
  local listening, address = (line or ""):match "^(%d+) processes, listening (.+)$"
  assert.equal(tostring(count), listening, line)
  prefork.where = address
  prefork.first = servers_of(prefork.pid)[1] -- `timeout` runs what it is given as a child of its own
  return prefork
end

local function ask(conn, text)
  helper.send(conn, text, "\n")
  return conn:read()
end

describe("examples/prefork.lua", function()
  it("serves from several processes, and drains them all at one signal", function()
    local prefork = start(3)
    assert.equal(3, #servers_of(prefork.first))
    helper.task(function(lastcall)
      local conns = {}
      for i = 1, 30 do
        conns[i] = assert(lastcall.connect(prefork.where))
        assert.equal("hello", ask(conns[i], "hello"))
      end
      helper.send(conns[1], "hel")
      lastcall.sleep(0.1)
      prefork:signal("TERM")
      for i = 2, 30 do assert.equal("eof", (select(2, conns[i]:read()))) end
      assert.equal("hello", ask(conns[1], "lo")) -- what had begun is answered
      for i = 1, 30 do conns[i]:close() end
    end)
    local output, fine = prefork:finish()
    assert.is_true(fine, output)
    helper.stopping.assert_says_clean(output, 3)
    assert.is_truthy(output:find("service ok, 3 workers, clean", 1, true), output)
  end)

  it("starts another in the place of one that died, and says in the end that one did", function()
    local prefork = start(2)
    local before = servers_of(prefork.first)
    assert(os.execute("kill -KILL " .. before[1]))
    local line = prefork.pipe:read()
    assert.is_truthy(line:find("worker ended unasked ended=by signal KILL", 1, true), line)
    helper.task(function(lastcall)
      local patience = lastcall.now() + helper.seconds(10)
      local answered = 0
      while answered < 20 and lastcall.now() < patience do -- also by the new one, when it listens
        local conn = lastcall.connect(prefork.where)
        if conn and ask(conn, "you") == "you" then answered = answered + 1 end
        if conn then conn:close(0) end
        lastcall.sleep(0.05)
      end
      assert.equal(20, answered)
    end)
    local after = servers_of(prefork.first)
    assert.equal(2, #after)
    assert.is_true(after[1] ~= before[1] and after[2] ~= before[1])
    prefork:signal("TERM")
    local output, fine = prefork:finish()
    assert.is_false(fine, output)
    assert.is_truthy(output:find("service NOT ok", 1, true), output)
    assert.is_truthy(output:find("1 workers ended badly", 1, true), output)
  end)

  it("leaves nobody behind when it is killed itself: the others drain", function()
    local prefork = start(2)
    assert(os.execute("kill -KILL " .. prefork.first))
    local output = prefork:finish() -- the pipe is theirs as well: it ends with the last of them
    assert.equal(2, select(2, output:gsub("shutdown ok in ", "")), output)
  end)

  it("ends, and says why, when its processes cannot listen", function()
    local output, fine = helper.run "lua5.4 examples/prefork.lua 192.0.2.1:7008 2"
    assert.is_false(fine, output)
    assert.is_truthy(output:find("192.0.2.1:7008", 1, true), output)
  end)
end)
