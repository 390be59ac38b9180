-- One worker of the new generation serves beside the old ones, before the others come.
local helper = require "spec.helper"
local supervised = require "spec.support.supervised"

local SECONDS = helper.seconds(1.5) -- that a canary serves
local LONG = helper.seconds(15)     -- where something else ends its wait

-- %s: the address. START is done before the script listens, REPLY for each line "hello", or for each request.
local LINES = [[
local lastcall = require "lastcall"
local mine = lastcall.worker()
local count = 0
lastcall.run(function()
  START
  assert(lastcall.listen "%s"):serve(function(conn)
    for _ in conn:lines() do
      count = count + 1
      REPLY
    end
  end)
end, { log = function() end, on_error = function(err)
  if not TOLD then io.stderr:write(tostring(err), "\n") end
  TOLD = true
end })
]]

local HTTP = [[
local http, lastcall = require "lastcall.http", require "lastcall"
local mine = lastcall.worker()
lastcall.run(function()
  START
  assert(lastcall.listen "%s"):serve(http.handler(function() REPLY end))
end, { log = function() end, on_error = function(err)
  if not TOLD then io.stderr:write(tostring(err), "\n") end
  TOLD = true
end })
]]

local SAY = 'conn:write("generation ", mine.generation, "\\n")'
local FAIL = 'error "no such table"'
local GET = "GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r"

local function build(server, address, reply, start)
  return (server:format(address):gsub("%u%u+", { REPLY = reply, START = start or "" }))
end

--- Asks one client after the other, until `is_over()`. Returns how often each answer came.
local function ask_until(lastcall, address, line, is_over)
  local answers = {}
  repeat
    local answer = supervised.ask(lastcall, address, line) or "none"
    answers[answer] = (answers[answer] or 0) + 1
    lastcall.sleep(0.002)
  until is_over()
  return answers
end

--- A trial: a service of `first` is reloaded with `reply`, while clients come. `act(lastcall, service, path, address)`
-- does something when the canary serves. Returns what has become of it.
local function try(lastcall, trial)
  local address, server = trial.address or supervised.address(), trial.server or LINES
  local path = supervised.script(trial.first_text or build(server, address, trial.first or SAY))
  local given = { script = path, workers = trial.workers or 2, way = trial.way, command = trial.command,
    canary = trial.canary or { seconds = trial.seconds or SECONDS, least = trial.least, tolerance = trial.tolerance } }
  local done = {}
  done.report = supervised.within(lastcall, given, function(_, service, log)
    local is_over, asking = false, nil
    done.before = service:status()
    supervised.replace(path, trial.text or build(server, address, trial.reply or SAY, trial.start))
    if not trial.is_idle then
      asking = lastcall.go(function()
        done.answers = ask_until(lastcall, address, trial.line or "hello", function() return is_over end)
      end)
    end
    local acting = lastcall.go(function()
      if not trial.act then return end
      local canary = supervised.wait_until(lastcall, function()
        for _, one in ipairs(service:status()) do
          if one.state == "canary" then return one end
        end
      end)
      trial.act(lastcall, service, canary, path, address)
    end)
    done.fine, done.text = service:reload(trial.asked)
    acting:wait()
    is_over = true
    if asking then asking:wait() end
    done.list, done.sums = service:status()
    done.log = log
  end)
  return done
end

--- Does all trials at the same time: each waits most of its time. Returns what has become of each, by its name.
local function try_all(trials)
  local done = {}
  local fine, problem = pcall(helper.task, function(lastcall)
    local group = lastcall.group()
    for name, trial in pairs(trials) do
      group:go(function() done[name] = try(lastcall, trial) end)
    end
    assert(group:wait())
  end)
  supervised.forget()
  if not fine then error(problem, 0) end
  return done
end

local function assert_kept(done)
  assert.is_true(done.fine, done.text)
  assert.is_truthy(done.text:find "^the canary is kept: in [%d.]+ s it served %d+, failed %d+", done.text)
  for _, one in ipairs(done.list) do
    assert.is_true(one.generation == 2 or one.state == "draining", one.state .. one.generation)
  end
end

