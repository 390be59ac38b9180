-- scripts/test: early
local helper = require "spec.helper"
local process = require "spec.support.process"

-- Programs with a loop of their own, as those that were written for LuaSocket have one, are stopped in mid-work.

local FOLDER = "spec/support/programs/loops/"
local QUIET, DRAIN = 1, 20

local function start(name, path, lua_path)
  local server = process.start(("%slua5.4 bin/lastcall --drain %d %s%s.lua %s"):format(
    lua_path and ("env LUA_PATH='%s' "):format(lua_path) or "", DRAIN, FOLDER, name, path or ""))
  return server, server:address()
end

-- ------------------------------------------------------------------ the clients

-- How a client asks for something, and reads the answer.
local LINES = {
  text = function(word) return word .. "\n" end,
  read = function(conn) return conn:read() end,
}
local HTTP = {
  text = function(word) return ("GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n"):format(word) end,
  read = function(conn)
    local head, code = conn:read_until "\r\n\r\n"
    if not head then return nil, code end
    return (conn:read(tonumber(head:match "Content%-Length: (%d+)")):gsub("\n$", ""))
  end,
}

local Client = {}
Client.__index = Client

function Client:hear(word)
  local heard, problem = self.protocol.read(self.conn)
  assert.equal("you said: " .. word, heard or problem)
end

function Client:ask(word) helper.send(self.conn, self.protocol.text(word)) end

--- Ready for the stop; goes on when it is told to.
function Client:pause()
  self.ready:send(true)
  self.resumed:receive(helper.seconds(8))
end

local function ask_and_hear(self)
  self.ready:send(true)
  self:ask(self.kind)
  self:hear(self.kind)
end

