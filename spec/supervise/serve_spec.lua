-- scripts/test: early
local helper = require "spec.helper"
local manager = require "spec.support.activation"
local process = require "spec.support.process"
local system = require "spec_system"

local PROGRAM = "lua5.4 bin/lastcall "

-- Answers each line with its word, its generation and the descriptors of others that it has.
local SCRIPT = [[
  local lastcall = require "lastcall"
  local report = lastcall.serve(arg[1], function(conn)
    for line in conn:lines() do conn:write("WORD ", lastcall.worker().generation, " ", line, "\n") end
  end, { drain = 5 })
  os.exit(report.ok)
]]

local function script(word, path) return helper.write_file((SCRIPT:gsub("WORD", word)), path) end

local Service = {}
Service.__index = Service

--- Starts `lastcall serve` with a script. `before`: in front of the program, such as variables.
local function start(options, text, before)
  local self = setmetatable({ at = helper.socket_path(), file = helper.write_file(text) }, Service)
  self.process = process.start(("%s %sserve --control %s %s %s"):format(before or "", PROGRAM, self.at, options,
    self.file .. " " .. (options:match "%-%-listen[= ](%S+)" or "127.0.0.1:0")))
  return self
end

--- Asks with a word of the program: output, exit status.
function Service:ask(words)
  local output, _, status = helper.run(("%s%s --control %s"):format(PROGRAM, words, self.at))
  return output, status
end

--- Waits until all serve.
function Service:wait_ready()
  local output, status
  repeat
    output, status = self:ask "status"
  until status == 0 or self.process:has_ended()
  if status ~= 0 then error(self.process:finish()) end
  return output
end

--- Ends it by SIGTERM, and removes the script; its output.
function Service:finish()
  self.process:signal "TERM"
  local output, fine = self.process:finish()
  os.remove(self.file)
  assert(fine, output)
  return output
end

local function answer(address, line)
  local reply
  helper.task(function()
    local conn = helper.ask(address, line)
    reply = conn:read()
    conn:close()
  end)
  return reply
end

describe("lastcall serve", function()
  -- One service for all of these, because each start of workers takes two seconds.
  local unit, one, address

  setup(function()
    unit = manager.new()
    address = process.address_to_be()
    one = start("--workers 2 --listen " .. address, (SCRIPT:gsub("WORD", "old")), "env " .. unit:environment())
  end)

  teardown(function()
    if one.process then one:finish() end
    os.remove(one.file)
    unit:close()
  end)

  it("runs workers, and tells the service manager when they serve", function()
    local status = one:wait_ready()
    assert.is_truthy(status:find "^1 %d+ 1 ready 0\n2 %d+ 1 ready 0\n$", status)
    assert.equal("old 1 hello", answer(address, "hello"))
    local told = unit:wait_for "READY=1"
    assert.is_truthy(told:find("READY=1\nSTATUS=generation 1, 2 workers, 0 connections", 1, true), told)
    local object = one:ask "status --json"
    assert.is_truthy(object:find '^{"ok":true,"workers":%[{"index":1,"pid":%d+,"generation":1,"state":"ready",', object)
  end)

  it("renews the workers, and tells the manager of it", function()
    script("new", one.file)
    assert.same({ "", 0 }, { one:ask "reload" })
    assert.equal("new 2 hello", answer(address, "hello"))
    assert.is_truthy(unit:wait_for("RELOADING=1"):find "RELOADING=1\nMONOTONIC_USEC=%d+")
    assert.is_truthy(unit:wait_for("READY=1"):find("STATUS=generation 2", 1, true))
  end)

  it("does not let a bad build through, and says why", function()
    for text, reason in pairs { ["this is no Lua"] = "syntax error", ['error "it broke"'] = "it broke" } do
      helper.write_file(text, one.file)
      local output, status = one:ask "reload"
      assert.equal(1, status)
      assert.is_truthy(output:find("^lastcall: reload: ") and output:find(reason, 1, true), output)
      assert.equal("new 2 hello", answer(address, "hello"))
      unit:wait_for "RELOADING=1"
      assert.is_truthy(unit:wait_for("READY=1"):find("STATUS=generation 2", 1, true))
    end
  end)

  it("reloads by SIGHUP", function()
    script("newer", one.file)
    one.process:signal "HUP"
    local reply
    repeat reply = answer(address, "hello") until not reply:find "^new "
    assert.is_truthy(reply:find "^newer %d hello")
  end)

  it("grows, shrinks and stops; its workers tell the manager nothing", function()
    assert.same({ "", 0 }, { one:ask "grow" })
    assert.is_truthy((one:ask "status"):find "\n3 %d+ %d ready %d+\n")
    assert.same({ "", 0 }, { one:ask "shrink" })
    unit:rest()
    assert.same({ "", 0 }, { one:ask "stop" })
    local output, fine, exit = one.process:finish()
    one.process = nil
    assert.is_true(fine, output)
    assert.equal(0, exit)
    assert.is_truthy(output:find("^lastcall: control socket " .. one.at:gsub("%p", "%%%0")), output)
    assert.is_nil(io.open(one.at))
    local told = unit:rest()
    assert.is_truthy(told:find("STOPPING=1", 1, true), told)
    assert.is_nil(told:find("READY=1", 1, true), told)
  end)

  it("that is stopped while it starts ends soon, and well", function()
    local starting = start("--workers 2", "os.execute 'sleep 30'")
    local output, status
    repeat output, status = starting:ask "status" until output:find "starting"
    assert.equal(1, status)
    assert.is_truthy(starting:finish():find("lastcall: serve: stopped before it served\n", 1, true))
  end)

  it("ends with the reason when it cannot begin", function()
    local taken = helper.write_file "precious"
    local file = script "x"
    for words, reason in pairs {
      ["--control " .. taken .. " x.lua"] = taken .. " is a file of another kind",
      ["--control /nowhere/x.sock x.lua"] = "No such file",
      ["--control " .. helper.socket_path() .. " /nowhere.lua"] = "/nowhere.lua",
      ["/nowhere.lua"] = "/nowhere.lua",
      ["--listen unix:" .. taken .. " " .. file] = "unix:" .. taken .. ": listen: another socket has the address",
      [file .. " unix:" .. taken] = file .. ":2: serve: cannot listen on unix:" .. taken .. ": address in use",
    } do
      local output, _, status = helper.run(PROGRAM .. "serve " .. words)
      assert.equal(1, status, output)
      assert.is_truthy(output:find("lastcall: serve: ", 1, true) and output:find(reason, 1, true), output)
    end
    assert.equal("precious", helper.read_file(taken))
    os.remove(taken)
    os.remove(file)
  end)
end)

