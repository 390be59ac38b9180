--- Servers: what the binding's methods leave to Lua.

local core = require "lastcall.core"
local address = require "lastcall.address"
local options = require "lastcall.options"
local report = require "lastcall.report"

local server = { all = {} }
local methods = core.server_methods

local details = setmetatable({}, { __mode = "k" }) -- server -> its drain timeout and its report

local function drain_timeout(given)
  local drain = given.drain
  if type(drain) == "table" then return drain.timeout or 25 end
  return drain or 25
end

local function listen_on(self, where, given)
  if type(where) == "table" then
    local fd = math.tointeger(where.fd)
    if not fd or fd < 0 then
      error("listen: a table as address needs fd, the number of a listening descriptor", 3)
    end
    -- One that was inherited is shared with whoever made it, unless the script knows better.
    return self:listen_numeric(fd, setmetatable({ shared = where.shared ~= false }, { __index = given }))
  end
  local endpoint = address.check("listen", where, 2)
  local list, code, message = address.resolve(where, endpoint)
  if not list then return nil, code, message end
  local fine
  for _, numeric in ipairs(list) do
    fine, code, message = self:listen_numeric(numeric, given)
    if fine then return true end
  end
  return nil, code, message
end

--- Opens a server on `where`. Returns it, or nil, code, message.
function server.new(where, given)
  given = options.check("listen", given, options.server, 2)
  local self = core.new_server(given)
  details[self] = { timeout = drain_timeout(given), listener = options.pick(given, options.listener) }
  local fine, code, message = listen_on(self, where, given)
  if not fine then
    self:close()
    return nil, code, message
  end
  server.all[#server.all + 1] = self
  return self
end

--- Adds an address, with the server's own listener options where none are given.
function methods:listen(where, given)
  given = options.check("server:listen", given, options.listener, 1)
  local fine, code, message = listen_on(self, where, setmetatable(given, { __index = details[self].listener }))
  if not fine then return nil, code, message end
  return true
end

function methods:unlisten(where)
  if where == nil then return self:unlisten_numeric() end
  local endpoint = address.check("server:unlisten", where, 1)
  local list, code, message = address.resolve(where, endpoint)
  if not list then return nil, code, message end
  local count = 0
  for _, numeric in ipairs(list) do count = count + self:unlisten_numeric(numeric) end
  return count
end

local function is_done(self) return self:step() == "done" end

--- The report, once the server is done; nil before.
function methods:report()
  if not is_done(self) then return nil end
  local mine = details[self]
  mine.report = mine.report or report.of_server(self:facts(), mine.timeout)
  return mine.report
end

local function wait_done(self)
  while not is_done(self) do
    local changed, code, message = self:wait_change(nil, true)
    if not changed and not is_done(self) then return nil, code, message end
  end
  return self:report()
end

function methods:wait() return wait_done(self) end

function methods:serve(handler)
  if type(handler) ~= "function" then
    error(("server:serve: the handler is a function(conn, ctx), not a %s"):format(type(handler)), 2)
  end
  if self:step() ~= "serving" then
    error("server:serve: this server has been shut down; listen again for a new one", 2)
  end
  local _, in_task = core.running()
  if not in_task then
    error("server:serve waits, and only a task can wait: call it inside lastcall.run, or use lastcall.serve", 2)
  end
  self:set_handler(handler)
  return wait_done(self)
end

function methods:ready()
  return self:step() == "serving" and core.ladder() == "serving"
end

function methods:each(state)
  local list, i = self:all(state), 0
  return function()
    i = i + 1
    return list[i]
  end
end

function methods:stats()
  local facts = self:facts()
  local stats = { step = self:step(), connections = self:count() }
  for _, name in ipairs { "new", "active", "idle", "closing", "closed" } do stats[name] = self:count(name) end
  for _, name in ipairs { "accepted", "received", "sent" } do stats[name] = facts[name] end
  return stats
end

local COMPARE = {
  [">"] = function(a, b) return a > b end,
  [">="] = function(a, b) return a >= b end,
  ["=="] = function(a, b) return a == b end,
  ["<="] = function(a, b) return a <= b end,
  ["<"] = function(a, b) return a < b end,
}

function methods:wait_for(operator, n, seconds)
  local compare = COMPARE[operator]
  if not compare then
    error(("server:wait_for: '%s' is not one of >, >=, ==, <=, <"):format(tostring(operator)), 2)
  end
  if math.type(n) ~= "integer" then error("server:wait_for: the second argument is a whole number", 2) end
  local deadline = seconds and core.now() + seconds
  while not compare(self:count(), n) do
    local left = deadline and math.max(0, deadline - core.now())
    local changed, code, message = self:wait_change(left)
    if not changed then return nil, code, message end
    if is_done(self) and not compare(self:count(), n) then return nil, "closed", "server: it has ended" end
  end
  return true
end

function methods:close_where(wanted)
  local count = 0
  for conn in self:each() do
    if conn:state() ~= "closed" and wanted(conn:stats()) then
      conn:close("background")
      count = count + 1
    end
  end
  return count
end

function methods:broadcast(data, wanted)
  local queued, dropped = 0, 0
  for conn in self:each() do
    local state = conn:state()
    if state ~= "closing" and state ~= "closed" and (not wanted or wanted(conn)) then
      if conn:post(data) then queued = queued + 1 else dropped = dropped + 1 end
    end
  end
  return queued, dropped
end

--- The facts of every server of this run.
function server.facts()
  local facts = {}
  for i, one in ipairs(server.all) do facts[i] = one:facts() end
  return facts
end

return server
