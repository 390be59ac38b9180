local faults = require "spec_faults"
local helper = require "spec.helper"
local supervised = require "spec.support.supervised"

local QUIET = { "sh", "-c", 'exec lua5.4 "$0" "$@" 2>/dev/null' }

--- A script that listens on the address.
local function serving(address)
  return supervised.script(([[
    local lastcall = require "lastcall"
    lastcall.run(function()
      lastcall.assert(lastcall.listen "%s"):serve(function(conn) conn:write(conn:read(), "\n") end)
    end, { log = function() end })
  ]]):format(address))
end

--- Why a service with these options cannot start.
local function refusal(lastcall, options)
  local given = { workers = 1, probation = 0, start_timeout = helper.seconds(10), signals = false, command = QUIET,
    log = function() end }
  for name, value in pairs(options) do given[name] = value end
  local service, code, reason = lastcall.supervise(given)
  if service then service:stop() end
  assert.is_nil(service)
  assert.equal("failed", code)
  return reason
end

local function assert_says(said, ...)
  for _, words in ipairs { ... } do assert.is_truthy(said:find(words, 1, true), said) end
end

describe("a service that cannot start says why", function()
  it("without its script, or with a directory in its place", function()
    helper.task(function(lastcall)
      local plain = { "lua5.4" }
      assert_says(refusal(lastcall, { script = "/no/such/app.lua", command = plain }),
        "worker 1 has ended with status 1", "cannot open /no/such/app.lua")
      assert_says(refusal(lastcall, { script = "/tmp", command = plain }), "cannot read /tmp")
    end)
    local control = helper.socket_path()
    local output, fine = helper.run("lua5.4 bin/lastcall serve --control " .. control .. " /no/such/app.lua")
    assert.is_false(fine)
    assert_says(output, "lastcall: serve: worker 1", "cannot open /no/such/app.lua")
    assert.is_nil(io.open(control))
  end)

  it("when its interpreter is not executable, or no program", function()
    local binary = helper.write_file "\0\1\2\3"
    os.execute("chmod +x " .. binary)
    helper.task(function(lastcall)
      local script = serving(supervised.address())
      assert_says(refusal(lastcall, { script = script, command = { "/etc/passwd" } }), "worker 1 cannot be started",
        '"/etc/passwd": it is not executable for this user: chmod +x')
      assert_says(refusal(lastcall, { script = script, command = { binary } }), "it is no program of this machine")
      os.remove(script)
    end)
    os.remove(binary)
  end)

  it("when a stranger has its port, or its path, or a file is there", function()
    helper.task(function(lastcall)
      local port, path, file = supervised.address(), helper.socket_path(), helper.write_file "precious"
      local stranger = assert(lastcall.listen(port))
      assert(stranger:listen("unix:" .. path))
      for address, said in pairs {
        [port] = "another process has the port (ss -ltnp names it)",
        ["unix:" .. path] = "another process listens there (ss -xlp names it)",
        ["unix:" .. file] = "the path is a file of another kind, which is left alone",
      } do
        local script = serving(address)
        local by_worker = refusal(lastcall, { script = script })
        assert_says(by_worker, "worker 1 ", address .. ": listen: ", said)
        assert.equal(1, select(2, by_worker:gsub("listen: ", "")), by_worker)
        assert_says(refusal(lastcall, { script = script, listen = { address } }), address .. ": listen: ", said)
        os.remove(script)
      end
      assert.equal("precious", helper.read_file(file))
      local conn = assert(lastcall.connect("unix:" .. path)) -- the stranger still has it
      conn:close(0)
      os.remove(file)
      stranger:close()
    end)
  end)

  local is_root = helper.run("id -u"):match "^0" and select(2, helper.run "which setpriv prlimit")
  local NOBODY = "setpriv --reuid=%d --regid=65534 --clear-groups lua5.4 "

  it("when it has no right to its port, or to its folder", function()
    if not is_root then return pending "for this, one has to be root" end
    local ports = tonumber(helper.read_file "/proc/sys/net/ipv4/ip_unprivileged_port_start" or 0)
    local path = helper.write_file(([[
      local lastcall = require "lastcall"
      lastcall.run(function()
        for _, address in ipairs { "127.0.0.1:%d", "unix:/root/app.sock" } do
          print(select(3, lastcall.listen(address)))
          print(select(3, lastcall.supervise { script = "/no/such/app.lua", listen = { address }, signals = false }))
        end
      end, { signals = false, log = function() end })
    ]]):format(ports > 0 and 80 or 0))
    os.execute("chmod 644 " .. path)
    local output = helper.run(NOBODY:format(65534) .. path)
    os.remove(path)
    local _, ways = output:gsub("unix:/root/app.sock: listen: [^\n]*: this user may make no file there", "")
    assert.equal(2, ways, output)
    _, ways = output:gsub("127.0.0.1:80: listen: [^\n]*: a port below 1024 needs root", "")
    assert.equal(ports > 80 and 2 or 0, ways, output)
  end)

  it("when the limit of processes is reached; a smaller one can start", function()
    if not is_root then return pending "for this, one has to be root" end
    local script = serving(supervised.address())
    local path = helper.write_file(([[
      local lastcall = require "lastcall"
      lastcall.run(function()
        local script, fine, reason = %q, nil, nil
        print(select(3, lastcall.supervise { script = script, workers = 9, probation = 0, signals = false }))
        local service = assert(lastcall.supervise { script = script, probation = 0, signals = false })
        repeat fine, reason = service:grow() until not fine
        print(reason)
        service:stop()
        print(service:wait())
      end, { signals = false, log = function() end })
    ]]):format(script))
    os.execute(("chmod 644 %s %s"):format(path, script))
    -- A user of this spec's own: the limit is one of all processes of the user.
    local output = helper.run("prlimit --nproc=9 " .. NOBODY:format(70000 + helper.pid() % 50000) .. path)
    os.remove(path)
    -- Also the thread that a worker needs counts.
    local _, refused = output:gsub("\nworker %d has ended with status 1[^\n]*: the limit of processes and threads", "")
    local _, impossible = output:gsub("worker %d cannot be started: [^\n]*: the limit of processes is reached", "")
    assert.is_true(refused + impossible >= 2, output)
    assert.is_truthy(output:find "service ok, %d workers, clean", output)
  end)
end)