--- The old workers are the same, and serve on.
local function assert_given_up(done, ...)
  assert.is_nil(done.fine)
  for _, words in ipairs { ... } do assert.is_truthy(done.text:find(words, 1, true), done.text) end
  local pids = {}
  for _, one in ipairs(done.list) do
    if one.generation == 1 then pids[one.pid] = one.state end
  end
  for _, one in ipairs(done.before) do assert.equal("ready", pids[one.pid], done.text) end
  assert.is_true(done.report.ok or done.may_fail, tostring(done.report))
end

--- The old workers are sound; `text` is the canary's, for a shell.
local function shell(text)
  local address = supervised.address()
  local old = supervised.script(build(LINES, address, SAY))
  return { first_text = "exec lua5.4 " .. old, text = text, command = { "sh" }, address = address }
end

local LIAR = [[
  echo ready >&3
  exec lua5.4 -e '
    local core = require "lastcall.core"
    while core.line_wait(3, 60) do
      local bytes = core.line_receive(3)
      if not bytes or bytes == "" or bytes:find "drain" then os.exit(0) end
      if bytes:find "facts" then
        core.line_send(3, "facts 1 -1 9 1e3x nan 0x7fffffffffffffffffff\nfacts\nfacts -inf 1e300\n")
      end
    end'
]]

local SILENT = [[echo ready >&3; while read -r word _ <&3; do [ "$word" = drain ] && exit 0; done]]

local function kill(signal)
  return function(_, _, canary) assert(os.execute(("kill -%s %d"):format(signal, canary.pid))) end
end

local second = supervised.address()
local OPENS_SECOND = ([[lastcall.spawn(function()
  lastcall.listen("%s"):serve(function(conn) conn:read() conn:write "second\n" end)
end)]]):format(second)

local function ask_second(lastcall, _, canary)
  assert.equal("second", supervised.ask(lastcall, second, "hello"))
  assert(os.execute("kill -TERM " .. canary.pid))
end

local function kill_old(lastcall, service)
  local victim = supervised.ready(service)[1]
  assert(os.execute("kill -KILL " .. victim.pid))
  supervised.wait_until(lastcall, function()
    local now = supervised.ready(service)
    return #now == 2 and now[1].pid ~= victim.pid and now[2].pid ~= victim.pid
  end)
end

local function replace_again(_, _, _, path, address) supervised.replace(path, build(LINES, address, SAY, "-- new")) end

local wishes = {}

local function wish_others(lastcall, service)
  local group = lastcall.group()
  for i, name in ipairs { "grow", "reload", "reload", "shrink", "grow" } do
    group:go(function() wishes[i] = { service[name](service, name == "reload" and { canary = false } or nil) } end)
    lastcall.sleep(0)
  end
  assert(group:wait())
end

--- It was sent SIGTERM: perhaps it has ended by the time that the master looks.
local function assert_left(done)
  assert_given_up(done, "the canary is given up: ")
  local text = done.text
  assert.is_truthy(text:find "worker 1 drains by itself" or text:find "worker 1 has ended with status 0", text)
end

