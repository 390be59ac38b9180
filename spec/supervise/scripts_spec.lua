-- Scripts of all kinds as workers: what they say to the library, and what it makes of it.
local helper = require "spec.helper"
local process = require "spec.support.process"
local supervised = require "spec.support.supervised"

local LASTCALL = { "lua5.4", "bin/lastcall" }

local ACCEPTS = [[
local socket = require "socket"
local server = assert(socket.bind("%s", %d))
while true do
  local client = server:accept()
  if not client then break end
  client:settimeout(5)
  local line = client:receive()
  if line then client:send(line .. " accepted\n") end
  client:close()
end
]]

local SELECTS = [[
local socket = require "socket"
local server = socket.tcp4()
assert(server:setoption("reuseaddr", true))
assert(server:bind("%s", %d))
assert(server:listen(64))
server:settimeout(0)
local clients = {}
while true do
  local list = { server }
  for client in pairs(clients) do list[#list + 1] = client end
  for _, one in ipairs(socket.select(list, nil, 5)) do
    if one == server then
      local client, problem = server:accept()
      if client then clients[client] = true elseif problem == "closed" then os.exit(0) end
    else
      local line = one:receive()
      if line then one:send(line .. " selected\n") end
      one:close()
      clients[one] = nil
    end
  end
end
]]

local function split(address)
  local host, port = address:match "^(.*):(%d+)$"
  return host, math.tointeger(port)
end

local function serve_on(address) -- without a run of its own
  return ([[
    local lastcall = require "lastcall"
    local report = lastcall.serve("%s", function(conn)
      for line in conn:lines() do conn:write(line, " served\n") end
    end, { log = function() end, drain = 5 })
    os.exit(report.ok and lastcall.report() == report)
  ]]):format(address)
end

describe("lastcall script.lua", function()
  it("runs a script that begins a run itself, and its report is the script's", function()
    local address = supervised.address()
    local path = helper.write_file(serve_on(address) .. "")
    local program = process.start("lua5.4 bin/lastcall " .. path)
    helper.task(function(lastcall)
      supervised.wait_until(lastcall, function()
        return supervised.ask(lastcall, address, "hello") == "hello served"
      end)
    end)
    assert.equal("", (program:drain():gsub("[^\n]*shutdown[^\n]*\n", "")))
    os.remove(path)
  end)

  it("runs one that has several runs, with code between them", function()
    local path = helper.write_file [[
      local lastcall = require "lastcall"
      for i = 1, 3 do
        local report = lastcall.run(function() lastcall.sleep(0.01) print("run", i) end)
        print(report.ok, pcall(lastcall.run, function() error("no", 0) end))
      end
    ]]
    local output, fine = helper.run("lua5.4 bin/lastcall " .. path)
    assert.is_true(fine, output)
    assert.equal(3, select(2, output:gsub("true\tfalse\tno\n", "")), output)
    os.remove(path)
  end)
end)

describe("a worker's script", function()
  for kind, text in pairs { accepts = ACCEPTS, selects = SELECTS } do
    it("of LuaSocket's that " .. kind .. " is reloaded without losing a client", function()
      local address = supervised.address()
      local path = supervised.script(text:format(split(address)))
      local asked, answers = 0, {}
      local report = supervised.run({ script = path, command = LASTCALL }, function(lastcall, service)
        local is_over = false
        local asking = lastcall.go(function()
          while not is_over do
            answers[supervised.ask(lastcall, address, "hello") or "none"] = true
            asked = asked + 1
          end
        end)
        for _ = 1, 3 do assert.same({ true }, { service:reload() }) end
        is_over = true
        asking:wait()
      end)
      assert.is_true(asked > 10)
      assert.same({ [("hello %sed"):format(kind:sub(1, -2))] = true }, answers)
      assert.is_true(report.ok, tostring(report))
    end)
  end

  it("that calls serve is reloaded, also when bin/lastcall runs it", function()
    for _, command in ipairs { LASTCALL, { "lua5.4" } } do
      local address = supervised.address()
      supervised.run({ script = supervised.script(serve_on(address)), command = command }, function(lastcall, service)
        assert.same({ true }, { service:reload() })
        assert.equal("hello served", supervised.ask(lastcall, address, "hello"))
      end)
    end
  end)

  it("has the operator's addresses: the master has opened them", function()
    local address = supervised.address()
    local options = { script = supervised.script(serve_on(address)), listen = { address } }
    supervised.run(options, function(lastcall)
      assert.equal("hello served", supervised.ask(lastcall, address, "hello"))
    end)
    local stranger
    helper.task(function(lastcall)
      stranger = assert(lastcall.listen(address))
      local service, code, reason = lastcall.supervise { script = "/dev/null", listen = { address }, signals = false }
      assert.same({ nil, "failed" }, { service, code })
      assert.is_truthy(reason:find("another socket has the address", 1, true), reason)
      stranger:close()
    end)
  end)

  it("may change the backlog and the mode in a reload, and not what belongs to the time before bind", function()
    local path = os.tmpname()
    os.remove(path)
    local function listens(options)
      return ([[
        local lastcall = require "lastcall"
        lastcall.run(function()
          assert(lastcall.listen("unix:%s", { unix_mode = %d, backlog = %d })):serve(function() end)
        end, { log = function() end })
      ]]):format(path, options.mode, options.backlog)
    end
    local script = supervised.script(listens { mode = 384, backlog = 7 })
    supervised.run({ script = script }, function(_, service)
      assert.equal("600\n", (helper.run("stat -c %a " .. path)))
      supervised.replace(script, listens { mode = 432, backlog = 9 })
      assert.same({ true }, { service:reload() })
      assert.equal("660\n", (helper.run("stat -c %a " .. path)))
    end)
    local address = supervised.address()
    script = supervised.script(serve_on(address))
    supervised.run({ script = script }, function(_, service)
      supervised.replace(script, (serve_on(address):gsub("drain = 5", "drain = 5, reuseport = true")))
      local fine, reason = service:reload()
      assert.is_nil(fine)
      assert.is_truthy(reason:find("address in use", 1, true), reason)
    end)
    local any = "[::]:" .. 20000 + helper.pid() % 10000
    script = supervised.script(serve_on(any))
    supervised.run({ script = script }, function(_, service)
      supervised.replace(script, (serve_on(any):gsub("drain = 5", "drain = 5, ipv6_only = true")))
      local fine, reason = service:reload()
      assert.is_nil(fine)
      assert.is_truthy(reason:find("option 'ipv6_only' belongs to the time before bind", 1, true), reason)
    end)
  end)

  it("may have a queue for each worker also where the port is 0: it is one port", function()
    local told = os.tmpname()
    local path = supervised.script(([[
      local lastcall = require "lastcall"
      lastcall.run(function()
        local server = assert(lastcall.listen("127.0.0.1:0", { reuseport = true }))
        local file = io.open(%q, "a")
        file:write(server:addresses()[1], "\n")
        file:close()
        server:serve(function(conn) conn:write("hello\n") end)
      end, { log = function() end })
    ]]):format(told))
    supervised.run({ script = path, workers = 3 }, function(lastcall, service)
      assert.same({ true }, { service:reload() })
      local first, lines = nil, 0
      for line in io.lines(told) do
        first, lines = first or line, lines + 1
        assert.equal(first, line)
      end
      assert.equal(6, lines)
      for _ = 1, 20 do assert.equal("hello", supervised.ask(lastcall, first, "")) end
    end)
    os.remove(told)
  end)

  it("may have a queue for each worker; one that is killed loses only who is in its hands", function()
    local address = supervised.address()
    local path = supervised.script((serve_on(address):gsub("drain = 5", "drain = 5, reuseport = true")))
    local report = supervised.run({ script = path, workers = 3 }, function(lastcall, service)
      local asked, is_over, answers = 0, false, {}
      local asking = lastcall.go(function()
        while not is_over do
          answers[supervised.ask(lastcall, address, "hello") or "none"] = true
          asked = asked + 1
        end
      end)
      assert.same({ true }, { service:reload() })
      assert.same({ true }, { service:grow() })
      assert.same({ true }, { service:shrink() })
      supervised.wait_until(lastcall, function() return #service:status() == 3 end)
      is_over = true
      asking:wait()
      assert.is_true(asked > 10)
      assert.same({ ["hello served"] = true }, answers)
      os.execute("kill -KILL " .. service:status()[1].pid)
      for _ = 1, 30 do assert.equal("hello served", supervised.ask(lastcall, address, "hello")) end
    end)
    assert.equal(1, report.failed)
  end)
end)
