local helper = require "spec.helper"

local between = helper.between

--- Calls a method as a script does, so that Lua knows its name.
local function method_call(conn, name, ...)
  local arguments = table.pack(...)
  local call = assert(load(("local conn, a = ... conn:%s(table.unpack(a, 1, a.n))"):format(name)))
  return call, conn, arguments
end

--- `fn` raises, and the message has every one of `words`.
local function raises(words, fn, ...)
  local fine, message = pcall(fn, ...)
  assert(not fine, ("nothing was raised where '%s' was expected"):format(table.concat(words, "', '")))
  for _, word in ipairs(words) do
    assert(tostring(message):find(word, 1, true), ("no '%s' in: %s"):format(word, message))
  end
end

describe("a wrong argument", function()
  it("raises, and names the argument and what would be right", function()
    between(function(here)
      local function call(name, ...) return { method_call(here, name, ...) } end
      for _, case in ipairs {
        { { "#1", "read", "number of bytes" }, call("read", "x") },
        { { "#1", "read", "whole number" }, call("read", 1.5) },
        { { "#1", "read", "whole number" }, call("read", -1) },
        { { "#2", "read" }, call("read", "l", {}) },
        { { "#1", "lines", "invalid format" }, call("lines", "n") },
        { { "#1", "read_some", "at least one byte" }, call("read_some", 0) },
        { { "#1", "read_some", "number expected" }, call("read_some", {}) },
        { { "#1", "read_until", "string expected" }, call("read_until") },
        { { "#1", "read_until", "empty" }, call("read_until", "") },
        { { "#2", "read_until", "at least one byte" }, call("read_until", "x", 0) },
        { { "#1", "await", "number expected" }, call("await", "soon") },
        { { "#1", "await", "NaN" }, call("await", 0 / 0) },
        { { "#2", "write", "string expected, got table" }, call("write", "x", {}) },
        { { "#1", "write", "string expected, got nil" }, call("write", nil) },
        { { "#1", "post", "string expected, got boolean" }, call("post", true) },
        { { "#1", "setvbuf", "invalid option" }, call("setvbuf", "line") },
        { { "#2", "setvbuf", "not negative" }, call("setvbuf", "full", -1) },
        { { "#1", "shutdown", "invalid option" }, call("shutdown", "rw") },
        { { "#1", "close", "\"background\"" }, call("close", "later") },
        { { "#1", "close", "\"background\"" }, call("close", true) },
        { { "#1", "set_linger", "\"background\"" }, call("set_linger") },
        { { "#1", "set_read_timeout", "number expected" }, call("set_read_timeout", "1s") },
        { { "#1", "set_write_timeout", "number expected" }, call("set_write_timeout", {}) },
        { { "#1", "set_deadline", "NaN" }, call("set_deadline", 0 / 0) },
        { { "set_keepalive", "false to turn it off" }, call("set_keepalive", true) },
        { { "set_keepalive", "idel", "did you mean 'idle'" }, call("set_keepalive", { idel = 3 }) },
        { { "set_keepalive", "'count'", "whole number" }, call("set_keepalive", { count = 0.5 }) },
        { { "#1", "set_nodelay", "boolean expected" }, call("set_nodelay", 1) },
        { { "#1", "set_farewell", "a function that returns one" }, call("set_farewell", {}) },
        { { "detach", "on_dran", "did you mean 'on_drain'" }, call("detach", { on_dran = print }) },
        { { "detach", "'on_kill'", "function" }, call("detach", { on_kill = 1 }) },
        { { "#1", "setsockopt", "nodelai", "nodelay" }, call("setsockopt", "nodelai", 1) },
        { { "#2", "setsockopt", "number expected" }, call("setsockopt", "tos", "low") },
        { { "#2", "setsockopt", "fit" }, call("setsockopt", "tos", 1 << 40) },
        { { "#1", "getsockopt", "string expected" }, call("getsockopt") },
      } do
        raises(case[1], table.unpack(case[2]))
      end
      assert.equal("active", here:state() == "new" and "active" or here:state())
    end)
  end)

  it("is not a limit of zero: nothing was done when it raised", function()
    between(function(here, there)
      raises({ "#3" }, method_call(here, "write", "never", "sent", {}))
      helper.send(here, "only this\n")
      assert.equal("only this", there:read())
    end)
  end)

  it("as self is told apart from a wrong argument", function()
    between(function(here)
      for _, name in ipairs { "read", "write", "close", "state", "peer", "detach", "set_keepalive", "work" } do
        raises({ "':'", "conn:" }, here[name])
        raises({ "':'", "conn:" }, here[name], {})
      end
    end)
  end)

  it("among options names the nearest valid one, in connect and listen", function()
    helper.task(function(lastcall)
      raises({ "connect", "timeot", "'timeout'" }, lastcall.connect, "127.0.0.1:1", { timeot = 1 })
      raises({ "connect", "'linger'", "background" }, lastcall.connect, "127.0.0.1:1", { linger = "x" })
      raises({ "listen", "max_lin", "'max_line'" }, lastcall.listen, "127.0.0.1:0", { max_lin = 1 })
      raises({ "listen", "read_timeout", "more than 0" }, lastcall.listen, "127.0.0.1:0", { read_timeout = 0 })
      raises({ "keepalive", "'idle'", "from 1 to 32767" }, lastcall.listen, "127.0.0.1:0", { keepalive = { idle = 0 } })
      raises({ "connect" }, lastcall.connect)
      raises({ "connect", "options are a table" }, lastcall.connect, "127.0.0.1:1", 5)
    end)
  end)
end)

