-- scripts/test: early
-- TLS servers with loops of their own, stopped in mid-work: each client that has sent is answered, each that has not
-- goes soon.
local helper = require "spec.helper"
local process = require "spec.support.process"
local tls = require "spec.support.tls"

local QUIET, DRAIN = 1, 15

local function start(name, contexts, argument)
  local command = "env TLS_KEY=%s TLS_CERTIFICATE=%s lua5.4 bin/lastcall --drain %d spec/support/programs/tls/%s.lua %s"
  return process.start(command:format(contexts.key, contexts.certificate, math.ceil(helper.seconds(DRAIN)), name,
    argument or ""))
end

-- ------------------------------------------------------------------ the clients

local client = {}
client.__index = client

function client:shake()
  self.tls = assert(self.ssl.wrap(self.plain, self.contexts.client))
  assert(self.tls:dohandshake())
end

function client:say(line) assert(self.tls:send(line .. "\n")) end

--- Expects the answer to a line. What others have said in between does not count.
function client:hear(line)
  local heard, problem
  repeat heard, problem = self.tls:receive() until not heard or heard:find "^you said"
  assert.equal("you said: " .. line, heard or self.kind .. ": " .. problem)
end

function client:ask(line)
  self:say(line)
  self:hear(line)
end

--- Ready for the stop; goes on when the silent ones are gone.
function client:pause()
  self.ready:send(true)
  self.resumed:receive()
end

--- Reads to the end: LuaSec says "closed" for close_notify, and an error of the protocol for a bare end.
function client:read_to_end()
  local heard, problem
  repeat heard, problem = (self.tls or self.plain):receive() until not heard
  self.ended, self.ended_at = problem, self.lastcall.now()
  if self.tls then self.tls:close() else self.plain:close() end
end

--- Says a line whose record the gate cuts in two.
local function say_half_a_record(self, line)
  self.gate.hold = 12
  self:say(line)
  self.gate:await_held()
  self:pause()
  self.gate:release()
  self:hear(line)
end

--- Stops in the middle of its handshake: behind `hold` bytes of a piece.
local function shake_in_two(hold, skip)
  return function(self)
    self.gate.hold, self.gate.skip = hold, skip
    local shaking = self.lastcall.go(client.shake, self)
    self.gate:await_held()
    self:pause()
    self.gate:release()
    shaking:wait()
    self:ask "shaken"
  end
end

-- These have sent nothing that is not answered.
local SILENT = {
  mute = function() end,
  shaken = client.shake,
  idle = function(self) self:shake() self:ask "one" end,
}

-- These have, and get an answer.
local BUSY = {
  half_a_hello = shake_in_two(100, 0),
  half_a_handshake = shake_in_two(0, 1),
  half_a_record = function(self) self:shake() self:ask "one" say_half_a_record(self, "two") end,
  half_the_first = function(self) self:shake() say_half_a_record(self, "one") end,
  half_a_line = function(self)
    self:shake()
    self:ask "one"
    assert(self.tls:send "in two ")
    self:pause()
    self:say "parts"
    self:hear "in two parts"
  end,
  slow = function(self) self:shake() self:say "wait" self.ready:send(true) self:hear "wait" end,
  many = function(self) -- more than one record, and more lines than are read at a time
    self:shake()
    local line = ("x"):rep(5000)
    for _ = 1, 8 do self:say(line) end
    self.ready:send(true)
    for _ = 1, 8 do self:hear(line) end
  end,
}

-- Those that a server of one request for each connection can have.
local SILENT_ONCE = { mute = SILENT.mute, shaken = SILENT.shaken }
local BUSY_ONCE = {
  half_a_hello = BUSY.half_a_hello, half_a_handshake = BUSY.half_a_handshake, half_the_first = BUSY.half_the_first,
  slow = BUSY.slow,
}

