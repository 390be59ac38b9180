-- scripts/test: busy
local helper = require "spec.helper"
local lastcall = require "lastcall"
local core = require "lastcall.core"

-- Keeps the loop for so many seconds.
local function busy(seconds)
  local until_when = lastcall.now() + seconds
  while lastcall.now() < until_when do end
end

-- Runs `body` with the given options; the entries of the log that tell of a blocked loop.
local function blocked(body, options)
  local entries = {}
  options = options or {}
  options.log = function(level, event, fields)
    if event ~= "loop blocked" then return end
    fields.level = level
    entries[#entries + 1] = fields
  end
  helper.task(body, options)
  return entries
end

-- How often a thread of this process has gone to sleep by itself, all but the first added up.
local function wakes_of_other_threads()
  local sum, pid = 0, helper.pid()
  for id in io.popen("ls /proc/self/task /proc/" .. pid .. "/task"):read("a"):gmatch("%d+") do
    local file = tonumber(id) ~= pid and io.open(("/proc/%d/task/%s/status"):format(pid, id))
    if file then
      sum = sum + tonumber(file:read("a"):match("\nvoluntary_ctxt_switches:%s*(%d+)"))
      file:close()
    end
  end
  return sum
end

describe("the watchdog", function()
  it("logs a task that holds the loop longer than max_block, once, with its traceback", function()
    local entries = blocked(function()
      lastcall.go(function() busy(helper.seconds(0.4)) end):wait()
    end, { max_block = 0.1 })
    assert.equal(1, #entries)
    assert.equal("warning", entries[1].level)
    assert.is_true(entries[1].seconds >= 0.1 and entries[1].seconds < helper.seconds(0.8))
    assert.truthy(entries[1].traceback:find("watchdog_spec.lua:%d+: in upvalue 'busy'"), entries[1].traceback)
    assert.is_number(entries[1].task)
  end)

  it("names connection and peer of a handler, and shows the coroutines nested in it", function()
    local entries = blocked(function()
      local _, address = helper.serve(lastcall, function(conn)
        conn:read()
        coroutine.wrap(function()
          coroutine.wrap(function() busy(helper.seconds(0.4)) end)()
        end)()
        conn:write("done\n")
      end)
      local conn = assert(lastcall.connect(address))
      conn:write("go\n")
      assert.equal("done", conn:read())
      conn:close()
    end, { max_block = 0.1 })
    assert.equal(1, #entries)
    assert.truthy(entries[1].peer:find("^127%.0%.0%.1:%d+$"))
    assert.is_number(entries[1].connection)
    local _, resumed = entries[1].traceback:gsub("resumed by", "")
    assert.equal(2, resumed)
  end)

  it("logs to the server's own log, by the server's own bound", function()
    local mine
    local entries = blocked(function()
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        busy(helper.seconds(0.3))
      end, { max_block = 0.05, log = function(_, event, fields) if event == "loop blocked" then mine = fields end end })
      local conn = assert(lastcall.connect(address))
      conn:write("go\n")
      conn:read()
      conn:close()
      busy(0.1) -- ours is another
      server:wait_for("==", 0, 2)
    end, { max_block = 30 })
    assert.same({}, entries)
    assert.truthy(mine.traceback:find("watchdog_spec.lua", 1, true))
  end)

  it("tells of each resume by itself, of calls into C and of callbacks", function()
    local entries = blocked(function()
      lastcall.go(function()
        for _ = 1, 2 do
          busy(helper.seconds(0.3))
          lastcall.sleep(0)
        end
      end):wait()
      lastcall.go(function() os.execute("sleep " .. helper.seconds(0.3)) end):wait()
      local _, cancel = lastcall.context.with_cancel()
      local ctx = lastcall.context.with_cancel()
      ctx:on_done(function() busy(helper.seconds(0.3)) end)
      cancel()
    end, { max_block = 0.1 })
    assert.is_true(#entries >= 3, #entries)
    assert.truthy(entries[3].traceback:find("watchdog_spec.lua", 1, true), entries[3].traceback)
  end)

  it("says nothing of many short resumes, of waiting, nor with max_block = false", function()
    local function short_ones()
      for _ = 1, 200 do
        busy(0.002)
        lastcall.sleep(0)
      end
      lastcall.sleep(0.3)
    end
    assert.same({}, blocked(short_ones, { max_block = helper.seconds(0.2) }))
    assert.same({}, blocked(function() busy(0.4) end, { max_block = false }))
  end)

  describe("tells of a turn that is too long though none of its pieces is", function()
    local BOUND, PIECE = helper.seconds(0.5), helper.seconds(0.3)

    local function begins(fn) return ("at %%S*watchdog_spec%%.lua:%d"):format(debug.getinfo(fn, "S").linedefined) end

    it("a callback and a task, each with its place", function()
      local function callback() busy(PIECE) end
      local last
      local entries = blocked(function()
        local ctx, cancel = lastcall.context.with_cancel()
        ctx:on_done(callback)
        lastcall.go(function()
          cancel()
          busy(PIECE) -- the turn has no time left for the callback
          lastcall.sleep(0)
          busy(PIECE)
          last = debug.getinfo(1, "l").currentline + 1
          lastcall.sleep(0)
        end):wait()
      end, { max_block = BOUND })
      assert.equal(1, #entries)
      assert.equal("warning", entries[1].level)
      assert.is_true(entries[1].seconds >= BOUND)
      assert.is_nil(entries[1].traceback)
      assert.truthy(entries[1].parts:find(("task %%d%%.%%d+ s at %%S*watchdog_spec%%.lua:%d, task %%d+"):format(last)),
        entries[1].parts)
      assert.truthy(entries[1].parts:find("callback %d%.%d+ s " .. begins(callback)), entries[1].parts)
    end)

    it("on_state and a handler that has ended, which goes by its connection and its first line", function()
      local function handler(conn)
        conn:read()
        busy(PIECE)
        lastcall.sleep(0)
        busy(PIECE)
      end
      local function told(_, _, to) if to == "active" then busy(PIECE) end end
      local entries = blocked(function()
        local server, address = helper.serve(lastcall, handler)
        server:on_state(told)
        local conn = assert(lastcall.connect(address))
        conn:write("go\n")
        conn:read()
        conn:close()
      end, { max_block = BOUND })
      assert.equal(1, #entries)
      local named = ", task %d+ of connection %d+ from 127%.0%.0%.1:%d+"
      assert.truthy(entries[1].parts:find("task %d%.%d+ s " .. begins(handler) .. named), entries[1].parts)
      assert.truthy(entries[1].parts:find("callback %d%.%d+ s " .. begins(told)), entries[1].parts)
    end)

    it("many small ones that add up", function()
      local entries = blocked(function()
        local tasks = {}
        for i = 1, 200 do tasks[i] = lastcall.go(function() busy(0.0002) end) end
        for _, one in ipairs(tasks) do one:wait() end
      end, { max_block = 0.003 }) -- a turn has 5 ms
      local parts -- of the first turn that was long by its parts, not by one of them that another process held up
      for _, entry in ipairs(entries) do parts = parts or entry.parts end
      assert.truthy(parts and parts:find "tasks? %d%.%d+ s", parts)
    end)

    it("not of what has been told by itself, nor with max_block = false", function()
      local function both()
        lastcall.go(function() busy(PIECE) end):wait()
        lastcall.go(function() busy(helper.seconds(0.1)) end):wait()
      end
      local entries = blocked(both, { max_block = helper.seconds(0.2) })
      assert.equal(1, #entries)
      assert.is_string(entries[1].traceback)
      assert.same({}, blocked(both, { max_block = false }))
    end)

    it("ten times a second at most", function()
      local lines, more = 0, 0
      for _, entry in ipairs(blocked(function()
        for _ = 1, 40 do
          busy(0.003)
          lastcall.sleep(0)
          busy(0.003)
        end
      end, { max_block = 0.001 })) do
        if entry.more then more = more + entry.more else lines = lines + 1 end
      end
      assert.is_true(lines <= 10 * helper.seconds(3), lines)
      assert.is_true(more > 0)
    end)
  end)

  it("does not wake while the loop waits", function()
    helper.task(function()
      lastcall.sleep(0.3) -- what was busy before has been seen
      local before = wakes_of_other_threads()
      lastcall.sleep(1)
      local woken = wakes_of_other_threads() - before
      -- The turn that ends the sleep, and the one that began it, may each have cost two.
      assert.is_true(woken <= 4, ("%d times in one second"):format(woken))
    end)
  end)

  it("keeps a hook that was there", function()
    local count = 0
    helper.task(function()
      local co = coroutine.running()
      local function mine() count = count + 1 end
      debug.sethook(co, mine, "", 100000)
      busy(helper.seconds(0.4))
      lastcall.sleep(0)
      assert.equal(mine, (debug.gethook(co)))
      debug.sethook(co)
    end, { max_block = 0.1 })
    assert.is_true(count > 0)
  end)

  it("costs nothing that can be measured while nothing is late", function()
    -- Tasks that do a little and let the next one run: as many resumes as can be.
    local function resumes_per_second()
      local began, resumes = os.clock(), 0
      local function task()
        for _ = 1, 4000 do
          local x = 0
          for i = 1, 50 do x = x + i end
          resumes = resumes + 1
          coroutine.yield()
        end
      end
      local tasks = {}
      for i = 1, 10 do tasks[i] = lastcall.go(task) end
      for _, one in ipairs(tasks) do one:wait() end
      return resumes / (os.clock() - began)
    end
    local watched, control, unwatched = 0, 0, 0
    helper.task(function()
      for _ = 1, 6 do -- interleaved, the best of each: what disturbs one, disturbs all
        watched = math.max(watched, resumes_per_second())
        core.unwatch()
        unwatched = math.max(unwatched, resumes_per_second())
        control = math.max(control, resumes_per_second())
        core.watch {}
      end
    end)
    helper.figure("resumes with the watchdog: %.3f of those without; control: %.3f",
      watched / unwatched, control / unwatched)
    assert.is_true(watched / unwatched > 0.8)
  end)

  it("tells once, through the log, of a loop that is held for long", function()
    local told = 0
    local output = helper.run([[lua5.4 -e 'local l = require "lastcall"
      l.run(function() local t = l.now() while l.now() < t + 1.6 do end end,
        { signals = false, log = function(_, event) print("log", event) end })']], 10)
    for line in output:gmatch "[^\n]+" do
      told = told + 1
      assert.equal("log\tloop blocked", line)
    end
    assert.equal(1, told)
  end)

  it("tells once where the script has no log, of a call into C and of a handler with a log of its server's", function()
    local output = helper.run_script [[
      local lastcall = require "lastcall"
      lastcall.run(function() os.execute "sleep 1.6" end, { signals = false })
      lastcall.run(function()
        local server = assert(lastcall.listen("127.0.0.1:0",
          { log = function(_, event) print("own " .. event) end }))
        lastcall.spawn(server.serve, server, function(conn)
          conn:read()
          string.find(("a"):rep(24), ("a?"):rep(24) .. ("a"):rep(24))
          local began = lastcall.now()
          while lastcall.now() < began + 1.6 do end
        end)
        local client = assert(lastcall.connect(server:addresses()[1]))
        client:write "x\n"
        client:read()
        lastcall.shutdown()
      end, { signals = false, log = function(_, event) print("run's " .. event) end })
    ]]
    local plain, own = 0, 0
    for line in output:gmatch "[^\n]+" do
      if line:find("lastcall: warning: loop blocked", 1, true) then plain = plain + 1 end
      if line == "own loop blocked" then own = own + 1 end
      assert.is_nil(line:find("run's loop blocked", 1, true), output)
      assert.is_nil(line:find("held", 1, true), output)
    end
    assert.same({ 1, 1 }, { plain, own }, output)
  end)
end)
