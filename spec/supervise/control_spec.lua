-- scripts/test: fast clock
local control = require "lastcall.supervise.control"
local helper = require "spec.helper"
local path = require "lastcall.supervise.path"

local is_root = helper.run("id -u"):match "^0"

--- A service that does what the spec wants.
local function fake(methods)
  local service = {
    reload = function() return true end, grow = function() return true end, shrink = function() return true end,
    stop = function() return true end, wait = function() return {} end,
    status = function()
      return {
        { index = 1, pid = 100, generation = 3, state = "ready", connections = 17, accepted = 40, age = 1.5 },
        { index = 2, pid = 101, generation = 3, state = "draining" },
      }
    end,
  }
  for name, fn in pairs(methods or {}) do service[name] = fn end
  return service
end

--- Runs `body(ask, at, lastcall, door)` with a control socket; ask(line) returns the whole answer.
local function with(service, body)
  local at = helper.socket_path()
  helper.task(function(lastcall)
    local door = assert(control.open(at))
    if service then door:attach(service) end
    body(function(line)
      local conn = assert(lastcall.connect("unix:" .. at))
      conn:write(line, "\nquit\n")
      local answer = conn:read "a"
      conn:close()
      return answer
    end, at, lastcall, door)
    door:close()
  end)
  assert.is_nil(io.open(at)) -- it is gone
end

