--- Stories: calls of the whole API in an order, with values, and in places that the input decides.
--
-- In tasks, handlers, hooks and callbacks, in coroutines, before, during and after a run, with objects that are
-- open, closed or of the wrong kind. Whatever the story, each call ends as it is documented to: with a result;
-- with nil, a known code and a text; or with an error that is raised at the line of the call and names it.
-- In the end nothing is left.

local lastcall = require "lastcall"
local core = require "lastcall.core"
local socket = require "lastcall.socket"
local decider = require "spec.fuzz.decide"
local values = require "spec.fuzz.api_values"
local calls = require "spec.fuzz.api_calls"
local codes = require "spec.fuzz.codes"

local CALLS_AT_MOST = tonumber(os.getenv "FUZZ_CALLS") or 250
local SECONDS_AT_MOST = 15 -- for one story, which takes a few hundredths
local TRACE = os.getenv "FUZZ_TRACE" -- each call, on stderr
local FORCED = "lastcall: ended by force"

local by_owner = {}
for _, one in ipairs(calls) do
  by_owner[one.of] = by_owner[one.of] or {}
  table.insert(by_owner[one.of], one)
end
-- What LuaSocket's names are for is not what the rest is for: every third story has them.
local OWNERS = { "lastcall", "lastcall", "conn", "conn", "conn", "server", "server", "context_module", "context",
  "task", "group", "waitgroup", "semaphore", "channel", "guard", "ticket" }
local WITH_SOCKETS = { "socket_module", "socket", "socket", "socket", table.unpack(OWNERS) }
local MODULES = { lastcall = lastcall, context_module = lastcall.context, socket_module = socket }
-- Functions among the results, which are called in their turn.
local FUNCTIONS = { "cancel", "end_context", "lines", "each", "iter" }

local compiled = {}

--- Calls a function as a script would that knows it by this name, at line 1 of "story".
local function caller(name)
  local made = compiled[name]
  if not made then
    made = assert(load(("local %s, a = ... local r = table.pack(%s(table.unpack(a, 1, a.n))) return r")
      :format(name, name), "=story"))
    compiled[name] = made
  end
  return made
end

local function shown(value)
  if type(value) ~= "string" then return tostring(value) end
  return #value > 40 and ("a string of %d"):format(#value) or ("%q"):format(value)
end