describe("a field of a connection", function()
  it("is data, id, or a method: others cannot be set", function()
    between(function(here)
      raises({ "no settable field 'name'", "conn.data" }, function() here.name = "x" end)
      here.data.name = "x"
      assert.equal("x", here.data.name)
      here.data = { other = 1 }
      assert.equal(1, here.data.other)
      assert.is_nil(here.nothing)
      assert.equal("integer", math.type(here.id))
    end)
  end)
end)

describe("a closed connection", function()
  it("answers every method: closed, or what is still known", function()
    between(function(here, _, lastcall)
      here:close(0)
      for _, case in ipairs { { "read" }, { "read_some" }, { "read_until", "x" }, { "await" }, { "write", "x" },
        { "flush" }, { "post", "x" }, { "shutdown", "write" }, { "detach" }, { "set_read_timeout", 1 },
        { "set_write_timeout", 1 }, { "set_linger", 1 }, { "set_nodelay", true }, { "setvbuf", "no" },
        { "set_keepalive", false }, { "setsockopt", "tos", 1 }, { "getsockopt", "tos" }, { "localname" } } do
        local result, code, message = here[case[1]](here, table.unpack(case, 2))
        assert.is_nil(result, case[1])
        assert.equal("closed", code, case[1])
        assert.is_string(message)
      end
      assert.is_nil(here:lines()())
      assert.is_true(here:abort())
      assert.is_true(here:set_deadline(lastcall.now()))
      assert.is_true(here:set_farewell("x"))
      here:work():done()
      assert.equal("closed", here:state())
      assert.equal("closed", here:stats().state)
      assert.equal("127.0.0.1", (here:peer()))
      assert.is_truthy(tostring(here):find("closed"))
      assert.is_true(here:context():done())
    end)
  end)
end)