describe("the control socket", function()
  it("answers each word", function()
    with(fake(), function(ask)
      for _, word in ipairs { "reload", "grow", "shrink", "stop" } do
        assert.equal("ok\n", ask(word))
        assert.equal('{"ok":true}\n', ask(word .. " --json"))
      end
      assert.equal("1 100 3 ready 17\n2 101 3 draining -\nok\n", ask "status")
      assert.equal('{"ok":true,"workers":[{"index":1,"pid":100,"generation":3,"state":"ready","connections":17,'
        .. '"accepted":40,"age":1.5},{"index":2,"pid":101,"generation":3,"state":"draining"}]}\n', ask "status --json")
      assert.is_truthy(ask "help":find "words: grow, help, quit, reload, shrink, status, stop\n.*\nok\n$")
    end)
  end)

  it("answers several words of a client, until it quits", function()
    with(fake(), function(ask)
      assert.equal("ok\nok\n", ask "reload\ngrow\nquit\nshrink")
      assert.equal("ok\nok\n", ask "  reload  \r\ngrow\r")
    end)
  end)

  it("gives the reason, on one line", function()
    local service = fake {
      reload = function() return nil, "worker 1 has ended:\nlua: no \27[31msuch\0thing" end,
      grow = function() return nil, "failed", "a full table" end,
      shrink = function() error "it \"breaks\"" end,
    }
    with(service, function(ask)
      assert.equal("error worker 1 has ended:\\nlua: no \\x1b[31msuch\\x00thing\n", ask "reload")
      assert.equal('{"ok":false,"error":"worker 1 has ended:\\\\nlua: no \\\\x1b[31msuch\\\\x00thing"}\n',
        ask "reload --json")
      assert.equal("error a full table\n", ask "grow")
      assert.is_truthy(ask "shrink":find '^error .*it "breaks"\n$')
      assert.is_truthy(ask "shrink --json":find 'it \\"breaks\\""}\n$')
    end)
  end)

  it("says that the service is starting while there is none", function()
    with(nil, function(ask)
      assert.equal("error the service is starting\n", ask "status")
      assert.equal('{"ok":false,"error":"the service is starting"}\n', ask "stop --json")
    end)
  end)

  it("tells nonsense what there is, in few words", function()
    with(fake(), function(ask)
      for _, line in ipairs { "", "nonsense", ("x"):rep(3000), "\0\1\2\255", "GET / HTTP/1.1" } do
        local answer = ask(line)
        assert.is_truthy(answer:find("^error no word [^\n]*; there are: grow, help, [^\n]*\n$"), answer)
        assert.is_true(#answer < 300 and not answer:find "[%z\1-\9]", answer)
      end
      assert.is_truthy(ask "status --xml":find "^error status takes no argument but %-%-json\n$")
    end)
  end)

  it("ends lines without an end, and peers that say nothing", function()
    with(fake(), function(_, at, lastcall)
      local endless = assert(lastcall.connect("unix:" .. at))
      endless:write(("x"):rep(100000))
      assert.equal("error the line has more than 4096 bytes", endless:read())
      endless:abort()
      local silent = assert(lastcall.connect("unix:" .. at))
      silent:write "stat"
      silent:flush()
      local began = lastcall.now()
      assert.is_nil((silent:read()))
      assert.is_true(lastcall.now() - began < helper.seconds(20))
      silent:close()
    end)
  end)

  it("answers who waits behind many peers, and serves some at a time", function()
    with(fake(), function(ask, at, lastcall)
      local peers = {}
      for i = 1, 40 do peers[i] = assert(lastcall.connect("unix:" .. at)) end
      local asking = lastcall.go(ask, "reload")
      for _, conn in ipairs(peers) do conn:abort() end
      assert.equal("ok\n", (asking:wait()))
    end)
  end)

  it("answers at once behind five hundred that say nothing, half a line, or nonsense", function()
    with(fake(), function(ask, at, lastcall)
      for _, words in ipairs { "", "relo", "\0\1\2\255\n" } do
        local peers, began = {}, lastcall.now()
        for i = 1, 500 do
          peers[i] = assert(lastcall.connect("unix:" .. at))
          if words ~= "" then peers[i]:write(words) peers[i]:flush() end
        end
        assert.equal("ok\n", ask "reload")
        assert.is_true(lastcall.now() - began < helper.seconds(9)) -- none of them has run out of its time
        for _, conn in ipairs(peers) do conn:abort() end
      end
      local endless = assert(lastcall.connect("unix:" .. at))
      local written = 0
      while written < 1 << 20 and endless:write(("x"):rep(65536)) do written = written + 65536 end
      assert.equal("ok\n", ask "grow")
      endless:abort()
    end)
  end)

  it("waits for a descriptor where there is none, and answers then", function()
    local result = require "spec_faults".run((([[
      local faults = require "spec_faults"
      local lastcall = require "lastcall"
      local control = require "lastcall.supervise.control"
      lastcall.run(function()
        local door = assert(control.open "AT")
        door:attach { reload = function() return true end }
        for _, error in ipairs { "EMFILE", "ENFILE", "ENOMEM" } do
          faults.fail("accept", 1, 2, error)
          local conn = assert(lastcall.connect "unix:AT")
          conn:write "reload\nquit\n"
          assert(conn:read "a" == "ok\n")
          assert(faults.failed "accept" > 0)
          faults.none()
          conn:close()
        end
        for _, error in ipairs { "EMFILE", "ENFILE" } do
          faults.fail("socket", 1, 1, error)
          local _, problem = control.open "AT.other"
          assert(problem:find "no descriptor is free", problem)
        end
        faults.none()
        door:close()
      end, { signals = false, log = function() end })
    ]]):gsub("AT", helper.socket_path())))
    assert.is_true(result.ok, result.message)
    assert.equal(0, result.open)
  end)

  it("answers a stop when the service has ended, and others meanwhile", function()
    local channel
    local service = fake { wait = function() channel:receive() return {} end }
    with(service, function(ask, _, lastcall)
      channel = lastcall.channel()
      local stopped
      local asking = lastcall.go(function() stopped = ask "stop" end)
      assert.is_truthy(ask "status":find "ok\n$")
      assert.is_nil(stopped)
      channel:send(true)
      asking:wait()
      assert.equal("ok\n", stopped)
    end)
  end)

  it("is for its user alone", function()
    with(fake(), function(_, at) assert.equal("600", helper.run("stat -c %a " .. at):match "%d+") end)
  end)

  it("turns away other users, also where the file's mode lets them in", function()
    if not is_root or not select(2, helper.run "which setpriv") then return pending "for this, one has to be root" end
    with(fake(), function(_, at, lastcall)
      os.execute("chmod 666 " .. at)
      local file = helper.write_file(([[
        local conn
        require "lastcall".run(function(ctx)
          conn = assert(require "lastcall".connect "unix:%s")
          conn:write "stop\n"
          print(conn:read "a")
        end)
      ]]):format(at))
      os.execute("chmod 644 " .. file)
      local output = helper.run_beside(lastcall, "setpriv --reuid=65534 --regid=65534 --clear-groups lua5.4 " .. file)
      os.remove(file)
      assert.equal("error permission denied\n\n", output)
    end)
  end)
end)

describe("the path of a control socket", function()
  it("that is somebody's file, or in use, is left alone", function()
    local at = helper.write_file "precious"
    helper.task(function()
      local fine, reason = control.open(at)
      assert.is_nil(fine)
      assert.equal(at .. " is a file of another kind; it is left alone", reason)
      assert.equal("precious", helper.read_file(at))
      os.remove(at)
      local door = assert(control.open(at))
      fine, reason = control.open(at)
      assert.is_nil(fine)
      assert.equal(at .. " is in use: another supervisor runs here", reason)
      door:close()
    end)
    helper.task(function()
      local _, reason = control.open "relative.sock"
      assert.is_truthy(reason:find("is no path of a control socket: it begins with a slash", 1, true))
      assert.is_truthy(select(2, control.open "/nowhere/x.sock"):find("No such file", 1, true))
      assert.is_truthy(select(2, control.open("/tmp/" .. ("x"):rep(120))):find("too long", 1, true))
    end)
  end)

  it("with a socket that nobody has any more is taken, if the socket is ours", function()
    local at = helper.socket_path()
    helper.run_script(([[
      local lastcall = require "lastcall"
      assert(lastcall.listen("unix:%s"))
      os.execute("kill -KILL " .. io.open("/proc/self/stat"):read "n")
    ]]):format(at))
    assert.is_true(os.rename(at, at))
    if is_root then
      os.execute("chown 65534 " .. at)
      helper.task(function()
        assert.equal(at .. " belongs to user 65534", select(2, control.open(at)))
      end)
      os.execute("chown 0 " .. at)
    end
    helper.task(function() assert(control.open(at)):close() end)
    assert.is_nil(io.open(at))
  end)

  it("has the script's name, and a hash of where it really is", function()
    local folder = helper.socket_path()
    os.execute(("mkdir -p -m 700 %s/a %s/b && touch %s/a/app.lua %s/b/app.lua && ln -s a/app.lua %s/link.lua"):format(
      folder, folder, folder, folder, folder))
    local here = ("env XDG_RUNTIME_DIR=%s "):format(folder)
    local function of(script)
      local file = helper.write_file 'print(require("lastcall.supervise.path").of(arg[1]))'
      local output = helper.run(("%slua5.4 %s %s/%s"):format(here, file, folder, script))
      os.remove(file)
      return output
    end
    local first = of "a/app.lua"
    assert.is_truthy(first:find("^" .. folder:gsub("%p", "%%%0") .. "/lastcall%-app%-%x+%.sock\n$"), first)
    assert.equal(first, of "link.lua")
    assert.equal(first, of "b/../a/app.lua")
    assert.not_equal(first, of "b/app.lua")
    assert.is_truthy(of "c.lua":find("^nil\t.*No such file"))
    os.execute("chmod 777 " .. folder) -- others could put their socket there
    assert.is_nil(of "a/app.lua":find(folder, 1, true))
    os.execute("rm -r " .. folder)
  end)

  it("is in no folder that is another's, a link, or open to others", function()
    local folder = helper.socket_path()
    assert.is_truthy(select(2, path.check(folder)):find("No such file", 1, true))
    os.execute("mkdir -m 700 " .. folder)
    assert.is_truthy(path.check(folder, true))
    os.execute("chmod 750 " .. folder)
    assert.is_truthy(path.check(folder))
    assert.equal(folder .. " is open to others (mode 750)", select(2, path.check(folder, true)))
    os.execute("chmod 720 " .. folder)
    assert.equal(folder .. " is open to others (mode 720)", select(2, path.check(folder)))
    os.execute(("ln -s %s %s.link"):format(folder, folder))
    assert.equal(folder .. ".link is no directory", select(2, path.check(folder .. ".link")))
    if is_root then
      os.execute(("chmod 700 %s; chown 65534 %s"):format(folder, folder))
      assert.equal(folder .. " belongs to user 65534", select(2, path.check(folder, true)))
    end
    os.execute(("rm %s.link; rmdir %s"):format(folder, folder))
  end)
end)
