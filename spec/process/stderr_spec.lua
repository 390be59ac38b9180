local helper = require "spec.helper"
local lastcall = require "lastcall"
local process = require "spec.support.process"

local SERVER = [[
  local lastcall = require "lastcall"
  local bugs = 0
  local report = lastcall.run(function()
    local server = assert(lastcall.listen "127.0.0.1:0")
    print("listening " .. server:addresses()[1])
    io.stdout:flush()
    server:serve(function(conn)
      for line in conn:lines() do
        if line == "bug" then -- each at a place of its own: errors of one place are limited
          bugs = bugs + 1
          load("error(('what went wrong, '):rep(30))", "=bug" .. bugs)()
        end
        if line == "slow" then lastcall.sleep(0.5) end
        if line == "say" then line = tostring(select(2, io.stderr:write "said by the script\n")) end
        if line == "dump" then os.execute("kill -USR1 " .. io.open("/proc/self/stat"):read("n")) end
        conn:write(line, "\n")
      end
    end)
  end, { drain = { timeout = 10, quiet = 0.1 }, %s })
  os.exit(report.ok)
]]

--- Runs a program under a named pipe for stderr; `setup` is what has to happen with it in the shell before.
local function start_program(text, setup, command)
  local fifo, path = helper.socket_path(), helper.write_file(text)
  setup = setup:gsub("FIFO", fifo)
  local script = helper.write_file(
    ("mkfifo %s\n%s\nexec lua5.4 %s %s 2>%s\n"):format(fifo, setup, command or "", path, fifo))
  local one = process.start("sh " .. script)
  one.fifo, one.files = fifo, { fifo, path, script }
  return one
end

local function start(setup, options) return start_program(SERVER:format(options or ""), setup) end

local function finish(one)
  local output, fine, status = one:finish()
  for _, path in ipairs(one.files) do os.remove(path) end
  return fine, status, output
end

local FULL = "sleep 60 <FIFO >/dev/null 2>&1 & echo $!\ndd if=/dev/zero of=FIFO bs=65536 count=1 2>/dev/null"
local BROKEN = "true <FIFO >/dev/null 2>&1 & echo $!"

--- What the server answers within a second; nil when it does not.
local function ask(address, line)
  local conn = helper.ask(address, line)
  conn:set_read_timeout(helper.seconds(1))
  local answer = conn:read()
  conn:close("background")
  return answer
end

describe("stderr", function()
  for what, setup in pairs { full = FULL, broken = BROKEN } do
    it("that is a " .. what .. " pipe holds nobody up, and ends nobody", function()
      local one = start(setup)
      local reader, address = one.pipe:read("n", "l"), one:address()
      helper.task(function()
        for _ = 1, 50 do helper.ask(address, "bug"):close("background") end
        assert.equal("ping", ask(address, "ping"))
        assert.equal("dump", ask(address, "dump"))
        local slow = helper.ask(address, "slow")
        lastcall.sleep(0.1)
        one:signal "TERM"
        assert.equal("slow", slow:read())
        slow:close("background")
      end)
      local fine, status = finish(one)
      os.execute(("kill %d 2>/dev/null"):format(reader))
      assert.is_true(fine, status)
    end)
  end

  for what, setup in pairs { full = FULL, broken = BROKEN } do
    it("that is a " .. what .. " pipe does not hold up the end of a process that is stuck", function()
      for how, body in pairs {
        ["in a call into C"] = "string.find(('a'):rep(60), ('a?'):rep(60) .. ('a'):rep(60))",
        ["behind a hook of the script's"] = "debug.sethook(function() while true do end end, '', 10) while true do end",
      } do
        local one = start_program(([[
          local lastcall = require "lastcall"
          lastcall.run(function()
            lastcall.spawn(error, ("x"):rep(100)) -- there is something to say before, too
            lastcall.shutdown()
            lastcall.sleep(0)
            %s
          end, { drain = 0.3, max_block = 0.05 })
        ]]):format(body), setup)
        local reader, began = one.pipe:read("n", "l"), lastcall.now()
        local _, status = finish(one)
        os.execute(("kill %d 2>/dev/null"):format(reader))
        assert.equal(70, status, how)
        assert.is_true(lastcall.now() - began < helper.seconds(3), how)
      end
    end)

    it("that is a " .. what .. " pipe takes nothing from bin/lastcall's script: its clients are answered", function()
      local one = start_program([[
        local socket = require "socket"
        local server = assert(socket.bind("127.0.0.1", 0))
        print("listening 127.0.0.1:" .. select(2, server:getsockname()))
        io.stdout:flush()
        while true do
          local client = assert(server:accept()) -- fails at the end, which is told on stderr, as the report is
          local line = client:receive()
          socket.sleep(0.3)
          client:send(line .. "\n")
          client:close()
        end
      ]], setup, "bin/lastcall --drain 5")
      local reader, address = one.pipe:read("n", "l"), one:address()
      helper.task(function()
        local slow = helper.ask(address, "slow")
        lastcall.sleep(0.1)
        one:signal "TERM"
        assert.equal("slow", slow:read())
        slow:close "background"
      end)
      local fine, status = finish(one)
      os.execute(("kill %d 2>/dev/null"):format(reader))
      assert.is_true(fine, status)
    end)
  end

  it("that is full does not hold up the line of a drain", function()
    local one = start(FULL, "progress = true")
    local reader, address = one.pipe:read("n", "l"), one:address()
    helper.task(function()
      local slow = helper.ask(address, "slow")
      lastcall.sleep(0.1)
      one:signal "TERM"
      assert.equal("slow", slow:read())
      slow:close("background")
    end)
    local fine, status = finish(one)
    os.execute(("kill %d 2>/dev/null"):format(reader))
    assert.is_true(fine, status)
  end)

  it("tells how many messages were dropped, once there is room again", function()
    local one = start("(until [ -e FIFO.go ]; do sleep 0.05; done; exec cat) <FIFO >FIFO.out 2>/dev/null & echo $!")
    one.pipe:read("n", "l")
    local address, said = one:address()
    helper.task(function()
      for _ = 1, 100 do ask(address, "bug") end -- more than a pipe holds
      helper.write_file("", one.fifo .. ".go")
      repeat
        ask(address, "bug")
        said = helper.read_file(one.fifo .. ".out"):match "messages dropped on stderr count=(%d+)"
      until said
    end)
    one:signal "TERM"
    assert.is_true((finish(one)))
    assert.is_true(tonumber(said) > 10, said)
  end)
end)

