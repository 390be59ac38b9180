local helper = require "spec.helper"
local lastcall = require "lastcall"
local core = require "lastcall.core"

-- Whatever a script gives to whatever function: an error names the script's own line, not one of ours, and the
-- function as the documentation does.

local function noise() end

local WRONG = { {}, "text", -1, 1.5, 0 / 0, true, noise }
local PLAUSIBLE = { "127.0.0.1:1", 1, ">=", noise }

--- Lists of arguments with a wrong one among them, or too few.
local function wrong_arguments()
  local lists = { table.pack() }
  for _, wrong in ipairs(WRONG) do
    lists[#lists + 1] = table.pack(wrong)
    lists[#lists + 1] = table.pack(">=", 1, wrong)
    lists[#lists + 1] = table.pack("name", noise, wrong)
    for _, right in ipairs(PLAUSIBLE) do lists[#lists + 1] = table.pack(right, wrong) end
  end
  return lists
end

--- Calls a field of `object` as a script does, by its name, in a file of the name "the script".
local function call(form, object, arguments)
  local text = ("local object, arguments = ...\nlocal results = table.pack(object%s)\nreturn results")
    :format(form)
  local made = assert(load(text, "@the script"))
  return pcall(made, object, arguments)
end

local found = {}

--- Whether an error about an argument names the function as the script knows it: 'conn:read', 'context.background'.
local function names(name, message)
  local named = message:match("bad argument #%d+ to '(.-)'")
  return not named or named == name or named == "context." .. name
end

local function check(name, fine, message)
  if fine or type(message) == "string" and message:find("^the script:2: ") and names(name, message) then return end
  found[#found + 1] = name .. ": " .. tostring(message)
end

--- Waits at most for a moment, whatever is called.
local function shortly(body)
  local ctx <close> = lastcall.context.with_timeout(nil, 0.002)
  lastcall.go(function() ctx:call(body) end):wait()
end

local function all_methods(class, list, make)
  for name, method in pairs(list) do
    if type(method) == "function" and not name:find("^__") then
      local label = class .. ":" .. name
      for _, self in ipairs { {}, "text" } do
        check(label, call("." .. name .. "(arguments)", { [name] = method }, self))
      end
      local object, tidy = make()
      for i, arguments in ipairs(wrong_arguments()) do
        if i % 10 == 0 then -- some arguments are right after all, and close it
          tidy()
          object, tidy = make()
        end
        shortly(function()
          local fine, results = call(":" .. name .. "(table.unpack(arguments, 1, arguments.n))", object, arguments)
          check(label, fine, results)
          if name == "detach" and fine and results[1] then require "spec_system".close(results[1]) end
        end)
      end
      tidy()
    end
  end
end

local function a_server()
  local server = assert(lastcall.listen("127.0.0.1:0", { log = noise, on_error = noise, drain = 0.05 }))
  return server, function()
    server:close()
    server:wait()
  end
end

local function a_connection()
  local here, there, server = helper.pair(lastcall, { log = noise, on_error = noise, drain = 0.05 })
  return here, function()
    here:abort()
    there:abort()
    server:close()
  end
end

local function a_task()
  local task = lastcall.go(lastcall.sleep, 60)
  return task, function() task:cancel() end
end

local function metatable_of(object) return debug.getmetatable(object).__index end

-- Those that print, end, or signal something; offload raises what the function raises that it calls.
local LEFT_OUT = { dump = true, offload = true, run = true, serve = true, shutdown = true, step = true }

describe("an error about an argument is at the line of the script that gave it", function()
  before_each(function() found = {} end)

  local function walked(body)
    helper.task(body, { on_error = noise, drain = 1 })
    assert.equal("", table.concat(found, "\n"))
  end

  it("whichever function of the module it is", function()
    walked(function()
      for _, of in ipairs { lastcall, lastcall.context } do
        for name, fn in pairs(of) do
          if type(fn) == "function" and not LEFT_OUT[name] then
            for _, arguments in ipairs(wrong_arguments()) do
              shortly(function()
                check(name, call("." .. name .. "(table.unpack(arguments, 1, arguments.n))", of, arguments))
              end)
            end
          end
        end
      end
    end)
  end)

  it("whichever method of a server", function()
    walked(function() all_methods("server", core.server_methods, a_server) end)
  end)

  it("whichever method of a connection", function()
    walked(function() all_methods("conn", core.connection_methods, a_connection) end)
  end)

  it("whichever method of a task, context, group, channel or other object", function()
    walked(function()
      all_methods("task", metatable_of(a_task()), a_task)
      all_methods("context", core.context.methods, lastcall.context.with_cancel)
      for name, make in pairs { channel = lastcall.channel, group = lastcall.group, waitgroup = lastcall.waitgroup,
        semaphore = function() return lastcall.semaphore(1) end } do
        all_methods(name, metatable_of(make()), function() return make(), noise end)
      end
    end)
  end)

  it("of shutdown, which then begins none", function()
    walked(function()
      for _, wrong in ipairs { "text", -1, 0 / 0, {}, true } do
        local fine, message = call(".shutdown(arguments)", lastcall, wrong)
        assert.is_false(fine)
        check("shutdown", fine, message)
      end
      assert.is_true(lastcall.ready())
    end)
  end)

  it("of run, serve and step, outside of tasks", function()
    for _, name in ipairs { "run", "serve", "step" } do
      for _, arguments in ipairs(wrong_arguments()) do
        local first, second = type(arguments[1]), type(arguments[2])
        if first ~= "function" and first ~= "number" and second ~= "function" then -- else it would run, or wait
          check(name, call("." .. name .. "(table.unpack(arguments, 1, arguments.n))", lastcall, arguments))
        end
      end
    end
    assert.equal("", table.concat(found, "\n"))
  end)
end)

describe("an error about an argument names the function", function()
  --- What is to be found in the message -> a function, and arguments with a wrong one.
  local function wrong_calls(here, server)
    local ctx, task = lastcall.context.background(), lastcall.go(noise)
    return {
      ["#1 to 'sleep' (number expected, got string)"] = { lastcall.sleep, "soon" },
      ["#1 to 'go' (function expected, got nil)"] = { lastcall.go },
      ["#1 to 'coroutine.resume' (coroutine expected, got number)"] = { lastcall.coroutine.resume, 5 },
      ["#2 to 'context.with_timeout' (number expected, got table)"] = { lastcall.context.with_timeout, nil, {} },
      ["#1 to 'context:on_done' (function expected, got nil)"] = { ctx.on_done, ctx, nil },
      ["#1 to 'task:wait' (number expected, got string)"] = { task.wait, task, "soon" },
      ["#1 to 'server:shutdown' (seconds from now"] = { server.shutdown, server, -1 },
      ["#1 to 'conn:read' (invalid format"] = { here.read, here, "x" },
      ["#2 to 'conn:write' (string expected, got table)"] = { here.write, here, "x", {} },
      ["#1 to 'conn:setvbuf' (invalid option 'line')"] = { here.setvbuf, here, "line" },
      ["#2 to 'conn:setsockopt' (number has no integer representation)"] = { here.setsockopt, here, "tos", 0.5 },
      ["context:done: expected a context as self: call it with ':'"] = { ctx.done, task },
      ["task:cancel: expected a task as self: call it with ':'"] = { task.cancel },
      ["guard:done: expected a guard as self: call it with ':'"] = { here:work().done, here },
    }
  end

  --- Every one of them, called in one way.
  local function called(way)
    helper.between(function(here, _, _, server)
      local count = 0
      for words, wrong in pairs(wrong_calls(here, server)) do
        local message = tostring(way(table.unpack(wrong, 1, 5)))
        assert.is_truthy(message:find(words, 1, true), words .. " is not in: " .. message)
        count = count + 1
      end
      assert.equal(14, count)
    end)
  end

  it("that pcall calls", function()
    called(function(fn, ...) return select(2, pcall(fn, ...)) end)
  end)

  it("that is a task's own, or a coroutine's", function()
    called(function(fn, ...) return select(2, lastcall.go(fn, ...):wait()) end)
    called(function(fn, ...) return select(2, coroutine.resume(coroutine.create(fn), ...)) end)
  end)

  it("that the script calls by another name, or in a tail call", function()
    called(function(fn, ...)
      local mine = fn
      local arguments = table.pack(...)
      return select(2, pcall(function() mine(table.unpack(arguments, 1, arguments.n)) end))
    end)
    called(function(fn, ...)
      local arguments = table.pack(...)
      return select(2, pcall(function() return fn(table.unpack(arguments, 1, arguments.n)) end))
    end)
  end)
end)

describe("an error about waiting outside of a task is at the line of the script", function()
  it("whatever waits", function()
    local channel, ctx = lastcall.channel(), lastcall.context.background()
    local server = assert(lastcall.listen("127.0.0.1:0"))
    local waitgroup, semaphore = lastcall.waitgroup(), lastcall.semaphore(1)
    waitgroup:add()
    semaphore:acquire()
    local count = 0
    for name, wait in pairs {
      sleep = function() lastcall.sleep(1) end,
      connect = function() lastcall.connect("127.0.0.1:1") end,
      poll = function() lastcall.poll(0) end,
      poll_of_time = function() lastcall.poll { timeout = 1 } end,
      select = function() lastcall.select { channel, ctx } end,
      send = function() channel:send(1) end,
      receive = function() channel:receive() end,
      iter = function() for _ in channel:iter() do end end,
      context = function() ctx:wait() end,
      wait = function() server:wait() end,
      wait_for = function() server:wait_for("==", 1) end,
      accept = function() server:accept() end,
      serve = function() server:serve(noise) end,
      waitgroup = function() waitgroup:wait() end,
      semaphore = function() semaphore:acquire() end,
    } do
      local fine, message = pcall(wait)
      assert.is_false(fine, name)
      assert.is_truthy(message:find("^spec/robust/misuse_place_spec.lua:%d+: .*only a task can wait"), message)
      count = count + 1
    end
    assert.equal(15, count)
    server:close()
    lastcall.run(noise, { signals = false, log = noise })
  end)

  it("is told with the script's line also when our own functions call others, and for a wrong self", function()
    local socket = require "lastcall.socket"
    local methods = core.server_methods
    for what, misused in pairs {
      getaddrinfo = function() socket.bind(true, 0) end,
      bind = function() socket.bind("127.0.0.1", {}) end,
      ["server:listen"] = function() methods.listen({}, "127.0.0.1:0") end,
      ["server:unlisten"] = function() methods.unlisten(nil, "127.0.0.1:0") end,
    } do
      local _, message = pcall(misused)
      assert.matches("^spec/robust/misuse_place_spec.lua:%d+: ", message)
      assert.is_truthy(message:find(what, 1, true), message)
    end
  end)
end)
