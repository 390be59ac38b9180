-- scripts/test: early
local helper = require "spec.helper"
local supervised = require "spec.support.supervised"

local SHORT = helper.seconds(2) -- for a worker to be ready: other processes may have the processors

-- %s: the address
local SOUND = [[
local lastcall = require "lastcall"
lastcall.run(function()
  assert(lastcall.listen "%s"):serve(function(conn)
    for _ in conn:lines() do conn:write("generation ", lastcall.worker().generation, "\n") end
  end)
end, { log = function() end })
]]

local TIMER = [[
local lastcall = require "lastcall"
lastcall.run(function()
  lastcall.spawn(function() lastcall.sleep(0.3) io.stderr:write "the timer went off\n" os.exit(3) end)
  assert(lastcall.listen "%s"):serve(function() end)
end, { log = function() end })
]]

local NEVER_READY = [[
local lastcall = require "lastcall"
lastcall.set_ready(false)
]] .. SOUND

local OPENS_AND_WAITS = [[
local lastcall = require "lastcall"
lastcall.run(function()
  local server = assert(lastcall.listen "%s")
  lastcall.sleep(60)
  server:close()
end, { log = function() end })
]]

--- Puts `bad` in the place of a sound script, and reloads in vain: the old workers serve on. Then a reload of the sound
-- script succeeds. Returns the reason.
local function reload_with(bad, options)
  local address, reason = supervised.address(), nil
  local sound = SOUND:format(address)
  local path = supervised.script(sound)
  local given = { script = path }
  for name, value in pairs(options or {}) do given[name] = value end
  supervised.run(given, function(lastcall, service)
    supervised.replace(path, bad:format(address))
    local fine
    local answers = {}
    local asking = lastcall.go(function() -- the bad build never gets a client
      while reason == nil do
        answers[supervised.ask(lastcall, address, "hello") or "none"] = true
        lastcall.sleep(0.02)
      end
    end)
    fine, reason = service:reload()
    asking:wait()
    assert.same({ ["generation 1"] = true }, answers)
    assert.is_nil(fine)
    for _ = 1, 4 do assert.equal("generation 1", supervised.ask(lastcall, address, "hello")) end
    supervised.wait_until(lastcall, function() return #service:status() == 2 end)
    supervised.replace(path, sound)
    assert.same({ true }, { service:reload() })
    assert.equal("generation 3", supervised.ask(lastcall, address, "hello"))
  end)
  return reason
end

local function assert_says(reason, ...)
  for _, words in ipairs { ... } do assert.is_truthy(reason:find(words, 1, true), reason) end
end

describe("a build that is no good", function()
  it("because it does not parse: the old workers serve on", function()
    assert_says(reload_with "local = 1 -- %s", "worker", "has ended with status 1 before it was ready", "expected near")
  end)

  it("because it dies at its start", function()
    assert_says(reload_with "io.stderr:write 'no database' os.exit(7) -- %s", "with status 7", "no database")
    assert_says(reload_with "os.execute 'kill -KILL $PPID' -- %s", "by signal KILL before it was ready")
  end)

  it("because it hangs, before it listens or after", function()
    local short = { start_timeout = SHORT }
    local said = ("is not ready after %g s"):format(SHORT)
    assert_says(reload_with("io.stderr:write 'loading' while true do end -- %s", short), said, "loading")
    assert_says(reload_with(OPENS_AND_WAITS, short), said)
  end)

  it("because it says that it is not ready", function()
    assert_says(reload_with(NEVER_READY, { start_timeout = SHORT }), ("is not ready after %g s"):format(SHORT))
  end)

  it("because it ends soon after it was ready", function()
    assert_says(reload_with(TIMER, { probation = helper.seconds(1.5) }), "with status 3", "after it was ready",
      "the timer went off")
  end)

  it("because the operator's check says so", function()
    local function check(_, connect)
      local conn = assert(connect())
      conn:write "hello\n"
      local answer = conn:read()
      conn:close(0)
      return answer ~= "generation 2", "it answers " .. answer
    end
    assert_says(reload_with(SOUND, { check = check }), "the check failed: it answers generation 2")
    local function failing(generation) if generation == 2 then error("boom", 0) end return true end
    assert_says(reload_with(SOUND, { check = failing }), "the check failed: boom")
  end)

  it("because it answers 500 to the check, or nothing, or closes", function()
    local answers = [[
      local lastcall = require "lastcall"
      lastcall.run(function()
        assert(lastcall.listen "%s"):serve(function(conn)
          local line = conn:read()
          if line == "hello" then return conn:write("generation ", lastcall.worker().generation, "\n") end
          repeat line = conn:read() until not line or line:find "^\r?$"
          STATUS
        end)
      end, { log = function() end })
    ]]
    local address = supervised.address()
    local function with(status) return (answers:format(address):gsub("STATUS", status)) end
    local path = supervised.script(with [[conn:write "HTTP/1.1 204 No Content\r\n\r\n"]])
    supervised.run({ script = path, check = "/health" }, function(lastcall, service)
      for status, said in pairs {
        [ [[conn:write "HTTP/1.1 500 Internal Server Error\r\n\r\n"]] ] = "answers /health with 500",
        [ [[conn:write "what?\n"]] ] = "answers /health with what?", [ "" ] = "answers /health with",
      } do
        supervised.replace(path, with(status))
        local fine, reason = service:reload()
        assert.is_nil(fine)
        assert_says(reason, "the check failed: worker", said)
        assert.equal("generation 1", supervised.ask(lastcall, address, "hello"))
      end
    end)
  end)

  it("ends a service whose first build it is", function()
    local path = supervised.script "io.stderr:write 'no such luck' os.exit(1)"
    local fine, problem = pcall(supervised.run, { script = path }, function() end)
    assert.is_false(fine)
    -- Either may be the first.
    local said = "failed: worker %d has ended with status 1 before it was ready: no such luck"
    assert.is_truthy(problem:find(said), problem)
    fine, problem = pcall(supervised.run, { script = path, command = { "/nonexistent/lua" } }, function() end)
    assert.is_false(fine)
    assert_says(problem, "cannot be started", "no such file")
  end)
end)
