--- scripts/test: early
local faults = require "spec_faults" -- before lastcall, whose loop in this state runs on it
local frames = require "spec_frames"
local helper = require "spec.helper"
local lastcall = require "lastcall"
local core = require "lastcall.core"

local new_server = core.new_server

--- Servers of the specs below speak in frames: no option says so yet.
local function framed(options)
  options.protocol = frames.protocol
  return new_server(options)
end

local function say(conn, kind, words) helper.send(conn, string.pack(">s4", kind .. (words or ""))) end

--- The next message of the connection: its kind and its words; or nil and a code.
local function hear(conn)
  local head, code = conn:read(4)
  if not head then return nil, code end
  local message = assert(conn:read((string.unpack(">I4", head))))
  return message:sub(1, 1), message:sub(2)
end

local function answer(conn)
  local _, words = hear(conn)
  conn:write(string.pack(">s4", "a" .. words))
end

local function ask(conn, words)
  say(conn, "c", words)
  local kind, echoed = hear(conn)
  assert.equal("a", kind)
  assert.equal(words, echoed)
end

local function all_idle(server, count)
  while server:stats().idle < count do lastcall.sleep(0.001) end
end

--- A client that is parked after one exchange.
local function parked(address, words)
  local conn = assert(lastcall.connect(address))
  ask(conn, words or "hello")
  return conn
end

--- How many tasks there are, without lastcall's own: one of these tells of a turn that took long on a busy machine.
local function tasks()
  local ids, count = {}, 0
  for _, task in ipairs(core.tasks(0, 100)) do ids[task.id] = true end
  for _, task in ipairs(core.describe_tasks(ids)) do count = count + (task.ours and 0 or 1) end
  return count
end

--- The object of a busy connection stays for a second.
local function within_two_seconds(is_so)
  local deadline = lastcall.now() + helper.seconds(2)
  while not is_so() do
    assert(lastcall.now() < deadline, "the objects stay")
    lastcall.sleep(0.02)
  end
end

local function memory()
  collectgarbage()
  collectgarbage()
  return collectgarbage "count" * 1024
end