describe("a call that waits", function()
  it("outside of any task raises and says where it belongs; one that need not wait does not", function()
    local server, here, there
    local lastcall = require "lastcall"
    local checked = 0
    helper.task(function()
      here, there, server = helper.pair(lastcall)
      server:on_state(function() -- a callback is no task
        if checked > 0 then return end
        for name, argument in pairs { read = "l", read_some = 1, read_until = "x", await = 1 } do
          raises({ "conn:" .. name, "only a task can wait", "lastcall.go" }, here[name], here, argument)
          checked = checked + 1
        end
        assert(here:write("posted from a callback\n"))
      end)
      there:write("x\n")
      assert.equal("x", here:read())
      lastcall.sleep(0.01)
      here:close("background")
      assert.equal("posted from a callback", there:read())
      there:abort()
      here:abort()
      server:close()
    end)
    assert.equal(4, checked)
  end)

  it("outside of any task leaves nothing on the context that it would have waited for", function()
    local lastcall = require "lastcall"
    local ctx = lastcall.context.with_cancel(lastcall.context.background())
    local function wait_in_vain()
      for _ = 1, 1000 do
        raises({ "select waits", "only a task can wait" }, lastcall.select, { ctx })
        raises({ "context:wait waits", "only a task can wait" }, ctx.wait, ctx)
      end
      collectgarbage()
      collectgarbage()
      return collectgarbage("count")
    end
    local before = wait_in_vain()
    assert.is_true(wait_in_vain() - before < 100) -- kilobytes
  end)

  it("by a second task on one connection raises in that task, and the first goes on", function()
    between(function(here, there, lastcall)
      local first = lastcall.go(function() return here:read() end)
      lastcall.sleep(0)
      for name, argument in pairs { read = "l", read_some = 1, read_until = "x", await = 1 } do
        raises({ "conn:" .. name, "another task is already reading", "let one task read" }, here[name], here, argument)
      end
      raises({ "conn:lines", "another task" }, here:lines())
      helper.send(there, "for the first\n")
      assert.equal("for the first", first:wait(1))
    end)
  end)

  it("in table.sort or string.gsub raises, and names the remedy", function()
    between(function(here)
      here:setsockopt("sndbuf", 32768)
      raises({ "conn:read", "cannot wait here", "table.sort" }, table.sort, { 1, 2 }, function() return here:read() end)
      raises({ "conn:read_some", "cannot wait here" }, string.gsub, "x", "x", function() return here:read_some() end)
      raises({ "conn:write", "cannot wait here" }, string.gsub, "x", "x", function()
        for _ = 1, 300 do here:write(("x"):rep(100000)) end
      end)
      assert.equal("canceled", select(2, here:write("after half a write")))
    end)
  end)

  it("in table.sort or string.gsub raises in the name of the call, also where that waits in another one", function()
    helper.task(function(lastcall)
      local here, there, server = helper.pair(lastcall)
      local group, full = lastcall.group(lastcall.context.background()), lastcall.group()
      local worker = group:go(lastcall.sleep, 60)
      full:set_limit(1)
      full:go(lastcall.sleep, 0)
      for name, call in pairs {
        pipe = function() return lastcall.pipe(here, there) end,
        copy = function() return lastcall.copy(here, there) end,
        ["server:serve"] = function() return server:serve(print) end,
        ["group:wait"] = function() return group:wait() end,
        ["group:go"] = function() return full:go(print) end,
      } do
        raises({ ": " .. name .. " cannot wait here", "table.sort" }, table.sort, { 1, 2 }, call)
        raises({ ": " .. name .. " cannot wait here" }, string.gsub, "x", "x", call)
      end
      assert.is_true(full:wait())
      worker:cancel()
      for _, one in ipairs { here, there, server } do one:close() end
    end)
  end)

  it("in a coroutine that lastcall does not know raises, and names the remedy", function()
    helper.task(function(lastcall)
      local here, there, server = helper.pair(lastcall)
      local foreign = coroutine.create(function() return here:read() end)
      local fine, message = coroutine.resume(foreign)
      assert.is_false(fine)
      assert.is_truthy(message:find("conn:read", 1, true) and message:find("lastcall.go", 1, true), message)
      helper.send(there, "x\n")
      assert.equal("x", here:read())
      there:abort()
      here:abort()
      server:close()
    end, { patch_coroutine = false })
  end)

  it("refuses words with a zero byte in them", function()
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, function(conn) conn:read() end)
      local conn = helper.ask(address, "x")
      assert.is_false((pcall(lastcall.on_signal, "HUP\0x", function() end)))
      assert.is_false((pcall(conn.getsockopt, conn, "nodelay\0x")))
      assert.is_false((pcall(server.count, server, "idle\0x")))
      assert.is_nil(conn:error())
      assert.equal(1, select("#", conn:error()))
      conn:close()
      server:close()
    end)
  end)

  it("lastcall.assert gives its arguments, or raises the message with the caller's place", function()
    local lastcall = require "lastcall"
    assert.same({ 1, nil, 3, n = 3 }, table.pack(lastcall.assert(1, nil, 3)))
    local _, err = pcall(function() lastcall.assert(lastcall.listen("192.0.2.1:1")) end)
    assert.truthy(err:find("misuse_spec.lua:%d+: .*192%.0%.2%.1:1"), err)
    assert.same({ "own" }, select(2, pcall(lastcall.assert, nil, { "own" })))
    assert.truthy(select(2, pcall(lastcall.assert, false)):find("assertion failed!", 1, true))
  end)
end)