describe("a canary", function()
  local done
  local told = {}

  setup(function()
    local half = "if count % 2 == 0 then error 'one in two' end " .. SAY
    local ok = { server = HTTP, first = "return 'old'", line = GET }
    local function http(trial) return setmetatable(trial, { __index = ok }) end
    done = try_all {
      lines = {}, http = http { reply = "return 'new'" }, failing = { first = half, reply = half },
      rolling = { way = "rolling", workers = 3 }, alone = { workers = 1 }, idle = { is_idle = true },
      tolerated = { reply = "if count == 1 then error 'only once' end " .. SAY, tolerance = 1, least = 1 },
      errors = { reply = FAIL, seconds = LONG }, raised = http { reply = FAIL, seconds = LONG },
      ["503"] = http { reply = "return 503, 'no'", seconds = LONG },
      rolling_errors = { reply = FAIL, seconds = LONG, way = "rolling", workers = 3 },
      crash = { reply = "os.exit(3)", seconds = LONG },
      killed = { act = kill "KILL", seconds = LONG, is_idle = true }, ended = { act = kill "TERM", seconds = LONG },
      few = { is_idle = true, least = 3 }, silent = shell(SILENT),
      lying = shell(LIAR),
      queue = { act = wish_others, asked = { progress = function(text) told[#told + 1] = text end } },
      stop = { act = function(_, service) service:stop() end, seconds = LONG },
      other = { act = replace_again },
      old = { act = kill_old, seconds = helper.seconds(1) },
      address = { start = OPENS_SECOND, act = ask_second, seconds = LONG },
    }
  end)

  it("that fails no more often than the others is kept, and they follow", function()
    for _, name in ipairs { "lines", "http", "failing", "rolling", "alone", "idle", "tolerated" } do
      assert_kept(done[name])
    end
    assert.is_nil(done.lines.answers.none)
    assert.is_truthy(done.lines.answers["generation 1"] and done.lines.answers["generation 2"])
    for answer in pairs(done.http.answers) do assert.equal("HTTP/1.1 200 OK\r", answer) end
    local nobody = "it served 0, failed 0; the old workers served 0, failed 0"
    assert.is_truthy(done.idle.text:find(nobody, 1, true), done.idle.text)
    assert.is_truthy(done.failing.text:find "it served %d+, failed %d+ %(%d+ errors, 0 replies of 5xx%)")
  end)

  it("that fails more often is given up, long before its time is over", function()
    assert_given_up(done.errors, "the canary is given up: in ", "worker 1 fails more often than they do",
      "no such table", "the old workers served", "errors, 0 replies of 5xx)")
    assert_given_up(done["503"], "(0 errors, ", "replies of 5xx); the old workers")
    assert_given_up(done.raised, "worker 1 fails more often than they do")
    assert_given_up(done.rolling_errors, "worker 1 fails more often than they do")
    local errors, replies = done.raised.text:match "%((%d+) errors, (%d+) replies of 5xx%); the old"
    local most = math.max(errors, replies)
    assert.is_true(most - math.min(errors, replies) <= 1, done.raised.text) -- the figures may come between the two
    assert.is_truthy(done.raised.text:find(("failed %d "):format(most), 1, true), done.raised.text) -- each counts once
    assert.is_truthy(done.errors.answers["generation 1"])
  end)

  it("that ends, or is ended, is given up at once", function()
    done.crash.may_fail, done.killed.may_fail = true, true -- the report tells of a worker that ended badly
    assert_given_up(done.crash, "worker 1 has ended with status 3")
    assert_given_up(done.killed, "worker 1 has ended by signal KILL")
    assert_left(done.ended)
    assert.is_nil(done.ended.answers.none)
  end)

  it("that too few have tried is given up where some are needed, or where others have had many clients", function()
    assert_given_up(done.few, "worker 1 has served 0, and 3 are needed to judge it")
    assert_given_up(done.silent, "worker 1 does not tell its figures within 2 s")
    assert_given_up(done.lying, "the canary is given up: in", "it served 0, failed 0", "worker 1 gets no client")
  end)

  it("has what else is wished behind it, the last reload's way counts, and an end of all ends it", function()
    assert.is_true(done.queue.fine, done.queue.text)
    for _, result in ipairs(wishes) do assert.same({ true }, result) end
    local ready = {}
    for _, one in ipairs(done.queue.list) do
      if one.state == "ready" then ready[#ready + 1] = one.generation end
    end
    assert.same({ 3, 3, 3 }, ready)
    assert.is_truthy(told[#told]:find "^0 s left: in [%d.]+ s it served", told[#told])
    assert.is_nil(done.stop.fine)
    assert.equal("the service is stopped", done.stop.text)
    assert.is_true(done.stop.report.ok, tostring(done.stop.report))
  end)

  it("is compared with those that die beside it; another script meanwhile, and a new address, go with it", function()
    assert_kept(done.old)
    assert.is_truthy(done.old.text:find("1 ended badly", 1, true), done.old.text)
    assert_given_up(done.other, "the script has become another one since its canary started; reload again")
    assert_left(done.address)
    local refused
    helper.task(function(lastcall) refused = select(2, lastcall.connect(second)) end)
    assert.equal("refused", refused)
  end)

  it("is known by its generation, whose counters stay", function()
    local one, other = done.errors.sums[1], done.errors.sums[2]
    assert.same({ 1, 2 }, { one.generation, other.generation })
    assert.equal(0, one.errors)
    assert.is_true(other.errors > 10 and other.errors <= other.accepted, other.errors)
  end)
end)
