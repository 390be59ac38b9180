local helper = require "spec.helper"
local lastcall = require "lastcall"

-- Every object of ours that a script gets hold of, by name; what `use` does shows that it still works.
local function with_objects(body)
  helper.task(function(_, ctx)
    local server, address = helper.serve(lastcall, function(conn) conn:read() end)
    local conn, other = helper.ask(address, "x"), helper.ask(address, "y")
    local made, cancel = lastcall.context.with_timeout(ctx, 60)
    local task = lastcall.go(lastcall.sleep, 60)
    lastcall.sleep(0)
    local fd, _, ticket = other:detach()
    body({
      connection = { conn, function() return conn:write "z" end },
      server = { server, function() return server:count() >= 1 end },
      context = { made, function() return not made:done() end },
      ["the process's context"] = { ctx, function() return not ctx:done() end },
      task = { task, function() return task:status() == "waiting" end },
      guard = { conn:work(), function() return true end },
      ticket = { ticket, function() return true end },
      channel = { lastcall.channel(1), function() return true end },
      semaphore = { lastcall.semaphore(1), function() return true end },
      waitgroup = { lastcall.waitgroup(), function() return true end },
      group = { lastcall.group(), function() return true end },
    })
    task:cancel()
    cancel()
    ticket:done()
    require "lastcall.core".socket.close(fd)
    conn:close(0)
    server:close()
  end, { on_error = function() end })
end

describe("the metatable of an object", function()
  it("is not handed out", function()
    with_objects(function(objects)
      for name, one in pairs(objects) do assert.equal("string", type(getmetatable(one[1])), name) end
    end)
    assert.equal("string", type(getmetatable(helper.task(function() end))))
  end)

  it("has a finalizer that does nothing when a script calls it, also in a finalizer of its own", function()
    with_objects(function(objects)
      local called = 0
      for name, one in pairs(objects) do
        local meta = debug.getmetatable(one[1])
        if meta.__gc and meta.__gc ~= meta.__close then
          meta.__gc(one[1])
          pcall(meta.__gc, one[1])
          setmetatable({}, { __gc = function()
            called = called + 1
            meta.__gc(one[1])
          end })
          collectgarbage()
          collectgarbage()
          assert.is_truthy(one[2](), name)
        end
      end
      assert.is_true(called >= 4)
    end)
  end)

  it("has a finalizer that does nothing when a script calls it: sockets", function()
    local socket = require "lastcall.socket"
    local udp = assert(socket.udp())
    assert(udp:setsockname("127.0.0.1", 0))
    getmetatable(udp).__gc(udp)
    assert.equal("127.0.0.1", (udp:getsockname()))
    local master = assert(socket.bind("127.0.0.1", 0))
    getmetatable(master).__gc(master)
    assert.equal("127.0.0.1", (master:getsockname()))
    assert.is_truthy(udp:close() and master:close())
  end)

  it("has metamethods that take any argument without harm", function()
    with_objects(function(objects)
      local values = { n = 9, nil, true, 42, "x", {}, print, io.stdout, objects.server[1], objects.connection[1] }
      for _, one in pairs(objects) do
        for name, method in pairs(debug.getmetatable(one[1])) do
          if type(method) == "function" and name:find "^__" and name ~= "__close" and name ~= "__gc" then
            pcall(method)
            for i = 1, values.n do
              pcall(method, values[i])
              pcall(method, one[1], values[i])
              pcall(method, values[i], "read", values[i])
            end
          end
        end
      end
      for _, one in pairs(objects) do
        local meta = debug.getmetatable(one[1])
        local close, gc = meta.__close, meta.__gc
        for i = 1, 7 do
          if close then pcall(close, values[i]) end
          if gc then pcall(gc, values[i]) end
        end
      end
      for name, one in pairs(objects) do assert.is_truthy(one[2](), name) end
    end)
  end)

  it("ends a guard or a ticket once, however often a script does", function()
    with_objects(function(objects)
      for _, name in ipairs { "guard", "ticket" } do
        local one = objects[name][1]
        local meta = debug.getmetatable(one)
        for _ = 1, 3 do
          meta.__gc(one)
          meta.__close(one)
          one:done()
        end
      end
      assert.is_truthy(objects.connection[2]())
    end)
  end)
end)
