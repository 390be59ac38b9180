local helper = require "spec.helper"

local codec = require "lastcall.offload.codec"

local failure, raises = helper.failure, helper.raises

local WORK = "spec.support.offload_work."

local function is_alive(pid)
  local file = io.open(("/proc/%d/stat"):format(pid))
  if not file then return false end
  local state = file:read("a"):match "%) (%a)"
  file:close()
  return state ~= "Z"
end

--- Waits until the condition holds.
local function await(lastcall, condition)
  local bound = lastcall.now() + helper.seconds(10)
  while not condition() do
    assert(lastcall.now() < bound, "it never came to be")
    lastcall.sleep(0.005)
  end
end

local function read_number(path)
  local file = io.open(path)
  if not file then return nil end
  local number = file:read "n"
  file:close()
  os.remove(path)
  return number
end

--- Begins a call that takes long, in the context. Returns its task, and the pid of its helper.
local function begin_long(lastcall, ctx)
  local path, pid = helper.socket_path(), nil
  local task = ctx:go(lastcall.offload, WORK .. "long", path)
  await(lastcall, function()
    pid = read_number(path)
    return pid
  end)
  return task, pid
end

local function run(body, given) return helper.task(body, { offload = given, drain = 5 }) end

describe("values for another process", function()
  local function there_and_back(...)
    return table.unpack((codec.decode(assert(codec.encode("value", select("#", ...), ...)))), 1, select("#", ...))
  end

  it("arrive as they were: numbers to the bit, any bytes, nil among others", function()
    local numbers = { 0, -1, math.maxinteger, math.mininteger, 0.0, -0.0, 1.5, 2 ^ 53, 1 / 0, -1 / 0, 5e-324 }
    for _, number in ipairs(numbers) do
      local got = there_and_back(number)
      assert.equal(math.type(number), math.type(got))
      assert.equal(string.pack("n", number), string.pack("n", got))
    end
    local nan = there_and_back(0 / 0)
    assert.is_true(nan ~= nan)
    local bytes = {}
    for i = 0, 255 do bytes[i + 1] = string.char(i) end
    assert.equal(table.concat(bytes), there_and_back(table.concat(bytes)))
    assert.same({ n = 5, nil, "", false, true, nil }, table.pack(there_and_back(nil, "", false, true, nil)))
    assert.equal(0, select("#", there_and_back()))
  end)

  it("may be tables of tables, with any keys, one of them in two places", function()
    local one = { 1, 2, { "three" } }
    local all = { one, again = one, [2.5] = "x", [true] = {}, [one] = "by table", [-7] = 0.0 }
    local got = there_and_back(all)
    assert.equal(got[1], got.again)
    assert.equal("by table", got[got[1]])
    got[got[1]], all[one] = nil, nil
    assert.same(all, got)
    assert.equal("float", math.type(got[-7]))
  end)

  it("are refused with their place: functions, userdata, threads, metatables, cycles, too deep", function()
    local cycle, deep = {}, {}
    cycle.down = { cycle }
    for _ = 1, 2000 do deep = { deep } end
    local refused = {
      ["value 2.users[3].call: a function"] = { 1, { users = { 1, 2, { call = print } } } },
      ['value 1["a b"]: a userdata'] = { { ["a b"] = io.stdout } },
      ["value 1: a thread"] = { coroutine.create(print) },
      ["value 1.x: a table with a metatable"] = { { x = setmetatable({}, { __metatable = false }) } },
      ["value 1.down[1]: the table is within itself"] = { cycle },
      ["nested more than 1000 deep"] = { deep },
    }
    for reason, values in pairs(refused) do
      local bytes, problem = codec.encode("value", #values, table.unpack(values))
      assert.is_nil(bytes)
      assert.is_truthy(problem:find(reason, 1, true), problem)
    end
  end)
end)

describe("lastcall.offload", function()
  it("gives back what the function returns, from another process", function()
    run(function(lastcall)
      assert.same({ 1, 2.0, "three", { nested = { true } } },
        { lastcall.offload(WORK .. "echo", 1, 2.0, "three", { nested = { true } }) })
      assert.equal(0, select("#", lastcall.offload(WORK .. "echo")))
      assert.not_equal(helper.pid(), lastcall.offload(WORK .. "pid"))
      local is_one, list = lastcall.offload(WORK .. "shared", (function(t) return { a = t, b = t } end) { 1 })
      assert.is_true(is_one and list[1] == list[2])
      assert.equal("abab", lastcall.offload("string.rep", "ab", 2))
    end, { helpers = 1 })
  end)

  it("raises what the function raises, with the helper's traceback", function()
    run(function(lastcall)
      local _, err = pcall(lastcall.offload, WORK .. "fail", "it broke")
      assert.matches("it broke\nin a helper of lastcall.offload:\n.*offload_work.lua:%d+: in function", err)
      _, err = pcall(lastcall.offload, WORK .. "fail", { code = 7 })
      assert.same({ code = 7 }, err)
      _, err = pcall(lastcall.offload, WORK .. "fail_with_function")
      assert.matches("^function: ", err)
      raises("result 2.list[2]: a function", lastcall.offload, WORK .. "give_function")
      raises("module 'no_such_module' not found", lastcall.offload, "no_such_module.fn")
      raises("the module 'string' has no function 'no_such'", lastcall.offload, "string.no_such")
      assert.equal(1, lastcall.offload(WORK .. "echo", 1)) -- the helper goes on
    end, { helpers = 1 })
  end)

  it("is misused: a name without a function, an argument that cannot go, options, no task", function()
    local lastcall = require "lastcall"
    raises('"module.function"', lastcall.offload, "print")
    raises("not a function", lastcall.offload, print)
    raises("offload: string.rep: argument 2.x: a function", lastcall.offload, "string.rep", 1, { x = print })
    raises("offload", lastcall.offload, "string.rep", "x", 1)
    raises("option 'helpers'", lastcall.run, print, { offload = { helpers = 0 } })
    raises("option 'offload' is a table", lastcall.run, print, { offload = 3 })
    raises("option 'command'", lastcall.run, print, { offload = { command = { 1 } } })
  end)

  it("returns why no helper can be started", function()
    run(function(lastcall)
      failure("enoent", lastcall.offload("string.rep", "x", 1))
      failure("enoent", lastcall.offload("string.rep", "x", 1))
    end, { command = { "/no/such/interpreter" } })
  end)

  it("has large values go over and back", function()
    run(function(lastcall)
      local text = ("0123456789"):rep(helper.long and 5000000 or 300000)
      local size, twice = lastcall.offload(WORK .. "size", text)
      assert.equal(#text, size)
      assert.is_true(twice == text .. text)
    end, { helpers = 1 })
  end)

  it("does not mind what a function prints or reads", function()
    local output = helper.run_script [[
      local lastcall = require "lastcall"
      lastcall.run(function()
        local read = lastcall.offload("spec.support.offload_work.chatter", "hello", "there")
        print(("read %q"):format(read))
      end)
    ]]
    assert.matches("hello\tthere\nno line\n", output)
    assert.matches('read ""\n', output)
  end)
end)

describe("the helpers of lastcall.offload", function()
  it("are so many at most, and a storm of calls takes turns", function()
    run(function(lastcall)
      local pids, count, group = {}, 0, lastcall.group()
      for i = 1, 200 do
        group:go(function()
          local back, pid = lastcall.offload(WORK .. "echo", i), lastcall.offload(WORK .. "pid")
          assert(back == i)
          if not pids[pid] then pids[pid], count = true, count + 1 end
        end)
      end
      assert(group:wait())
      assert.is_true(count >= 1 and count <= 3, count)
    end, { helpers = 3 })
  end)

  it("end with the call that is canceled, and another takes its place", function()
    run(function(lastcall)
      local ctx, cancel = lastcall.context.with_cancel()
      local task, pid = begin_long(lastcall, ctx)
      local waiting = lastcall.go(lastcall.offload, WORK .. "pid")
      cancel()
      local _, code, message = task:wait()
      assert.equal("canceled", code)
      assert.matches("offload spec.support.offload_work.long", message)
      assert.not_equal(pid, (waiting:wait()))
      await(lastcall, function() return not is_alive(pid) end)
      ctx = lastcall.context.with_timeout(nil, 0.05)
      failure("timeout", ctx:call(lastcall.offload, WORK .. "pid", 30))
    end, { helpers = 1 })
  end)

  it("are not touched by a caller who gives up while it waits for its turn", function()
    run(function(lastcall)
      local pid = lastcall.offload(WORK .. "pid")
      local busy = lastcall.go(lastcall.offload, WORK .. "pid", 0.15)
      lastcall.sleep(0)
      local ctx = lastcall.context.with_timeout(nil, 0.02)
      failure("timeout", ctx:call(lastcall.offload, WORK .. "pid"))
      assert.equal(pid, (busy:wait()))
      assert.equal(pid, lastcall.offload(WORK .. "pid"))
    end, { helpers = 1 })
  end)

  it("that die make their own call fail, and no other: by exit, by a signal, with an orphan", function()
    run(function(lastcall)
      local other = lastcall.go(lastcall.offload, WORK .. "pid", 0.15)
      local _, code, message = lastcall.offload(WORK .. "exit", 3)
      assert.equal("helper died", code)
      assert.matches("offload spec.support.offload_work.exit: its helper, process %d+, exited with status 3", message)
      _, code, message = lastcall.offload(WORK .. "orphan")
      assert.same({ "helper died", true }, { code, message:find("status 7", 1, true) ~= nil })
      local task, pid = begin_long(lastcall, lastcall.context.background())
      os.execute("kill -9 " .. pid)
      _, code, message = task:wait()
      assert.same({ "helper died", true }, { code, message:find("signal 9 (KILL)", 1, true) ~= nil })
      local idle = lastcall.offload(WORK .. "pid")
      os.execute("kill -9 " .. idle)
      await(lastcall, function() return not is_alive(idle) end)
      lastcall.sleep(0.05)
      assert.not_equal(idle, lastcall.offload(WORK .. "pid"))
      assert.equal("integer", math.type(other:wait()))
    end, { helpers = 2 })
  end)

  it("are killed at random in a storm: each call gets its answer, or is told", function()
    run(function(lastcall)
      local answered, died, group = 0, 0, lastcall.group()
      for i = 1, 60 do
        group:go(function()
          local pid, code = lastcall.offload(WORK .. "pid", "0.01")
          if not pid then assert(code == "helper died", code) died = died + 1 return end
          answered = answered + 1
          if i % 5 == 0 then os.execute("kill -9 " .. pid .. " 2>/dev/null") end
        end)
      end
      assert(group:wait())
      assert.equal(60, answered + died)
      assert.is_true(answered >= 30, answered)
    end, { helpers = 4 })
  end)

  it("end when they have been idle, and with the run", function()
    local first, last
    run(function(lastcall)
      first = lastcall.offload(WORK .. "pid")
      await(lastcall, function() return not is_alive(first) end)
      last = lastcall.offload(WORK .. "pid")
      assert.not_equal(first, last)
    end, { helpers = 1, idle = 0.02 })
    run(function(lastcall) last = lastcall.offload(WORK .. "pid") end)
    assert.is_false(is_alive(last))
  end)
end)

describe("a drain in the midst of offloaded work", function()
  local function serve(lastcall, call)
    local server = assert(lastcall.listen "127.0.0.1:0")
    lastcall.spawn(function()
      server:serve(function(conn)
        conn:read()
        conn:write(tostring(call()), "\n")
      end)
    end)
    return helper.ask(server:addresses()[1], "go")
  end

  it("waits for it: the client gets its answer", function()
    local answer
    local report = run(function(lastcall)
      local there = serve(lastcall, function()
        return lastcall.offload(WORK .. "echo", lastcall.offload(WORK .. "pid", 0.2))
      end)
      lastcall.sleep(0.1)
      lastcall.shutdown()
      answer = there:read()
      there:close()
    end)
    assert.matches("^%d+", answer)
    helper.assert_clean(report)
  end)

  it("that takes too long cuts it, names the call, and leaves no helper", function()
    local path = helper.socket_path()
    local report = helper.task(function(lastcall)
      local there = serve(lastcall, function() return lastcall.offload(WORK .. "long", path) end)
      await(lastcall, function() return io.open(path) end)
      lastcall.shutdown()
      there:read()
      there:close()
    end, { drain = 0.5 })
    assert.is_false(is_alive(read_number(path)))
    assert.matches("offload spec.support.offload_work.long", tostring(report))
  end)
end)