describe("a broken pipe", function()
  it("is no signal in a run: the script's own write fails", function()
    local one = start(BROKEN)
    one.pipe:read("n", "l")
    local address = one:address()
    helper.task(function() assert.equal("Broken pipe", ask(address, "say")) end)
    one:signal "TERM"
    assert.is_true((finish(one)))
  end)

  -- What a signal does, by the masks of /proc/self/status: SIGPIPE is their bit 12.
  local SEE = [[
    local lastcall = require "lastcall"
    local function has(mask)
      for line in io.lines "/proc/self/status" do
        local bits = line:match("^" .. mask .. ":%s*(%x+)")
        if bits then return tonumber(bits, 16) >> 12 & 1 == 1 end
      end
    end
    local function see(what) print(what, has "SigCgt" and "caught" or has "SigIgn" and "ignored" or "default") end
    local function child()
      local line = io.popen("grep SigIgn /proc/self/status"):read()
      print("child", tonumber(line:match "%x+$", 16) >> 12 & 1 == 1 and "ignored" or "default")
    end
  ]]

  it("does again what it did, when the run is over, and never does anything else to a child", function()
    local output = helper.run_script(SEE .. [[
      see "before"
      lastcall.run(function() see "during" child() end)
      see "after"
    ]])
    assert.equal("before\tdefault\nduring\tcaught\nchild\tdefault\nafter\tdefault\n", output)
  end)

  it("that was ignored before stays so, for children too", function()
    local path = helper.write_file(SEE .. [[ lastcall.run(function() see "during" child() end) ]])
    local script = helper.write_file("trap '' PIPE\nexec lua5.4 " .. path .. "\n")
    local output = helper.run("sh " .. script)
    os.remove(path)
    os.remove(script)
    assert.equal("during\tignored\nchild\tignored\n", output)
  end)

  it("is the host's to deal with where a loop is embedded", function()
    assert.equal("embedded\tdefault\n", (helper.run_script(SEE .. [[ lastcall.step() see "embedded" ]])))
  end)

  it("ends no embedded loop that logs one", function()
    local output, fine = helper.run_script [[
      local lastcall = require "lastcall"
      lastcall.spawn(error, "logged")
      lastcall.step()
      lastcall.step()
      print "alive"
    ]]
    assert.is_true(fine, output)
    local path = helper.write_file [[
      local lastcall = require "lastcall"
      lastcall.spawn(error, "logged")
      lastcall.step()
      lastcall.step()
      print "alive"
    ]]
    local script = helper.write_file(("exec 3>&1\n{ lua5.4 %s 2>&1 >&3; echo $? >&3; } | true\n"):format(path))
    assert.equal("alive\n0\n", (helper.run("sh " .. script)))
    os.remove(path)
    os.remove(script)
  end)

  it("can be had by a script that wants to hear of it, and is none again afterwards", function()
    local output = helper.run_script(SEE .. [[
      lastcall.run(function()
        local heard = lastcall.channel(1)
        local stop = lastcall.on_signal("PIPE", function() heard:send(true) end)
        os.execute("kill -PIPE " .. io.open("/proc/self/stat"):read("n"))
        print(heard:receive())
        stop()
        os.execute("kill -PIPE " .. io.open("/proc/self/stat"):read("n"))
        print "alive"
      end)
      see "after"
    ]])
    assert.equal("true\nalive\nafter\tdefault\n", output)
  end)
end)
