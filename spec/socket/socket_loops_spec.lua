-- scripts/test: early
local helper = require "spec.helper"
local process = require "spec.support.process"

-- Programs with a loop of their own, as those that were written for LuaSocket have one, are stopped in mid-work. Each
-- has a client that has been served and is idle, one that has sent half a line, one that sends its line with the
-- signal, one that finishes its side after that, and one that never speaks.

local FOLDER = "spec/support/programs/loops/"
local DRAIN = 20

local function ask(conn, text) helper.send(conn, text) end

local function start(name, path)
  local server = process.start(("lua5.4 bin/lastcall --drain %d %s%s.lua %s"):format(DRAIN, FOLDER, name, path or ""))
  return server, server:address()
end

--- Drives one program: what each of its clients is told, and after how many seconds the last of them is closed.
local function stop_in_mid_work(lastcall, server, address)
  local function open() return assert(lastcall.connect(address)) end
  local idle, half, late, last, silent = open(), open(), open(), open(), open()
  ask(idle, "first\n")
  assert(idle:read() == "you said: first")
  ask(half, "half a ")
  lastcall.sleep(0.1)
  server:signal "TERM"
  ask(late, "late\n")
  ask(last, "last\n")
  last:shutdown "write"
  local began = lastcall.now()
  ask(half, "line\n")
  local told = { half:read(), late:read(), last:read() }
  for _, conn in ipairs { idle, half, late, last, silent } do told[#told + 1] = helper.ends(conn) end
  return table.concat(told, ", "), lastcall.now() - began
end

local ANSWERED = "you said: half a line, you said: late, you said: last, eof, eof, eof, eof, eof"

--- All at once, because each of them takes some seconds.
local function stop_all(programs, path_of)
  local all = {}
  for _, name in ipairs(programs) do
    local server, address = start(name, path_of())
    all[name] = { server = server, address = address }
  end
  helper.task(function(lastcall)
    local group = lastcall.group()
    for _, one in pairs(all) do
      group:go(function() one.told, one.took = stop_in_mid_work(lastcall, one.server, one.address) end)
    end
    assert(group:wait())
  end)
  for _, one in pairs(all) do one.output, one.fine = one.server:finish() end
  return all
end
--- Processor time of a process that runs, in seconds.
local function processor_time(pid)
  local fields = helper.read_file(("/proc/%d/stat"):format(pid)):match "%) (.*)"
  local user, system = fields:match(("%S+ "):rep(11) .. "(%d+) (%d+)")
  return (user + system) / 100
end

describe("a loop that a program for LuaSocket has", function()
  local PROGRAMS = { "careless", "glances", "round_robin", "wrapped", "dispatcher", "workers" }
  for transport, path_of in pairs { TCP = function() end, ["a unix-domain socket"] = helper.socket_path } do
    it(("answers those who have sent, lets the silent go, and ends well, over %s"):format(transport), function()
      for name, one in pairs(stop_all(PROGRAMS, path_of)) do
        assert.is_true(one.fine, name .. "\n" .. one.output)
        assert.equal(ANSWERED, one.told, name)
        assert.is_true(one.took < helper.seconds(8), name .. one.took)
        assert.is_truthy(one.output:find("shutdown ok", 1, true), name .. "\n" .. one.output)
        assert.is_truthy(one.output:find("nobody lost", 1, true), name .. "\n" .. one.output)
      end
    end)
  end

  it("that ends when accept has no client any more has served every client before", function()
    local server, address = start "chat"
    local told = {}
    helper.task(function(lastcall)
      local one, other = assert(lastcall.connect(address)), assert(lastcall.connect(address))
      ask(one, "to all\n")
      told = { one:read(), other:read() }
      server:signal "TERM"
      ask(other, "to you\n")
      told[3] = one:read()
      told[4] = helper.ends(one)
      told[5] = other:read()
      told[6] = helper.ends(other)
    end)
    local output, fine = server:finish()
    assert.is_true(fine, output)
    assert.same({ "you said: to all", "you said: to all", "you said: to you", "eof", "you said: to you", "eof" }, told)
    assert.is_truthy(output:find("clean", 1, true), output)
  end)

  for _, name in ipairs { "dispatcher", "round_robin" } do
    it(("(%s) is let send all of an answer to a client that reads late"):format(name), function()
      local server, address = start(name)
      local size, ended
      helper.task(function(lastcall)
        local slow = assert(lastcall.connect(address, { max_line = 8 * 1024 * 1024 }))
        ask(slow, "big\n")
        lastcall.sleep(0.1)
        server:signal "TERM"
        lastcall.sleep(1.8) -- more than `quiet`, for an idle client
        size = #(slow:read() or "")
        ended = helper.ends(slow)
      end)
      local output, fine = server:finish()
      assert.is_true(fine, output)
      assert.equal(4 * 1024 * 1024, size)
      assert.equal("eof", ended)
    end)
  end

  it("takes no processor time while it waits for a client that has sent half a request", function()
    for _, name in ipairs { "wrapped", "dispatcher" } do
      local server, address = start(name)
      helper.task(function(lastcall)
        local half = assert(lastcall.connect(address))
        ask(half, "half a ")
        lastcall.sleep(0.1)
        server:signal "TERM"
        lastcall.sleep(0.5)
        local before = processor_time(server.pid)
        lastcall.sleep(1)
        assert.is_true(processor_time(server.pid) - before < 0.1, name)
        ask(half, "line\n")
        assert.equal("you said: half a line", (half:read()))
        assert.equal("eof", helper.ends(half))
      end)
      local output, fine = server:finish()
      assert.is_true(fine, output)
    end
  end)
end)