describe("a connection whose protocol knows its units", function()
  before_each(function() core.new_server = framed end)
  after_each(function()
    core.new_server = new_server
    assert.equal(frames.begun(), frames.ended())
  end)

  it("has no task between two, a new one for each, and a second later no object", function()
    helper.task(function()
      local seen, handlers = setmetatable({}, { __mode = "k" }), 0
      local server, address = helper.serve(lastcall, function(conn)
        seen[conn] = true
        handlers = handlers + 1
        answer(conn)
      end)
      local before = tasks()
      local conn = parked(address)
      for i = 2, 5 do
        all_idle(server, 1)
        assert.equal(before, tasks())
        ask(conn, "again")
        assert.equal(i, handlers)
      end
      within_two_seconds(function()
        memory()
        return not next(seen)
      end)
      ask(conn, "once more")
      conn:close()
    end)
  end)

  it("hands over pipelined messages one at a time, and one in pieces when it is whole", function()
    helper.task(function()
      local now, most, words = 0, 0, {}
      local _, address = helper.serve(lastcall, function(conn)
        now = now + 1
        most = math.max(most, now)
        lastcall.sleep(0.001)
        words[#words + 1] = select(2, hear(conn))
        conn:write(string.pack(">s4", "a"))
        now = now - 1
      end)
      local conn = assert(lastcall.connect(address))
      local text = ""
      for _, word in ipairs { "one", "two", "three" } do text = text .. string.pack(">s4", "c" .. word) end
      helper.send(conn, text, text:sub(1, 6))
      for _ = 1, 3 do assert.equal("a", (hear(conn))) end
      helper.send(conn, text:sub(7, 8))
      assert.equal("a", (hear(conn)))
      assert.equal("one two three one", table.concat(words, " "))
      assert.equal(1, most)
      conn:close()
    end)
  end)

  it("costs next to nothing between two, by the thousand; a drain closes them all at once", function()
    local many = 1000
    local report, text
    helper.task(function()
      local server, address = helper.serve(lastcall, answer, { drain = { timeout = 30, quiet = 20 }, linger = 20 })
      local clients = {}
      local before = tasks()
      for i = 1, many do clients[i] = assert(lastcall.connect(address)) end
      while server:stats().connections < many do lastcall.sleep(0.001) end
      local unstarted = memory()
      for _, conn in ipairs(clients) do ask(conn, "hello") end
      all_idle(server, many)
      assert.equal(before, tasks())
      local each
      within_two_seconds(function()
        each = (memory() - unstarted) / many
        return each < 64 or helper.is_slow
      end)
      helper.figure("%d parked connections: %.0f bytes of Lua's memory more each than before their first message", many,
        each)
      text = lastcall.dump()
      server:shutdown()
      for _, conn in ipairs(clients) do assert.equal("g", (hear(conn))) end
      for _, conn in ipairs(clients) do say(conn, "g") end
      for _, conn in ipairs(clients) do
        assert.equal("eof", select(2, hear(conn)))
        conn:close()
      end
      report = server:wait()
    end, { raise_descriptors = true })
    assert.is_truthy(text:find(("%d idle"):format(many), 1, true), text:sub(1, 200))
    assert.is_truthy(text:find("\n  connection %d+ from 127%.0%.0%.1:%d+, idle,"), text:sub(1, 500))
    assert.equal(many, report.closed_idle)
    assert.equal(0, report.finished + report.canceled + report.killed)
    helper.assert_clean(report)
  end)

  it("has a message that is half-way there finished and answered by a drain", function()
    local report
    helper.task(function()
      local server, address = helper.serve(lastcall, answer, { drain = { timeout = 20, quiet = 0 } })
      local conn = parked(address, "first")
      all_idle(server, 1)
      local text = string.pack(">s4", "cthe rest comes later")
      helper.send(conn, text:sub(1, 7))
      while server:stats().idle > 0 do lastcall.sleep(0.001) end
      server:shutdown()
      while server:step() ~= "drain" do lastcall.sleep(0.001) end
      helper.send(conn, text:sub(8))
      local kind, words = hear(conn)
      assert.equal("athe rest comes later", kind .. words)
      assert.equal("g", (hear(conn)))
      say(conn, "g")
      assert.equal("eof", select(2, hear(conn)))
      conn:close()
      report = server:wait()
    end)
    helper.assert_clean(report)
    assert.equal(1, report.closed_idle)
  end)

  it("ends when its handler fails, and goes on with the next connection", function()
    helper.task(function()
      local errors = {}
      local _, address = helper.serve(lastcall, function(conn)
        local _, words = hear(conn)
        if words == "fail" then error "on purpose" end
        conn:write(string.pack(">s4", "a" .. words))
      end, { on_error = function(err) errors[#errors + 1] = err end })
      local conn = parked(address)
      say(conn, "c", "fail")
      assert.equal("eof", select(2, hear(conn)))
      assert.equal(1, #errors)
      conn:close()
      parked(address):close()
    end)
  end)

  it("keeps what is kept with it, and has a context for each unit", function()
    helper.task(function()
      local contexts = {}
      local server, address = helper.serve(lastcall, function(conn, ctx)
        conn.data.count = (conn.data.count or 0) + 1
        contexts[conn.data.count] = ctx
        assert.is_nil((ctx:err()))
        answer(conn)
      end)
      local conn = parked(address)
      for i = 2, 3 do
        all_idle(server, 1)
        memory()
        assert.is_truthy(contexts[i - 1]:err())
        ask(conn, "again")
      end
      assert.equal(3, #contexts)
      conn:close()
    end)
  end)

  it("may have tasks that outlive their unit, and is parked all the same", function()
    helper.task(function()
      local release = lastcall.channel()
      local server, address = helper.serve(lastcall, function(conn)
        lastcall.spawn(function() release:receive() end)
        answer(conn)
      end)
      local before = tasks()
      local conn = parked(address)
      all_idle(server, 1)
      assert.equal(before + 1, tasks())
      ask(conn, "meanwhile")
      all_idle(server, 1)
      release:close()
      while tasks() > before do lastcall.sleep(0.001) end
      ask(conn, "afterwards")
      conn:close()
    end)
  end)

  it("may be spoken to by on_drain, and says its protocol's goodbye afterwards", function()
    local report
    helper.task(function()
      local server, address = helper.serve(lastcall, answer, {
        on_drain = function(conn) conn:write(string.pack(">s4", "agoing down")) end,
      })
      local conn = parked(address)
      all_idle(server, 1)
      server:shutdown()
      assert.same({ "a", "going down" }, { hear(conn) })
      assert.equal("g", (hear(conn)))
      say(conn, "g")
      assert.equal("eof", select(2, hear(conn)))
      conn:close()
      report = server:wait()
    end)
    helper.assert_clean(report)
    assert.equal(1, report.closed_idle)
  end)

  it("is closed at cancel when its peer does not say goodbye", function()
    local report
    helper.task(function()
      local server, address = helper.serve(lastcall, answer, { linger = 60, drain = { timeout = 1 } })
      local conn = parked(address)
      all_idle(server, 1)
      server:shutdown()
      assert.equal("g", (hear(conn)))
      assert.equal("eof", select(2, hear(conn)))
      conn:close()
      report = server:wait()
    end)
    assert.equal(0, report.killed)
  end)

  it("leaves nothing where memory for a unit is refused", function()
    local script = ([[
      local faults = require "spec_faults"
      local lastcall = require "lastcall"
      local core, frames = require "lastcall.core", require "spec_frames"
      local new_server = core.new_server
      core.new_server = function(options)
        options.protocol = frames.protocol
        return new_server(options)
      end
      faults.speed(%d)
      lastcall.run(function()
        local server = assert(lastcall.listen("127.0.0.1:0", { linger = 0.5 }))
        lastcall.spawn(function()
          server:serve(function(conn, ctx)
            conn.data.seen = ctx
            conn:write(string.pack(">s4", "a" .. conn:read(6):sub(6)))
          end)
        end)
        local conn = assert(lastcall.connect(server:addresses()[1]))
        faults.arm()
        pcall(function()
          for _ = 1, 2 do
            conn:write "\0\0\0\2cx"
            conn:read(6)
          end
        end)
        lastcall.shutdown()
      end, { signals = false, drain = 2, log = function() end, on_error = function() end, exit_when_stuck = false })
    ]]):format(math.max(1, math.floor(200 / helper.seconds(1))))
    local all = faults.run(script)
    assert.is_true(all.ok, all.message)
    for n = 1, all.allocations do
      local result = faults.run(script, { n, 2 })
      assert.equal(0, result.open, ("allocation %d: descriptors left: %s"):format(n, result.message))
      assert.equal(0, result.strange)
    end
    helper.figure("%d allocations refused in turn", all.allocations)
  end)
end)
