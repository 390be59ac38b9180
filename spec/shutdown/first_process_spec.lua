local helper = require "spec.helper"
local process = require "spec.support.process"

-- As in a container: process 1 of its own, where no signal has a default action.
local UNSHARE = "unshare --fork --pid --kill-child "
local _, can_unshare = helper.run(UNSHARE .. "true")

-- The first line is the number that it has outside.
local BEGIN = [[
  local lastcall = require "lastcall"
  local function wait_for(path) repeat local file = io.open(path) until file end
  local function echo(conn) for line in conn:lines() do conn:write("re:", line, "\n") end end
  local function say(text) print(text) io.stdout:flush() end
  say(io.open("/proc/self/stat"):read("n"))
]]

local function start(text)
  local path = helper.write_file(BEGIN .. text)
  local one = process.start(UNSHARE .. "lua5.4 " .. path)
  one.path = path
  one.inside = assert(one.pipe:read("n", "l"), "it has not begun")
  return one
end

local function signal(one, name) assert(os.execute(("kill -%s %d"):format(name, one.inside))) end

local function when_possible(what, body)
  it(what, function()
    if not can_unshare then return pending "no process numbers of one's own here: unshare is refused" end
    body()
  end)
end

describe("process 1", function()
  for name, status in pairs { TERM = 143, INT = 130 } do
    when_possible("is ended by SIG" .. name .. " before it runs", function()
      local one = start [[ say "ready" wait_for "/nowhere" ]]
      assert.equal("ready", one.pipe:read())
      signal(one, name)
      assert.equal(status, select(3, one:finish()))
    end)

    when_possible("that listens already serves whoever is connected: SIG" .. name, function()
      local go = helper.socket_path()
      local one = start(([[
        local server = assert(lastcall.listen "127.0.0.1:0")
        say("listening " .. server:addresses()[1])
        wait_for "%s"
        local report = lastcall.run(function() server:serve(echo) end, { drain = 5 })
        say(report)
        os.exit(report.ok and report.elapsed < 4)
      ]]):format(go))
      local address = one:address()
      helper.task(function()
        local conn = helper.ask(address, "early")
        signal(one, name)
        signal(one, name) -- as one: nobody could hear the first
        helper.write_file("", go)
        assert.equal("re:early", conn:read())
        conn:close("background")
      end)
      local output, fine = one:finish()
      os.remove(go)
      assert.is_true(fine, output)
      assert.is_nil(output:find "canceled", output)
    end)
  end

  when_possible("is ended by SIGTERM after its run, and between two", function()
    local one = start [[
      lastcall.run(function() lastcall.sleep(0) end)
      say "ready"
      wait_for "/nowhere"
    ]]
    assert.equal("ready", one.pipe:read())
    signal(one, "TERM")
    assert.equal(143, select(3, one:finish()))
  end)

  when_possible("whose listener is closed again is ended too", function()
    local one = start [[
      local server = assert(lastcall.listen "unix:@first-process")
      server:close()
      lastcall.step()
      say "ready"
      wait_for "/nowhere"
    ]]
    assert.equal("ready", one.pipe:read())
    signal(one, "TERM")
    assert.equal(143, select(3, one:finish()))
  end)

  when_possible("drains in a run as any other", function()
    local one = start [[
      local report = lastcall.run(function()
        local server = assert(lastcall.listen "127.0.0.1:0")
        say("listening " .. server:addresses()[1])
        server:serve(echo)
      end, { drain = 5 })
      os.exit(report.ok)
    ]]
    local address = one:address()
    helper.task(function()
      local conn = helper.ask(address, "early")
      assert.equal("re:early", conn:read())
      signal(one, "TERM")
      assert.equal("eof", helper.ends(conn))
    end)
    assert.is_true(select(2, one:finish()))
  end)
end)

it("another process has its signals as they were", function()
  local one = process.script [[
    local lastcall = require "lastcall"
    for line in io.lines "/proc/self/status" do
      local caught = line:match "^SigCgt:%s*(%x+)"
      if caught then print(tonumber(caught, 16) >> 14 & 1) end
    end
  ]]
  assert.equal("0\n", (one:finish()))
end)

describe("a standard descriptor that is closed at the start", function()
  local SHOW = [[
    local lastcall = require "lastcall"
    local function show()
      local pipe = io.popen("for fd in 0 1 2; do readlink /proc/$PPID/fd/$fd >>%s; done")
      pipe:read("a")
      pipe:close()
    end
    lastcall.run(function()
      local server = assert(lastcall.listen(arg[1]))
      lastcall.spawn(function() server:serve(function(conn)
        conn:read()
        print "for nobody" io.stderr:write "nor this\n"
      end) end)
      local conn = assert(lastcall.connect(server:addresses()[1]))
      lastcall.sleep(0)
      show()
      conn:write("x\n")
      local got, code = conn:read()
      local out = io.open(arg[2], "w")
      out:write(tostring(got), " ", tostring(code))
      out:close()
      conn:abort()
      lastcall.shutdown()
    end)
  ]]

  for _, at in ipairs { "127.0.0.1:0", "unix:@closed-descriptors" } do
    it("never becomes one of ours: " .. at, function()
      local links, result = helper.socket_path(), helper.socket_path()
      local path = helper.write_file(SHOW:format(links))
      local script = helper.write_file(("exec lua5.4 %s %s %s <&- >&- 2>&-\n"):format(path, at, result))
      helper.run("sh " .. script)
      local seen = helper.read_file(links)
      assert.is_nil(seen:find("socket", 1, true) or seen:find("anon_inode", 1, true), seen)
      assert.equal("nil eof", helper.read_file(result))
      for _, one in ipairs { links, result, path, script } do os.remove(one) end
    end)
  end
end)
