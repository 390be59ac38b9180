-- scripts/test: fast clock
local helper = require "spec.helper"
local lastcall = require "lastcall"

local echo, ask = helper.echo, helper.ask

local COUNTS = {
  "accepted_while_stopping", "finished", "closed_idle", "canceled", "killed", "reset_by_us",
  "reset_by_peer", "undelivered_bytes", "failed_flushes", "detached", "tasks_left",
}

describe("the report", function()
  it("has every field, also when there was nothing to do", function()
    local report = lastcall.run(function() end, { signals = false })
    assert.is_true(report.ok)
    helper.assert_clean(report)
    assert.is_true(report.elapsed >= 0)
    for _, name in ipairs(COUNTS) do assert.equal(0, report[name], name) end
    for _, name in ipairs { "steps", "stop", "hooks", "stragglers" } do
      assert.equal("table", type(report[name]), name)
    end
    assert.is_truthy(tostring(report):find "^shutdown ok in %d+%.%d+ s, clean")
    assert.equal(report, lastcall.report())
  end)

  it("has the time of each step that was taken, in order", function()
    local report = helper.task(function()
      helper.serve(lastcall, echo)
      lastcall.on_shutdown("hook", function() end)
    end)
    local last = 0
    for _, step in ipairs { "unready", "stop", "drain", "hooks", "done" } do
      assert.is_true(report.steps[step] >= last, step)
      last = report.steps[step]
    end
    assert.is_nil(report.steps.cancel)
    assert.is_nil(report.steps.kill)
    assert.is_true(report.elapsed >= last)
  end)

  it("counts who finished, who was idle, and who came while it stopped", function()
    local report = helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        for line in conn:lines() do
          if line == "slow" then lastcall.sleep(0.3) end
          conn:write(line, "\n")
          if line == "slow" then return end
        end
      end)
      local idle, slow = ask(address, "x"), ask(address, "slow")
      assert.equal("x", idle:read())
      server:suspend()
      local late = ask(address, "slow")
      server:shutdown()
      assert.equal("slow", late:read())
      assert.equal("slow", slow:read())
      for _, conn in ipairs { idle, slow, late } do conn:close() end
      server:wait()
    end)
    assert.equal(2, report.finished)
    assert.equal(1, report.closed_idle)
    assert.equal(1, report.accepted_while_stopping)
    helper.assert_clean(report)
    local text = tostring(report)
    assert.is_truthy(text:find("2 connections finished, 1 closed idle, 1 accepted while stopping", 1, true), text)
  end)

  it("counts resets by peers, which are nobody's fault here", function()
    local report = helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        conn:read()
      end)
      local conn = ask(address, "x")
      helper.at_work(server)
      server:shutdown()
      lastcall.sleep(0.05)
      conn:abort()
      server:wait()
    end)
    assert.equal(1, report.reset_by_peer)
    assert.equal(0, report.reset_by_us)
    assert.is_true(report.ok)
  end)

  it("is ok but not clean when somebody was canceled, and tells who and where", function()
    local report = helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        lastcall.sleep(60) -- the line that the report is to name
      end)
      local conn = ask(address, "x")
      lastcall.sleep(0.1)
      server:shutdown(0.5)
      conn:close()
      server:wait()
    end)
    assert.is_true(report.ok)
    assert.is_false(report.clean)
    assert.equal(1, report.canceled)
    local one = report.stragglers[1]
    assert.equal(1, #report.stragglers)
    assert.equal("canceled", one.fate)
    assert.equal("active", one.state)
    assert.is_truthy(one.peer:find "^127%.0%.0%.1:%d+$")
    assert.is_true(one.id > 0)
    assert.is_true(one.age >= 0.4)
    assert.is_true(one.quiet >= 0.3)
    assert.equal(0, one.unsent)
    assert.equal(0, one.unacked)
    assert.is_truthy(one.traceback:find "report_spec.lua:%d+")
    assert.equal("sleep", one.waits_for)
    local text = tostring(report)
    assert.is_truthy(text:find("shutdown ok in", 1, true))
    assert.is_nil(text:find("clean", 1, true))
    assert.is_truthy(text:find("held in sleep at spec/server/report_spec.lua:%d+"), text)
  end)

  it("tells of each straggler the line that waits, the outermost line, and how long it has waited", function()
    local from, channel = {}, lastcall.channel()
    local function note(what) from[what] = debug.getinfo(2, "l").currentline + 1 end -- the line after this call's
    local function sleep() return (lastcall.sleep(60)) end -- no tail call, which would leave no line
    local function send() return (channel:send(1)) end
    local report = helper.task(function()
      local _, address = helper.serve(lastcall, function(conn)
        conn:read()
        note "sleep"
        sleep()
      end)
      lastcall.spawn(function()
        local generator = coroutine.wrap(function() send() end)
        note "channel:send"
        generator()
      end)
      local conn = ask(address, "x")
      lastcall.sleep(0.3)
      lastcall.shutdown(0.5)
      conn:read()
      conn:close()
    end)
    local text, count = tostring(report), 0
    for what, outermost in pairs(from) do
      local line = text:match(("[^\n]*held in %s at spec/server/report_spec.lua:[^\n]*"):format(what))
      assert.is_truthy(line, text)
      assert.equal(outermost, tonumber(line:match ", called from spec/server/report_spec.lua:(%d+), "), line)
      assert.is_true(tonumber(line:match ", waiting for (%d+%.%d) s$") >= 0.3, line)
      count = count + 1
    end
    assert.equal(2, count)
    for _, one in ipairs(report.stragglers) do assert.is_true(one.waited >= 0.25) end
  end)

  it("tells no outermost line where it is the line that waits", function()
    local report = helper.task(function()
      lastcall.spawn(function() lastcall.sleep(60) end)
      lastcall.sleep(0.1)
      lastcall.shutdown(0.5)
    end)
    local text = tostring(report)
    local asleep = text:match "[^\n]*held in sleep at [^\n]*"
    assert.is_truthy(asleep and asleep:find(", waiting for %d+%.%d s$"), text)
    assert.is_nil(asleep:find("called from", 1, true))
  end)

  it("is not ok when somebody was killed, and lists them once, oldest first", function()
    local report = helper.task(function()
      local _, address = helper.serve(lastcall, function(conn)
        conn:read()
        while true do lastcall.sleep(60) end
      end)
      local first = ask(address, "x")
      lastcall.sleep(0.15)
      local second = ask(address, "x")
      lastcall.sleep(0.05)
      lastcall.shutdown()
      assert.is_nil((first:read()))
      second:close()
    end, { drain = 0.5 })
    assert.is_false(report.ok)
    assert.is_false(report.clean)
    assert.equal(2, report.killed)
    assert.equal(2, #report.stragglers)
    assert.is_true(report.stragglers[1].age > report.stragglers[2].age)
    for _, one in ipairs(report.stragglers) do assert.equal("killed", one.fate) end
    assert.is_truthy(tostring(report):find("^shutdown NOT ok"))
  end)

  it("counts bytes that could not be delivered", function()
    local report = helper.task(function()
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        conn:write(("x"):rep(16 * 1024 * 1024))
      end)
      local conn = ask(address, "x") -- and never reads
      lastcall.sleep(0.1)
      server:shutdown(0.6)
      local mine = server:wait()
      assert.is_true(mine.undelivered_bytes > 0)
      assert.equal(1, #mine.stragglers)
      assert.is_true(mine.stragglers[1].unsent + mine.stragglers[1].unacked > 0)
      assert.is_truthy(tostring(mine):find("undelivered", 1, true))
      conn:abort()
    end)
    assert.is_false(report.clean)
  end)

  describe("names each connection with undelivered bytes", function()
    -- A server whose handler sends `size` bytes to each of two clients that never read; at the drain, `deed` is done
    -- to both.
    local function stopped_with(size, deed, options)
      return helper.task(function()
        local said, clients = 0, {}
        local server = assert(lastcall.listen(options.at or "127.0.0.1:0",
          { linger = 0.1, write_timeout = 0.1, max_queue = size }))
        lastcall.spawn(server.serve, server, function(conn)
          conn:read()
          conn:setsockopt("sndbuf", 200000)
          assert(conn[options.by or "write"](conn, ("x"):rep(size)))
          said = said + 1
          conn:await()
        end)
        for i = 1, 2 do
          clients[i] = assert(lastcall.connect(server:addresses()[1]))
          clients[i]:setsockopt("rcvbuf", 4096)
          helper.send(clients[i], "go\n")
        end
        while said < 2 do lastcall.sleep(0.01) end
        server:shutdown(helper.seconds(3))
        while server:step() ~= "drain" do lastcall.sleep(0) end
        if deed then deed(clients) end
        local mine = server:wait()
        assert.equal(2, mine.failed_flushes)
        assert.is_false(mine.clean)
        assert.equal(2, #mine.stragglers)
        for _, one in ipairs(mine.stragglers) do
          assert.equal("undelivered", one.fate)
          assert.equal(options.cause, one.cause)
          assert.is_string(one.peer)
          assert.matches(("connection %d from .*, undelivered after .* %%(%s%%)"):format(one.id, one.cause),
            tostring(mine))
        end
        options.bytes(mine)
        for _, conn in ipairs(clients) do conn:abort() end
      end)
    end

    local function known(mine)
      local sum = 0
      for _, one in ipairs(mine.stragglers) do
        assert.is_true(one.unacked > 0)
        sum = sum + one.unacked
      end
      assert.equal(sum, mine.undelivered_bytes)
    end

    it("whose linger was over", function()
      stopped_with(150000, nil, { cause = "timeout", bytes = known })
    end)

    it("that was only posted to", function()
      stopped_with(150000, nil, { by = "post", cause = "timeout", bytes = known })
    end)

    it("that its peer has reset", function()
      stopped_with(150000, function(clients)
        for _, conn in ipairs(clients) do conn:abort() end
      end, { cause = "reset", bytes = known })
    end)

    it("over a unix-domain socket, where their number is not known", function()
      stopped_with(10000, function(clients)
        for _, conn in ipairs(clients) do conn:abort() end
      end, { at = "unix:" .. helper.socket_path(), cause = "reset", bytes = function(mine)
        for _, one in ipairs(mine.stragglers) do assert.is_nil(one.unacked) end
      end })
    end)
  end)

  it("lists tasks of the server, and of the process, that would not end", function()
    local report = lastcall.run(function()
      local server = assert(lastcall.listen "127.0.0.1:0")
      lastcall.spawn(function() server:serve(echo) end)
      lastcall.sleep(0)
      server:go(function() while true do lastcall.sleep(60) end end)
      lastcall.spawn(function() while true do lastcall.sleep(60) end end)
      lastcall.shutdown()
    end, { signals = false, drain = { timeout = 0.6, quiet = 0.1 } })
    assert.is_false(report.ok)
    assert.equal(2, report.tasks_left)
    assert.equal(2, #report.stragglers)
    for _, one in ipairs(report.stragglers) do
      assert.is_true(one.task > 0)
      assert.is_truthy(one.traceback:find "report_spec.lua:%d+")
    end
    local text = tostring(report)
    assert.is_truthy(text:find("task %d+, killed after"), text)
  end)

  it("tells of a hundred tasks each where it was held, nested coroutines too", function()
    local seen = {}
    helper.task(function()
      local function first() while true do lastcall.sleep(60) end end
      local function second() while true do lastcall.sleep(60) end end
      local function nested() coroutine.wrap(first)() end
      local function run(fn) fn() end
      local server = assert(lastcall.listen "127.0.0.1:0")
      for i = 1, 100 do server:go(run, i % 10 == 0 and nested or i % 2 == 0 and first or second) end
      lastcall.sleep(0)
      server:shutdown(0.2)
      local lines = {}
      for name, fn in pairs { first = first, second = second } do
        lines[debug.getinfo(fn, "S").linedefined] = name
      end
      for _, one in ipairs(server:wait().stragglers) do
        local name = lines[tonumber(one.traceback:match "report_spec.lua:(%d+)")]
        if one.traceback:find("resumed by", 1, true) then name = "nested " .. name end
        seen[name] = (seen[name] or 0) + 1
      end
    end, { exit_when_stuck = false })
    assert.same({ first = 40, second = 50, ["nested first"] = 10 }, seen)
  end)

  it("counts detached connections, and waits for their tickets", function()
    local report = helper.task(function()
      local ticket, fd
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        local rest
        fd, rest, ticket = conn:detach {}
        assert(fd and rest == "")
      end)
      local conn = ask(address, "x")
      lastcall.sleep(0.1)
      server:shutdown()
      lastcall.sleep(0.3)
      assert.is_nil(server:report())
      ticket:done()
      local mine = server:wait()
      assert.equal(1, mine.detached)
      assert.is_true(mine.elapsed >= 0.25)
      conn:abort()
      local other = require "socket".tcp() -- closes what was handed over
      other:close()
      other:setfd(fd)
      other:close()
    end)
    assert.equal(1, report.detached)
  end)

  it("has the hooks: name, ok, error and elapsed, in the order they ran", function()
    local report = helper.task(function()
      lastcall.before_shutdown("ahead", function() end)
      lastcall.on_shutdown("first", function() error "it failed" end)
      lastcall.on_shutdown("second", function() lastcall.sleep(0.1) end)
    end)
    local names = {}
    for i, hook in ipairs(report.hooks) do names[i] = hook.name end
    assert.same({ "ahead", "second", "first" }, names)
    assert.is_true(report.hooks[2].ok)
    assert.is_true(report.hooks[2].elapsed >= 0.1)
    assert.is_false(report.hooks[3].ok)
    assert.is_truthy(tostring(report.hooks[3].error):find("it failed", 1, true))
    assert.is_false(report.ok)
    assert.is_truthy(tostring(report):find("hook first: failed in .*it failed"))
  end)

  it("is not clean when a listener could not be stopped without loss, and says so", function()
    local report = helper.task(function()
      local server = helper.serve(lastcall, echo)
      server:close()
      server:wait()
    end)
    assert.is_true(report.ok)
    assert.is_false(report.clean)
    assert.is_false(report.stop[1].lossless)
    local says = helper.stopping.here().unknown and "not known whether somebody was lost" or "not lossless"
    assert.is_truthy(tostring(report):find(says, 1, true), tostring(report))
  end)

  it("is of the server alone from server:wait, and of all from run", function()
    local one, two
    local report = helper.task(function()
      local first, address = helper.serve(lastcall, echo)
      local second = helper.serve(lastcall, echo)
      local conn = ask(address, "x")
      assert.equal("x", conn:read())
      first:shutdown()
      assert.is_nil(conn:read())
      conn:close()
      one = first:wait()
      second:shutdown()
      two = second:wait()
    end)
    assert.equal(1, one.closed_idle)
    assert.equal(0, two.closed_idle)
    assert.equal(1, #one.stop)
    assert.equal(1, report.closed_idle)
    assert.equal(2, #report.stop)
  end)
end)