local function described(one, arguments)
  local words = {}
  for i = 1, arguments.n do
    local value = arguments[i]
    words[i] = shown(value)
    if type(value) == "table" and not getmetatable(value) then
      local fields = {}
      for k, v in pairs(value) do fields[#fields + 1] = ("%s=%s"):format(shown(k), shown(v)) end
      words[i] = "{" .. table.concat(fields, ", ") .. "}"
    end
  end
  return ("%s.%s(%s)"):format(one.of, one.name, table.concat(words, ", "))
end

local story = {}
story.__index = story

function story:wrong(one, arguments, what)
  local text = ("%s: %s"):format(described(one, arguments), what)
  if TRACE then io.stderr:write("WRONG ", text, "\n") end
  self.failure = self.failure or text
end

--- LuaSocket's words are its own.
local function is_socket_failure(one, message)
  return (one.of == "socket" or one.of == "socket_module") and type(message) == "string"
end

function story:check(one, arguments, fine, results)
  if not fine then
    if type(results) ~= "string" then return self:wrong(one, arguments, "raised " .. tostring(results)) end
    local where = results:match "^story:1: (.*)"
    if is_socket_failure(one, results) and (where or not results:find "%.lua:") then return end -- as LuaSocket
    if not where then return self:wrong(one, arguments, "raised elsewhere: " .. results) end
    -- Copy and pipe call a connection's methods, and what iterates is made of others.
    if not where:find(one.name, 1, true) and not where:find("self", 1, true) and
      not where:find("^" .. one.of) and not where:find "^conn:" and not where:find "^channel:" then
      return self:wrong(one, arguments, "raised without its name: " .. results)
    end
    return
  end
  if results[1] ~= nil or one.free or is_socket_failure(one, results[2]) then return end
  if not codes.is_known(results[2]) then
    return self:wrong(one, arguments, "failed with " .. shown(results[2]))
  end
  if type(results[3]) ~= "string" then
    return self:wrong(one, arguments, ("says nothing of its %s: %s"):format(results[2], shown(results[3])))
  end
end

--- Keeps what a call gave; descriptors are ours from then on.
function story:take(one, results)
  for i, kind in ipairs(one.gives) do
    if kind == "fd" and results[1] then self.fds[#self.fds + 1] = results[1]
    elseif results[i] ~= nil and kind ~= "bytes" and results[1] ~= nil then self.at_hand:keep(kind, results[i]) end
  end
end

function story:call(one, fn, arguments)
  if self.left <= 0 then return end
  self.left = self.left - 1
  self.made = self.made + 1
  if TRACE then io.stderr:write(self.made, " ", described(one, arguments), "\n") end
  local fine, results = pcall(caller(one.name), fn, arguments)
  if TRACE then
    io.stderr:write("   -> ", fine and shown(results[1]) .. ", " .. shown(results[2]) or tostring(results), "\n")
  end
  self:check(one, arguments, fine, results)
  if fine then self:take(one, results) end
end

local KEEPS_OUT = { run = true, serve = true, wait = true } -- these would go on by themselves outside

--- One call of the API.
function story:call_something(place)
  local decide, at_hand = self.decide, self.at_hand
  local owner = at_hand:one_of(self.owners)
  local list = by_owner[owner]
  local one = list[decide(#list) + 1]
  if place == "outside" and KEEPS_OUT[one.name] then return end
  local arguments = { n = 0 }
  local function add(value)
    arguments.n = arguments.n + 1
    arguments[arguments.n] = value
  end
  local of = MODULES[owner]
  if not of then
    of = at_hand:get(owner)
    if of == nil then return end
    add(decide(24) == 0 and at_hand:anything() or of)
  end
  for _, kind in ipairs(one.takes) do add(at_hand:argument(kind)) end
  local fn = of[one.name]
  if fn == nil then return end -- a socket of another kind has no such method
  self:call(one, fn, arguments)
end

function story:call_function()
  local name = self.at_hand:one_of(FUNCTIONS)
  local fn = self.at_hand:get(name)
  if not fn then return end
  self:call({ of = "result", name = name, gives = { name == "each" and "conn" or nil }, free = true }, fn, { n = 0 })
end

function story:close_variable()
  local object = self.at_hand:get(self.at_hand:one_of { "conn", "guard", "ticket", "context" })
  if object == nil then return end
  local fine, err = pcall(function()
    local _ <close> = object
  end)
  if not fine then self:wrong({ of = "<close>", name = "variable" }, { n = 1, object }, tostring(err)) end
end

--- In a generator of the script's, made as scripts make them; whatever is raised in it was checked there.
function story:in_coroutine(place)
  local co = coroutine.create(function() self:do_something(place) end)
  coroutine.resume(co)
  if self.decide(2) == 0 then coroutine.close(co) end
end

--- Ignores its cancel until the ladder ends it. The ladder cannot end it in a coroutine that lastcall does not know.
function story:be_stubborn()
  local can_end = coroutine.create == lastcall.coroutine.create
  if self.decide(4) == 0 and can_end and not lastcall.ready() then while self.left > 0 do self.spun = true end end
  for _ = 1, 40 do lastcall.sleep(0.001) end
end

function story:do_something(place)
  local what = self.decide(40)
  if what == 0 then self:in_coroutine(place)
  elseif what == 1 then self:close_variable()
  elseif what == 2 then collectgarbage(self.decide(3) == 0 and "collect" or "step")
  elseif what == 3 and place == "task" and self.decide(4) == 0 then self:be_stubborn()
  elseif what < 9 then self:call_function()
  else self:call_something(place) end
end

function story:act(place, most)
  for _ = 1, most do
    if self.left <= 0 then return end
    self:do_something(place)
  end
end

function story:check_left(when)
  self.at_hand:forget()
  collectgarbage()
  collectgarbage()
  local stats = core.loop_stats()
  for _, what in ipairs { "tasks", "connections", "timers" } do
    if stats[what] ~= 0 then error(("%d %s left %s"):format(stats[what], what, when), 0) end
  end
end

function story:close_descriptors()
  for _, fd in ipairs(self.fds) do _G.fuzz_close(fd) end -- script.c's
  self.fds = {}
end

--- A server, a client, and tasks that do what they like, until the time has come.
function story:begin()
  local at_hand, decide = self.at_hand, self.decide
  local where = decide(4) == 0 and "127.0.0.1:0" or "unix:@lastcall-fuzz-story-" .. tostring(self):match "%w+$"
  local server = lastcall.listen(where, { drain = 0.03 })
  if server then
    at_hand:keep("server", server)
    if decide(4) > 0 then
      local handler = at_hand:actor(6)
      lastcall.spawn(function() server:serve(handler) end)
      lastcall.sleep(0)
    end
    local conn = lastcall.connect(server:addresses()[1], { timeout = 1 })
    if conn then at_hand:keep("conn", conn) end
    local other = decide(2) == 0 and server:count() == 0 and server:accept(0.002)
    if other then at_hand:keep("conn", other) end
  end
  for _ = 1, 1 + decide(3) do lastcall.go(at_hand:actor(12)) end
  self:act("task", 8)
end

function story:run()
  local decide = self.decide
  local seconds = 0.002 * decide(8)
  local function main()
    lastcall.spawn(function()
      lastcall.sleep(seconds)
      lastcall.shutdown()
    end)
    self:begin()
  end
  local report = lastcall.run(main, {
    signals = false, exit_when_stuck = false, max_block = false, progress = false,
    patch_coroutine = decide(4) > 0, debug = decide(4) == 0,
    drain = self.at_hand:one_of { 0.02, 0.05, { timeout = 0.03, quiet = 0, grace = 0.002 },
      { timeout = 0.04, delay = 0.002, spread = 0.003 } },
    log = function(level, event, fields)
      if type(level) ~= "string" or type(event) ~= "string" or type(fields) ~= "table" then
        self.failure = self.failure or "the log was told " .. tostring(event)
      end
    end,
    on_error = function(err)
      if err == FORCED then return end -- a callback that was under way when the time was over
      self.failure = self.failure or "on_error: " .. tostring(err)
    end,
  })
  if type(tostring(report)) ~= "string" or report.elapsed > SECONDS_AT_MOST then
    error("the shutdown took " .. report.elapsed, 0)
  end
end

function story:tell()
  self:act("outside", self.decide(6))
  self:run()
  self:act("outside", self.decide(6))
  self:run() -- what was begun outside ends in it
  self:close_descriptors()
  self:check_left "in the end"
  if self.failure then error(self.failure, 0) end
  return self.made
end

--- Tells one story; how many calls it made. Raises when one of them did not end as it should have.
return function(bytes)
  local decide = decider(bytes)
  local self = setmetatable({ decide = decide, at_hand = values.new(decide), left = CALLS_AT_MOST, made = 0,
    fds = {} }, story)
  self.owners = decide(3) == 0 and WITH_SOCKETS or OWNERS
  self.at_hand.make_actor = function(most)
    return function(first)
      if core.is_connection(first) and decide(2) == 0 then self.at_hand:keep("conn", first) end
      self:act("task", most)
      return true
    end
  end
  self.at_hand.make_callback = function()
    return function()
      self:act("callback", decide(3))
      return self.at_hand:one_of { false, true, "words\n", 1 }
    end
  end
  return self:tell()
end