-- What each kind of client does. After it the client is ready for the stop, if it was not before, and reads to the end.
local KINDS = {
  -- These have sent nothing that is not answered.
  idle = function(self) self:ask "first" self:hear "first" end,
  silent = function() end,
  -- These have, and get an answer.
  half = function(self)
    local text = self.protocol.text "half"
    helper.send(self.conn, text:sub(1, #text // 2))
    self:pause()
    helper.send(self.conn, text:sub(#text // 2 + 1))
    self:hear "half"
  end,
  slow = function(self) -- for longer than `QUIET`
    self.ready:send(true)
    local text = self.protocol.text "slow"
    local step = #text // 4 + 1
    for from = 1, #text, step do
      helper.send(self.conn, text:sub(from, from + step - 1))
      self.lastcall.sleep(0.4)
    end
    self:hear "slow"
  end,
  late = function(self) self:pause() self:ask "late" self:hear "late" end,
  last = function(self) -- it says that it is the last
    self:pause()
    self:ask "last"
    self.conn:shutdown "write"
    self:hear "last"
  end,
  busy = ask_and_hear,
  queued = ask_and_hear,
}

-- ------------------------------------------------------------------ the scene

--- Adds clients of a program that runs, one after the other, each in a task of its own.
local function add(lastcall, one, clients, kinds)
  for kind in kinds:gmatch "%a+" do
    local self = setmetatable({
      kind = kind, lastcall = lastcall, protocol = one.kind.protocol, conn = assert(lastcall.connect(one.address)),
      ready = lastcall.channel(2), resumed = lastcall.channel(1),
    }, Client)
    self.task = lastcall.go(function()
      KINDS[kind](self)
      self.ready:send(true)
      self.ended = helper.ends(self.conn)
      self.ended_at = lastcall.now()
    end)
    assert(self.ready:receive(helper.seconds(5)), kind)
    clients[#clients + 1] = self
  end
end

local function resume(clients, kind)
  for _, client in ipairs(clients) do
    if client.kind == kind then client.resumed:send(true) end
  end
end

--- Each has to end as its kind does, and by an EOF, in so many seconds.
local function ends(all, one, since, most)
  for _, client in ipairs(all) do
    local name = one.name .. ", " .. client.kind
    local fine, problem, message = client.task:wait(helper.seconds(10))
    assert(problem == nil, ("%s: %s %s"):format(name, tostring(fine or problem), tostring(message)))
    assert.equal("eof", client.ended, name)
    local took = client.ended_at - since
    assert(took < helper.seconds(most), ("%s: gone after %.2f s"):format(name, took))
  end
end

--- Stops one program: with clients that are idle, silent, or in the middle of a request; others wait in its queue,
-- since it is busy. Notes what part of a processor it takes until the silent ones are gone.
local function stop_in_mid_work(lastcall, one)
  local silent, busy = {}, {}
  add(lastcall, one, silent, "idle silent")
  add(lastcall, one, busy, "half slow late last busy")
  lastcall.sleep(0.1) -- what was sent is read
  add(lastcall, one, busy, "queued")
  add(lastcall, one, silent, "silent")
  one.server:signal "TERM"
  local began, before = lastcall.now(), one.server:processor_time()
  resume(busy, "late")
  resume(busy, "last")
  if one.kind.waits then resume(busy, "half") end
  ends(silent, one, began, QUIET + 2)
  one.share = (one.server:processor_time() - before) / (lastcall.now() - began)
  if not one.kind.waits then resume(busy, "half") end
  ends(busy, one, began, QUIET + 4)
end

--- All at once, because each of them takes some seconds.
local function stop_all(programs, path_of)
  local all = {}
  for name, kind in pairs(programs) do
    local server, address = start(name, path_of(), kind.lua_path)
    all[#all + 1] = { name = name, kind = kind, server = server, address = address }
  end
  helper.task(function(lastcall)
    for _, one in ipairs(all) do one.task = lastcall.go(stop_in_mid_work, lastcall, one) end
    for _, one in ipairs(all) do
      local _, problem, message = one.task:wait()
      if problem then one.problem = ("%s: %s"):format(problem, message) end
    end
  end)
  for _, one in ipairs(all) do one.output, one.fine = one.server:finish() end
  return all
end

local LINE, WEB = { protocol = LINES }, { protocol = HTTP }
local WAITING = { protocol = LINES, waits = true } -- for the rest of a line, and serves no other client meanwhile

local PROGRAMS = {
  one_by_one = LINE, tasks = LINE, round_robin = LINE, dispatcher = LINE, workers = LINE, copas_like = LINE,
  careless = WAITING, glances = WAITING, wrapped = WAITING, web = WEB, web_once = WEB,
}

local copas = package.searchpath("copas", package.path .. ";/usr/share/lua/5.2/?.lua") -- Debian has none for 5.4
if copas then
  PROGRAMS.copas = { protocol = LINES, lua_path = "lua/?.lua;lua/?/init.lua;;" .. copas:gsub("copas%.lua$", "?.lua") }
end

describe("a loop that a program for LuaSocket has", function()
  for transport, path_of in pairs { TCP = function() end, ["a unix-domain socket"] = helper.socket_path } do
    it(("answers those who have sent, lets the silent go, and ends well, over %s"):format(transport), function()
      local most = 0
      for _, one in ipairs(stop_all(PROGRAMS, path_of)) do
        local what = one.name .. "\n" .. one.output
        assert(not one.problem, one.problem)
        assert.is_true(one.fine, what)
        assert.is_truthy(one.output:find("shutdown ok", 1, true), what)
        assert.is_truthy(one.output:find(helper.stopping.here().says, 1, true), what)
        most = math.max(most, one.share)
        assert(helper.is_slow or one.share < 0.1, one.share .. what)
      end
      helper.figure("each takes at most %.1f %% of a processor while it waits", most * 100)
    end)
  end

  it("that ends when accept has no client any more has served every client before", function()
    local server, address = start "chat"
    local told = {}
    helper.task(function(lastcall)
      local one, other = assert(lastcall.connect(address)), assert(lastcall.connect(address))
      helper.send(one, "to all\n")
      told = { one:read(), other:read() }
      server:signal "TERM"
      helper.send(other, "to you\n")
      told[3] = one:read()
      told[4] = helper.ends(one)
      told[5] = other:read()
      told[6] = helper.ends(other)
    end)
    local output, fine = server:finish()
    assert.is_true(fine, output)
    assert.same({ "you said: to all", "you said: to all", "you said: to you", "eof", "you said: to you", "eof" }, told)
    assert.is_truthy(output:find("clean", 1, true), output)
  end)

  for _, name in ipairs { "dispatcher", "round_robin" } do
    it(("(%s) is let send all of an answer to a client that reads late"):format(name), function()
      local server, address = start(name)
      local size, ended
      helper.task(function(lastcall)
        local slow = assert(lastcall.connect(address, { max_line = 8 * 1024 * 1024 }))
        helper.send(slow, "big\n")
        lastcall.sleep(0.1)
        server:signal "TERM"
        lastcall.sleep(1.8) -- more than `quiet`, for an idle client
        size = #(slow:read() or "")
        ended = helper.ends(slow)
      end)
      local output, fine = server:finish()
      assert.is_true(fine, output)
      assert.equal(4 * 1024 * 1024, size)
      assert.equal("eof", ended)
    end)
  end
end)
