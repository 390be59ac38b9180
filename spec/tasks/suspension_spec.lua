local helper = require "spec.helper"
local lastcall = require "lastcall"
local own = coroutine -- the standard functions, which lastcall is not told of
local MUCH = ("x"):rep(2 ^ 25) -- no kernel takes it at once

local function collect_garbage()
  for _ = 1, 20 do
    collectgarbage()
    local junk = {}
    for size = 40, 200 do junk[#junk + 1] = ("x"):rep(size) end
  end
end

-- Waits of all kinds, short ones: each is left half-way by somebody else.
local function waits(address, deaf)
  local socket = require "lastcall.socket"
  local function connected()
    local conn = assert(lastcall.connect(address))
    conn:set_read_timeout(0.1)
    return conn
  end
  local function to_deaf() return assert(lastcall.connect(deaf, { write_timeout = 0.1, linger = 0.1 })) end
  local function being_written()
    local conn = to_deaf()
    lastcall.go(conn.write, conn, MUCH)
    lastcall.sleep(0)
    return conn
  end
  return {
    channel = function() return lastcall.channel():receive(0.05) end,
    semaphore = function()
      local one = lastcall.semaphore(1)
      one:acquire()
      return one:acquire(0.05)
    end,
    select = function() return lastcall.select { lastcall.channel(), lastcall.channel(), timeout = 0.05 } end,
    context = function() return lastcall.context.with_timeout(nil, 0.05):wait() end,
    sleep = function() return lastcall.sleep(0.05) end,
    task = function() return lastcall.go(lastcall.sleep, 0.05):wait() end,
    waitgroup = function()
      local group = lastcall.waitgroup()
      group:add()
      return group:wait(0.05)
    end,
    accept = function()
      local server = assert(lastcall.listen("127.0.0.1:0"))
      local result = table.pack(server:accept(0.05))
      server:close()
      return table.unpack(result, 1, result.n)
    end,
    resolve = function() return lastcall.connect("name.invalid:1", { timeout = 0.05 }) end,
    read = function() return connected():read("l", "l") end,
    lines = function() return connected():lines()() end,
    write = function() return to_deaf():write(MUCH) end,
    ["the turn to write"] = function() return being_written():write "its turn" end,
    close = function() return being_written():close(0.1) end,
    ["read_some of lastcall.socket"] = function()
      local one = assert(socket.connect(address:match("^(.*):(%d+)$")))
      one:settimeout(0.05)
      return one:receive("*l")
    end,
    ["select of lastcall.socket"] = function() return socket.select({ assert(socket.udp()) }, nil, 0.05) end,
    ["datagrams of lastcall.socket"] = function()
      local one = assert(socket.udp())
      one:setsockname("127.0.0.1", 0)
      one:settimeout(0.05)
      return one:receivefrom()
    end,
    ["names of lastcall.socket"] = function() return (socket.dns.toip("name.invalid")) end,
    ["a generator of the script's"] = function()
      return lastcall.coroutine.wrap(function() return lastcall.sleep(0.05) end)()
    end,
    ["a call in a context"] = function() return lastcall.context.background():call(lastcall.sleep, 0.05) end,
  }
end

local function with_server(body)
  local told = {}
  helper.task(function()
    local server, address = helper.serve(lastcall, function(conn) conn:read() end)
    local deaf = assert(lastcall.listen("127.0.0.1:0")) -- nobody accepts there
    for name, wait in pairs(waits(address, deaf:addresses()[1])) do body(name, wait, told) end
    deaf:shutdown(0)
    server:close()
  end, { patch_coroutine = false, on_error = function(err) told[#told + 1] = tostring(err) end })
  return told
end

describe("a coroutine that waits for the loop", function()
  it("is ended in order when somebody closes it, whatever it waits for", function()
    local told = with_server(function(name, wait)
      local result, err
      for _ = 1, 10 do -- on a busy machine the time of the wait may be over too early
        local co, closed
        local task = lastcall.go(function()
          co = own.running()
          local _ <close> = setmetatable({}, { __close = function()
            collect_garbage()
            closed = name
          end })
          wait()
        end)
        lastcall.sleep(0)
        if task:status() ~= "waiting" then lastcall.sleep(0.01) end -- it had to connect first
        own.close(co)
        assert.equal(name, closed)
        collect_garbage()
        result, err = task:wait()
        assert.is_nil(result, name)
        if err then break end
      end
      assert.truthy(tostring(err):find("coroutine of this task was closed", 1, true), name .. ": " .. tostring(err))
      lastcall.sleep(0.06) -- what it had waited for happens, and finds nobody
      collect_garbage()
    end)
    assert.same({}, told)
  end)

  it("gives each wait its own results when somebody resumes it with values", function()
    with_server(function(name, wait)
      local co
      local task = lastcall.go(function()
        co = own.running()
        return table.pack(wait())
      end)
      lastcall.sleep(0)
      for _ = 1, 30 do
        own.resume(co, "junk1", 42, {}, "junk4")
        lastcall.sleep(0.002)
      end
      local result, err = task:wait()
      assert.is_table(result, name .. ": " .. tostring(err))
      for i = 1, result.n do
        local text = tostring(result[i])
        assert.is_nil(text:find("junk", 1, true) or text:find("^42$"), name)
      end
    end)
  end)

  it("gives a generator that waits its own results, too, and the one around it", function()
    helper.task(function()
      local outer, inner
      local task = lastcall.go(function()
        outer = own.running()
        return lastcall.coroutine.wrap(function()
          inner = own.running()
          return lastcall.sleep(0.03), "inner"
        end)()
      end)
      lastcall.sleep(0)
      for _ = 1, 3 do
        assert.same({ true }, { own.resume(inner, "junk", 1) })
        assert.same({ true }, { own.resume(outer, "junk", 2, 3) })
      end
      assert.same({ true, "inner" }, { task:wait() })
    end, { patch_coroutine = false })
  end)

  it("ends the wait of what is nested in it, innermost first, when the generator outside is closed", function()
    local order = {}
    helper.task(function()
      local outer, innermost
      local function noted(name)
        return setmetatable({}, { __close = function()
          collect_garbage()
          order[#order + 1] = name
        end })
      end
      local task = lastcall.go(function()
        return lastcall.coroutine.resume(lastcall.coroutine.create(function()
          outer = own.running()
          local _ <close> = noted "outer"
          lastcall.coroutine.wrap(function()
            innermost = own.running()
            local _ <close> = noted "inner"
            lastcall.channel():receive(60)
          end)()
        end))
      end)
      lastcall.sleep(0)
      own.close(outer)
      assert.same({ "inner", "outer" }, order)
      assert.same({ false, "cannot resume dead coroutine" }, { task:wait() })
      assert.equal("dead", own.status(innermost))
    end, { patch_coroutine = false })
  end)

  it("is not taken for a whole reply when it was closed in a handler", function()
    helper.task(function()
      local co
      local server, address = helper.serve(lastcall, function(conn)
        co = own.running()
        conn:write("half a ")
        lastcall.sleep(60)
        conn:write("reply\n")
      end)
      local conn = helper.ask(address, "x")
      conn:read(7)
      own.close(co)
      assert.equal("reset", (select(2, conn:read())))
      conn:close()
      server:close()
    end, { patch_coroutine = false, on_error = function() end })
  end)

  it("can be closed and begun in a pool by who still knows it, without harm", function()
    helper.task(function()
      local co
      lastcall.go(function() co = own.running() end):wait()
      for _ = 1, 50 do
        local tasks = {}
        for i = 1, 3 do tasks[i] = lastcall.go(function(...) return ... end, i, "x") end
        own.resume(co, "junk")
        pcall(own.close, co)
        for _, task in ipairs(tasks) do task:wait() end
      end
    end, { patch_coroutine = false, on_error = function() end })
  end)

  -- The coroutine of a handler rests for the next one.
  for what, case in pairs {
    ["a connection"] = { serve = function(note)
      return function(conn)
        note()
        conn:write(conn:read() or "")
      end
    end, ask = "a\n", answer = "^a$" },
    ["a request"] = { serve = function(note)
      return require("lastcall.http").handler(function()
        note()
        return "b"
      end)
    end, ask = "GET / HTTP/1.0\r\n\r\n", answer = "\r\n\r\nb$" },
  } do
    it("gives nothing to who still knows it when the handler of " .. what .. " has ended, and may be closed", function()
      helper.task(function()
        local known = {}
        local server, address = helper.serve(lastcall, case.serve(function() known[#known + 1] = own.running() end))
        local function ask()
          local conn = assert(lastcall.connect(address))
          helper.send(conn, case.ask)
          assert.is_truthy(assert(conn:read("a")):find(case.answer))
          conn:close()
        end
        for i = 1, 12 do
          ask()
          local co = known[#known]
          if i % 3 == 1 then assert.same({ true }, { own.resume(co, "junk", 2) }) end
          if i % 3 == 2 then assert.is_true(own.close(co)) end
        end
        assert.equal(12, #known)
        server:close()
      end, { patch_coroutine = false, on_error = function(err) error(err, 0) end })
    end)
  end

  -- What runs while it is being closed turns the loop, which then comes to its task.
  for what, case in pairs {
    ["when its time is over meanwhile"] = { wait = "lastcall.sleep(0.001)" },
    ["when its task is canceled meanwhile"] = { wait = "lastcall.channel():receive()", first = "task:cancel()" },
    ["when its task is killed meanwhile"] = { wait = "lastcall.sleep(60)", first = "lastcall.shutdown(0)" },
    ["when it is a generator's"] = { wait = "lastcall.sleep(60)", around = "lastcall.coroutine.wrap" },
    ["when it is a generator's, and its task is killed"] =
      { wait = "lastcall.sleep(60)", first = "lastcall.shutdown(0)", around = "lastcall.coroutine.wrap" },
  } do
    it("is closed to its end by the one who began, " .. what, function()
      local output, fine = helper.run_script(([[
        local lastcall = require "lastcall"
        local closed, co = 0
        local task
        local function noted(body)
          return setmetatable({}, { __close = function()
            body()
            closed = closed + 1
          end })
        end
        local function work()
          co = coroutine.running()
          local _ <close> = noted(function() end)
          local _ <close> = noted(function()
            %s
            for _ = 1, 5 do lastcall.step(0.005) end
            collectgarbage()
          end)
          %s
        end
        task = lastcall.go(function() return %s(work)() end)
        lastcall.step(0)
        assert(task:status() == "waiting")
        assert(coroutine.close(co))
        assert(closed == 2, closed)
        for _ = 1, 3 do lastcall.step(0) end
        assert(task:status() == "failed")
        print "whole"
      ]]):format(case.first or "", case.wait, case.around or ""))
      assert.is_true(fine, output)
      assert.truthy(output:find("whole", 1, true), output)
    end)
  end
end)