describe("a supervisor that is process 1", function()
  local UNSHARE = "unshare --fork --pid --kill-child"
  local _, can_unshare = helper.run(UNSHARE .. " true")

  local function children(pid)
    return helper.read_file(("/proc/%s/task/%s/children"):format(pid, pid))
  end

  --- A child of the process whose status nobody has taken.
  local function zombie_of(pid)
    for child in children(pid):gmatch "%d+" do
      local stat = io.open(("/proc/%s/stat"):format(child))
      local text = stat and stat:read "a" or ""
      if stat then stat:close() end
      if text:find "^%d+ %b() Z" then return text end
    end
  end

  it("takes the status of processes that others have left behind", function()
    if not can_unshare then return pending "no process numbers of one's own here: unshare is refused" end
    local one = start("--workers 1", [[
      for _ = 1, 3 do os.execute "(sleep 0.2) & (exit 3) &" end
    ]] .. SCRIPT, UNSHARE)
    one:wait_ready() -- two seconds later
    local master = children(one.process:program()):match "%d+"
    local zombie
    for _ = 1, 100 do -- one that has ended just now may be there for a moment
      zombie = zombie_of(master)
      if not zombie then break end
      os.execute "sleep 0.02"
    end
    os.execute("kill -TERM " .. master) -- in any case, because unshare waits for it
    local output, fine = one.process:finish()
    os.remove(one.file)
    assert.is_true(fine, output)
    assert.is_nil(zombie)
  end)
end)

describe("sockets that systemd passes to a supervisor", function()
  it("are its workers' by name, and outlive them, whatever ends them", function()
    local sockets = { manager.inherited(), manager.inherited(), manager.inherited() }
    local first, second = "127.0.0.1:" .. sockets[1].port, "127.0.0.1:" .. sockets[3].port
    local file = script "from systemd"
    local command = ("%sserve --workers 2 --control %s %s systemd:web"):format(PROGRAM, helper.socket_path(), file)
    local one = setmetatable({ file = file, at = command:match "%-%-control (%S+)" }, Service)
    one.process = process.start(manager.with_sockets(sockets, "web:log:web", command))
    one:wait_ready()
    assert.equal("from systemd 1 hello", answer(first, "hello"))
    assert.equal("from systemd 1 hello", answer(second, "hello"))
    local workers = {}
    for pid in one:ask("status"):gmatch "%d+ (%d+) 1 ready" do workers[#workers + 1] = pid end
    assert.equal(2, #workers)
    one.process:signal "KILL" -- the workers see that it is gone, and drain
    for _, pid in ipairs(workers) do
      while os.execute(("kill -0 %s 2>/dev/null"):format(pid)) do os.execute "sleep 0.02" end
    end
    one.process:finish()
    os.remove(file)
    os.remove(one.at)
    helper.task(function(lastcall)
      for _, address in ipairs { first, second } do assert(lastcall.connect(address)):abort() end
    end)
    for _, socket in ipairs(sockets) do system.close(socket.fd) end
  end)

  it("are refused by a name that there is not", function()
    local sockets = { manager.inherited() }
    local file = script "x"
    local output, _, status = helper.run(manager.with_sockets(sockets, "web",
      ("%sserve --control %s %s systemd:wbe"):format(PROGRAM, helper.socket_path(), file)))
    assert.equal(1, status)
    assert.is_truthy(output:find("systemd:wbe: systemd has passed no socket of this name, but web", 1, true), output)
    os.remove(file)
    system.close(sockets[1].fd)
  end)
end)