-- Runs in a Lua state of its own, whose system calls fail on demand. %s: the script, the address.
local RELOADS = [[
  package.path = "./?.lua;" .. package.path
  local faults = require "spec_faults"
  local lastcall = require "lastcall"
  lastcall.run(function()
    local service = lastcall.assert(lastcall.supervise { script = "%s", probation = 0, signals = false,
      command = { "sh", "-c", 'exec lua5.4 "$0" 2>/dev/null' }, log = function() end })
    local function serves()
      local conn = assert(lastcall.connect "%s")
      conn:write "hello\n"
      assert(conn:read() == "hello")
      conn:close(0)
    end
    local function refused(call, nth, error, said)
      faults.fail(call, nth, 1, error)
      local fine, reason = service:reload()
      faults.none()
      assert(not fine, call .. " " .. error)
      assert(reason:find(said, 1, true), call .. " " .. error .. ": " .. reason)
      serves()
    end
    local processes = "no process can be made: the limit of processes is reached"
    refused("spawn", 1, "EAGAIN", processes)
    refused("socketpair", 1, "EMFILE", "no descriptor is free: raise the limit")
    refused("pipe", 1, "EMFILE", "no descriptor is free: raise the limit")
    refused("pipe", 1, "ENFILE", "no descriptor is free in the whole system")
    refused("poller_control", 2, "ENOMEM", "worker 1 is given up")
    faults.fail("spawn", 1, 1, "EAGAIN")
    assert(select(2, service:grow()):find(processes, 1, true))
    faults.none()
    assert(service:reload())
    serves()
    service:stop()
    assert(service:wait().ok)
  end, { signals = false, log = print, on_error = print })
]]

describe("a reload for which the system has too little", function()
  it("says what, and the old workers serve on", function()
    local address = supervised.address()
    local script = serving(address)
    local result = faults.run(RELOADS:format(script, address))
    os.remove(script)
    assert.is_true(result.ok, result.message)
    assert.equal(0, result.open)
  end)

  it("is none of descriptors left over, however few there are", function()
    local address = supervised.address()
    local script = serving(address)
    local path = helper.write_file(([[
      local core = require "lastcall.core"
      local lastcall = require "lastcall"
      local control = require "lastcall.supervise.control"
      local function open()
        local list = io.popen("ls /proc/" .. core.process_id() .. "/fd")
        local _, count = list:read "a":gsub("\n", "")
        list:close()
        return count
      end
      -- The master closes its pipe to a worker's errors a turn or two after the worker has redirected them.
      local function settled()
        local least = open()
        for _ = 1, 10 do
          lastcall.sleep(0.01)
          least = math.min(least, open())
        end
        return least
      end
      lastcall.run(function()
        local door = assert(control.open "%s.control")
        local service = lastcall.assert(lastcall.supervise { script = "%s", probation = 0, signals = false,
          command = { "sh", "-c", 'exec lua5.4 "$0" 2>/dev/null' }, log = function() end })
        door:attach(service)
        local held, fails, before = {}, 0, settled()
        local function fill()
          local one
          repeat
            one = io.open "/dev/null"
            held[#held + 1] = one
          until not one
        end
        for free = 0, 9 do
          fill()
          for _ = 1, free do table.remove(held):close() end
          local fine, reason = service:reload()
          if not fine then
            fails = fails + 1
            assert(reason:find "no descriptor is free" or reason:find "given up", reason)
          end
        end
        for _, one in ipairs(held) do one:close() end
        while #service:status() > 1 do lastcall.sleep(0.01) end
        collectgarbage()
        assert(service:reload())
        while #service:status() > 1 do lastcall.sleep(0.01) end
        local bound = lastcall.now() + 10
        while settled() ~= before and lastcall.now() < bound do end
        print(fails > 2 and fails < 10 or fails, settled() - before)
        door:close()
        service:stop()
        print(service:wait().ok)
      end, { signals = false, log = print })
    ]]):format(script, script))
    local output = helper.run(("sh -c 'ulimit -n 50; exec lua5.4 %s'"):format(path))
    os.remove(path)
    os.remove(script)
    assert.equal("true\t0\ntrue\n", output)
  end)
end)