--- Takes its answer late, when the server has long been waiting for room.
local function read_late(self)
  self:shake()
  self:ask "one"
  self.gate.is_deaf = true
  self:say "big"
  self:pause()
  self.gate:release()
  assert.equal(8000000, #assert(self.tls:receive()))
end

-- ------------------------------------------------------------------ the scene

local scene = {}
scene.__index = scene

--- Runs `act(self, server)` with a program that has been started: what it printed, and whether it succeeded.
function scene.run(name, argument, act)
  local output, fine
  tls.task(function(lastcall, socket, ssl, contexts)
    local server = start(name, contexts, argument)
    act(setmetatable({
      lastcall = lastcall, socket = socket, ssl = ssl, contexts = contexts, address = server:address(),
    }, scene), server)
    output, fine = server:finish()
  end)
  return output, fine
end

function scene:add(kind, act)
  local gate = tls.gate(self.lastcall, self.address)
  local one = setmetatable({
    kind = kind, gate = gate, lastcall = self.lastcall, ssl = self.ssl, contexts = self.contexts,
    ready = self.lastcall.channel(1), resumed = self.lastcall.channel(1),
    plain = assert(self.socket.connect("127.0.0.1", gate.port)),
  }, client)
  one.task = self.lastcall.go(function()
    act(one)
    one.ready:send(true)
    one:read_to_end()
  end)
  return one
end

function scene:add_all(kinds)
  local all = {}
  for kind, act in pairs(kinds) do all[#all + 1] = self:add(kind, act) end
  for _, one in ipairs(all) do assert(one.ready:receive(helper.seconds(8)), one.kind) end
  return all
end

local function ends(all, since, most)
  for _, one in ipairs(all) do
    local fine, problem, message = one.task:wait(helper.seconds(10))
    assert(problem == nil, ("%s: %s %s"):format(one.kind, tostring(fine or problem), tostring(message)))
    assert.equal("closed", one.ended, one.kind)
    local took = one.ended_at - since
    assert(took < helper.seconds(most), ("%s: gone after %.2f s"):format(one.kind, took))
    one.gate.task:wait()
  end
end

--- Runs `act(self, server)`, which stops the program. It has to end well, and soon: how long it took.
local function with(name, path, act)
  local now, began = require("lastcall").now, nil
  local output, fine = scene.run(name, path, function(self, server) began = act(self, server) end)
  local took = now() - began
  assert.is_true(fine, output)
  assert.is_truthy(output:find("shutdown ok", 1, true), output)
  assert.is_truthy(output:find(helper.stopping.here().says, 1, true), output)
  assert.is_true(took < helper.seconds(QUIET + 6), took)
  return took
end

--- Stops the program with clients of every kind.
local function play(name, path)
  local share
  local took = with(name, path, function(self, server)
    local lastcall = self.lastcall
    local is_once = name == "once"
    local silent, busy = self:add_all(is_once and SILENT_ONCE or SILENT), self:add_all(is_once and BUSY_ONCE or BUSY)
    if name ~= "chat" and not is_once then busy[#busy + 1] = self:add_all({ late = read_late })[1] end
    busy[#busy + 1] = self:add("holds all up", function(one) one:shake() one:ask "busy" end)
    busy[#busy + 1] = self:add("queued", function(one) one:shake() one:ask "queued" end)
    server:signal "TERM"
    local began = lastcall.now()
    ends(silent, began, QUIET + 2)
    local before, at = server:processor_time(), lastcall.now()
    lastcall.sleep(1)
    share = (server:processor_time() - before) / (lastcall.now() - at)
    for _, one in ipairs(busy) do one.resumed:send(true) end
    ends(busy, began, QUIET + 4)
    return began
  end)
  helper.figure("%s: %.1f %% of a processor while it waits, gone after %.1f s", name, share * 100, took)
  assert.is_true(helper.is_slow or share < 0.1, share)
end

describe("a TLS server of LuaSocket's and LuaSec's, stopped in mid-work", function()
  local PROGRAMS = {
    chat = "a select chat", round_robin = "a round robin", coroutines = "a dispatcher of coroutines",
    once = "a dispatcher whose clients ask once", tasks = "a task for each client",
    sessions = "a select loop over objects of its own",
  }
  for name, what in pairs(PROGRAMS) do
    it(("loses nobody who has sent, and waits for nobody who has not: %s"):format(what), function()
      if not tls.is_here then return pending("LuaSec is not installed (lua-sec)") end
      play(name)
    end)
  end

  it("does so on a unix socket", function()
    if not tls.is_here then return pending("LuaSec is not installed (lua-sec)") end
    play("coroutines", helper.socket_path())
  end)

  it("serves those who wait behind a silent client: an accept loop", function()
    if not tls.is_here then return pending("LuaSec is not installed (lua-sec)") end
    with("accept_loop", nil, function(self, server)
      local silent, queued = {}, {}
      for i = 1, 2 do
        silent[i] = self:add("mute", SILENT.mute)
        queued[i] = self:add("queued", function(one) one:shake() one:ask "queued" end)
      end
      server:signal "TERM"
      local began = self.lastcall.now()
      ends(silent, began, QUIET + 2)
      ends(queued, began, QUIET + 4)
      return began
    end)
  end)

  for _, how in ipairs { "ends", "fails" } do
    it(("says close_notify to the clients of a script that %s"):format(how), function()
      if not tls.is_here then return pending("LuaSec is not installed (lua-sec)") end
      local output, fine = scene.run("leaves", how, function(self)
        local began = self.lastcall.now()
        ends({ self:add("left", function(one) one:shake() one:ask "one" end) }, began, 5)
      end)
      assert.equal(how == "ends", fine, output)
    end)
  end

  it("says close_notify on a connection that the script has opened, too", function()
    if not tls.is_here then return pending("LuaSec is not installed (lua-sec)") end
    tls.task(function(lastcall, socket, ssl, contexts)
      local listener = assert(socket.bind("127.0.0.1", 0))
      local _, port = listener:getsockname()
      local caller = start("caller", contexts, port)
      local peer = assert(ssl.wrap(assert(listener:accept()), contexts.server))
      listener:close()
      assert(peer:dohandshake())
      assert.equal("hello", (peer:receive()))
      caller:signal "TERM"
      local began = lastcall.now()
      assert.equal("closed", select(2, peer:receive()))
      assert.is_true(lastcall.now() - began < helper.seconds(3))
      peer:close()
      local output, fine = caller:finish()
      assert.is_true(fine, output)
    end)
  end)
end)
