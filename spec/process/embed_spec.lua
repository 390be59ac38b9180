local helper = require "spec.helper"

-- Talks to a server of its own in tasks of the process, then asks for the shutdown; `done` is set when all went well.
local function conversation(lastcall, state)
  local server = assert(lastcall.listen("127.0.0.1:0"))
  server:go(function()
    for conn in function() return (server:accept()) end do
      server:go(function()
        for line in conn:lines() do
          lastcall.sleep(0.01)
          conn:write(line:upper(), "\n")
        end
        conn:close()
      end)
    end
  end)
  lastcall.on_shutdown("note", function() state.hook = true end)
  lastcall.go(function()
    local conn = assert(lastcall.connect(server:addresses()[1]))
    conn:write("hello\n")
    state.answer = conn:read()
    conn:write("last\n")
    conn:flush()
    lastcall.sleep(0.005)
    lastcall.shutdown(5)
    state.last = conn:read()
    conn:close()
  end)
end

local function check(lastcall, state)
  assert.equal("HELLO", state.answer)
  assert.equal("LAST", state.last)
  assert.is_true(state.hook)
  local report = lastcall.report()
  assert.is_true(report.ok)
  assert.equal("note", report.hooks[1].name)
  assert.equal("serving", require "lastcall.core".ladder())
end

-- True once the shutdown that `conversation` asked for has ended.
local function is_over(lastcall, state)
  return state.hook and lastcall.report() ~= state.before
end

describe("inside another loop", function()
  local lastcall = require "lastcall"

  it("a program that steps has everything but its own waits", function()
    local state = { before = lastcall.report() }
    local before, first = helper.descriptors()
    conversation(lastcall, state)
    local deadline = lastcall.now() + helper.seconds(10)
    while not is_over(lastcall, state) and lastcall.now() < deadline do assert(lastcall.step(0.1)) end
    check(lastcall, state)
    local after, listing = helper.descriptors()
    assert.equal(before, after, first .. listing)
    assert.error_matches(function() lastcall.sleep(1) end, "only a task can wait")
    assert.error_matches(function() lastcall.step("x") end, "seconds")
  end)

  it("timeout tells when the next step is due, and step inside a step raises", function()
    assert.equal(nil, lastcall.timeout())
    local fine, problem
    local task = lastcall.go(function()
      fine, problem = pcall(lastcall.step)
      lastcall.sleep(0.05)
    end)
    lastcall.step()
    assert.is_false(fine)
    assert.matches("turning already", problem)
    assert.is_true(lastcall.timeout() <= 0.05)
    while task:status() ~= "finished" do lastcall.step(1) end
    assert.equal(nil, lastcall.timeout())
  end)

  it("cqueues turns it by its own convention, with self", function()
    local found, cqueues = pcall(require, "cqueues")
    if not found then return pending("lua-cqueues is not installed") end
    local state = { before = lastcall.report() }
    conversation(lastcall, state)
    local queue, ticks = cqueues.new(), 0
    queue:wrap(function()
      while not is_over(lastcall, state) do
        cqueues.poll(lastcall)
        lastcall:step()
      end
    end)
    queue:wrap(function()
      while not is_over(lastcall, state) do
        cqueues.sleep(0.005)
        ticks = ticks + 1
      end
    end)
    assert(queue:loop(helper.seconds(10)))
    check(lastcall, state)
    assert.is_true(ticks > 0)
  end)

  it("luv turns it", function()
    local found, uv = pcall(require, "luv")
    if not found then return pending("lua-luv is not installed") end
    local state = { before = lastcall.report() }
    conversation(lastcall, state)
    local poll, timer, turn = uv.new_poll(lastcall.pollfd()), uv.new_timer(), nil
    local function arm()
      local seconds = lastcall.timeout()
      if is_over(lastcall, state) then
        poll:close()
        timer:close()
      elseif seconds then
        timer:start(math.ceil(seconds * 1000), 0, turn)
      else
        timer:stop()
      end
    end
    function turn()
      lastcall.step()
      arm()
    end
    poll:start("r", turn)
    arm()
    uv.run()
    check(lastcall, state)
  end)

  it("what it has goes on in a run that takes over: servers, functions, a shutdown", function()
    local server = assert(lastcall.listen("127.0.0.1:0"))
    local ran
    lastcall.on_shutdown("early", function() ran = true end)
    lastcall.step()
    lastcall.shutdown()
    local report = lastcall.run(function() end, { signals = false })
    assert.is_true(report.ok)
    assert.is_true(ran)
    assert.equal(1, #report.stop)
    assert.equal("done", server:step())
  end)

  it("and the other way: a task waits for a cqueues object", function()
    local found, cqueues = pcall(require, "cqueues")
    if not found then return pending("lua-cqueues is not installed") end
    helper.task(function(run)
      local queue, woken = cqueues.new(), nil
      queue:wrap(function()
        cqueues.sleep(0.05)
        woken = true
      end)
      while not queue:empty() do
        assert(run.poll(queue, nil, helper.seconds(5)))
        assert(queue:step(0))
      end
      assert.is_true(woken)
    end)
    collectgarbage()
  end)
end)
