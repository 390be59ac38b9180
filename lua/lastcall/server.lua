--- Servers: the methods that are written in Lua.

local core = require "lastcall.core"
local address = require "lastcall.address"
local inside = require "lastcall.supervise.inside"
local log = require "lastcall.log"
local log_limit = require "lastcall.log_limit"
local listeners = require "lastcall.systemd.listeners"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"
local readiness = require "lastcall.readiness"
local remedy = require "lastcall.remedy"
local report = require "lastcall.report"
local tls = require "lastcall.tls"

local HTTP_QUIET = 3 -- seconds: a client's next request may be under way when its connection looks idle
local BACKLOG = 4096 -- the core's default, for a socket that the supervisor has opened
local KEPT = 16 -- the last servers done before a shutdown: the report has each of them

local server = { all = {} } -- all: the servers of this run, except older ones that are done

local look_at = 2 * KEPT -- the number of servers at which to look for older ones
local methods = core.server_methods

-- server -> the script's options (drain, listener), its transport, what was made of it (quiet, is_served), its report
local details = setmetatable({}, { __mode = "k" })

-- A socket that another process has, too, stays with it.
local SHARED = { shared = true }

--- What `where` stands for: a list of numeric addresses, or a list of one descriptor and its listener options, or the
-- descriptors that systemd has passed. Raises if `where` cannot be an address; returns nil, code, message for a name
-- without one.
local function places(what, where)
  if listeners.is_name(where) and inside.is_worker() then return { where }, SHARED end
  if listeners.is_name(where) then
    local passed, code, message = listeners.named(where)
    if not passed then return nil, code, ("%s: %s"):format(what, message) end
    return { passed = passed }, SHARED
  end
  if type(where) == "table" then
    local fd = math.type(where.fd) and math.tointeger(where.fd)
    if not fd or fd < 0 or fd > 0x7fffffff then
      misuse.raise("%s: a table as address needs fd, the number of a listening descriptor", what)
    end
    if listeners.has(fd) then return { passed = { fd } }, SHARED end
    -- An inherited descriptor is shared with the process that made it, unless the script says otherwise.
    return { fd }, { shared = where.shared ~= false }
  end
  local list, code, message = address.resolve(where, address.check(what, where))
  if not list then return nil, code, message end
  return list
end

--- Listens on the first of `list` on which that succeeds; on all that systemd has passed.
local function listen_on(self, list, given)
  if list.passed then
    return listeners.each_copy(list.passed, function(fd) return core.server_listen(self, fd, given) end)
  end
  local fine, code, message
  for _, place in ipairs(list) do
    fine, code, message = core.server_listen(self, place, given)
    if fine then return fine end
    if code == "closed" and math.type(place) then message = ("listen: %d is no open descriptor"):format(place) end
    local helps = type(place) == "string" and remedy.of_address(place, code)
    if helps then message = ("%s: %s"):format(message, helps) end
  end
  return nil, code, message
end

--- The first table that has the option decides.
local function layered(first, ...)
  if not first then return ... end
  return setmetatable(first, { __index = ... })
end

--- Listens on all sockets with a name that systemd has passed to the master of this worker.
local function listen_by_name(self, where, given)
  local n = 0
  local fine, code, message
  repeat
    n = n + 1
    fine, code, message = inside.listen(self, where, function(fd) return core.server_listen(self, fd, given) end, n)
  until not fine
  if n > 1 and code == "address not available" then return true end -- there is no more
  return nil, code, message
end

-- What only bind could set, and the names of these options for the socket.
local BEFORE_BIND = { reuseport = "reuseport", ipv6_only = "ipv6-v6only" }

--- Raises when a socket that is open already is not what the options say, and cannot become so.
local function check_socket(where, fd, given)
  local is_any = where:find "^%[::%]:" or where:find "^:" -- others take no IPv4 clients in any case
  for name, option in pairs(BEFORE_BIND) do
    local matters = given[name] ~= nil and (name ~= "ipv6_only" or is_any)
    local is = matters and core.socket.get_option(fd, option)
    if is and (is ~= 0) ~= (given[name] and true or false) then
      misuse.raise("listen: option '%s' belongs to the time before bind, and the supervisor has bound %s already: "
        .. "a reload cannot change it; stop the service and start it again", name, where)
    end
  end
end

--- Listens with a socket of the supervisor's.
local function listen_shared(self, where, fd, given)
  check_socket(where, fd, given)
  local known_as = where:find "^unix:" and where or nil
  local fine, code, message = listen_on(self, { fd }, layered({ shared = true, known_as = known_as }, given))
  if fine then core.socket.listen(fd, given.backlog or BACKLOG) end
  return fine, code, message
end

--- Listens on `where`, which stands for `list`. In a worker the supervisor has the socket, or gets it.
local function listen_at(self, where, list, given)
  if not inside.is_worker() or type(where) ~= "string" then return listen_on(self, list, given) end
  if listeners.is_name(where) then return listen_by_name(self, where, given) end
  return inside.listen(self, where, function(shared, instead)
    if shared then return listen_shared(self, where, shared, given) end
    return listen_on(self, instead and { instead } or list, given)
  end, nil, given.reuseport) -- a worker of a SO_REUSEPORT group has a socket of its own
end

--- The options for the core: the script's, and the run's where the script has set none.
local function core_options(given, transport)
  return layered({
    transport = transport, drain = given.drain or server.drain,
    on_error = log.guarded(given.on_error), log = log_limit.limited(given.log),
  }, given)
end

--- Whether the process is not shutting down, and the script has not said otherwise, as lastcall.ready returns it.
function server.process_is_ready()
  local step, deadline = core.ladder() -- the deadline is set before the first step
  return step == "serving" and not deadline and not readiness.is_denied()
end

--- Whether all servers of the process have begun to stop, so that a new one would come too late.
function server.is_too_late()
  local step = core.ladder()
  return step ~= "serving" and step ~= "unready"
end

local function by_end(a, b)
  if a.facts.steps.done ~= b.facts.steps.done then return a.facts.steps.done < b.facts.steps.done end
  return a.index < b.index
end

--- Adds up the servers that were done before the last KEPT; never one that the shutdown of the process has ended.
local function forget_old()
  local done, is_old, live = {}, {}, 0
  local _, _, began = core.ladder()
  for i, one in ipairs(server.all) do
    local facts = methods.step(one) == "done" and core.server_facts(one)
    if facts and facts.steps.done < (began or math.huge) then
      done[#done + 1] = { server = one, index = i, facts = facts }
    end
  end
  table.sort(done, by_end)
  for i = 1, #done - KEPT do
    server.earlier = report.add_up(server.earlier, done[i].facts)
    is_old[done[i].server] = true
  end
  for i, one in ipairs(server.all) do
    server.all[i] = nil
    if not is_old[one] then
      live = live + 1
      server.all[live] = one
    end
  end
  look_at = 2 * (live + KEPT)
end

--- Adds a server to this run. Looking for older ones costs little for each, because their number has doubled since.
local function keep(one)
  if #server.all >= look_at then forget_old() end
  server.all[#server.all + 1] = one
end

--- The run is over.
function server.forget()
  server.all, server.earlier, server.drain = {}, nil, nil
  look_at = 2 * KEPT
end

--- Opens a server on `where`. Returns it, or nil, code, message.
function server.new(where, given)
  given = options.check("listen", given, options.server)
  local list, own, message = places("listen", where)
  if not list then return nil, own, message end
  local transport, code
  if given.tls then
    transport, code, message = tls.of_server("listen", given.tls)
    if not transport then return nil, code, message end
  end
  local self = core.new_server(core_options(given, transport))
  details[self] = {
    drain = given.drain, listener = options.pick(given, options.listener), transport = transport,
  }
  local ran, fine
  ran, fine, code, message = pcall(listen_at, self, where, list, layered(own, given))
  if not ran or not fine then self:close() end
  if not ran then error(fine, 0) end -- by its `control` function
  if not fine then return nil, code, message end
  keep(self)
  return self
end

--- Sets the drain options of a server: its own, or those of the run; `quiet` by its protocol when neither has one.
local function set_drain(self, of_run)
  local mine = details[self]
  local drain = mine.drain or of_run
  if mine.quiet then
    if type(drain) ~= "table" then drain = { timeout = drain } end
    drain = layered(drain.quiet and {} or { quiet = mine.quiet }, drain)
  end
  if drain and (mine.quiet or not mine.drain) then core.server_set_drain(self, { drain = drain }) end
end

--- Gives the drain options of the run to the servers that have none of their own.
function server.inherit_drain(drain)
  server.drain = drain
  for _, one in ipairs(server.all) do set_drain(one, drain) end
end

--- Makes a server that takes over a listening descriptor of ours. Returns it, or nil, code, message.
function server.adopt(fd, given, backlog)
  local self = core.new_server(core_options(given))
  details[self] = { drain = given.drain, listener = {} }
  local fine, code, message = core.server_listen(self, fd, { shared = false, backlog = backlog })
  if not fine then
    self:close()
    return nil, code, message
  end
  keep(self)
  return self
end

local function check_self(self, what)
  if not details[self] then misuse.raise("%s: expected a server as self: call it with ':'", what) end
end

--- Adds an address. Listener options that are not given are the server's own.
function methods:listen(where, given)
  check_self(self, "server:listen")
  given = options.check("server:listen", given, options.listener)
  local list, own, message = places("server:listen", where)
  if not list then return nil, own, message end
  local fine, code
  given = layered(options.pick(given, options.listener), details[self].listener)
  fine, code, message = listen_at(self, where, list, layered(own, given))
  if not fine then return nil, code, message end
  return true
end

--- Handshakes that begin from now on use these options.
function methods:set_tls(given)
  check_self(self, "server:set_tls")
  options.check("server:set_tls", { tls = given }, { tls = tls.is_server })
  local transport = details[self].transport
  if not transport then misuse.raise("server:set_tls: this server speaks in clear: listen with the option 'tls'") end
  return tls.renew("server:set_tls", transport, given)
end

--- Corrects the place of the server's sockets in their SO_REUSEPORT group, after other members have come or gone.
function methods:set_reuseport(given)
  check_self(self, "server:set_reuseport")
  options.check("server:set_reuseport", { reuseport = given }, options.listener)
  if type(given) ~= "table" then misuse.raise("server:set_reuseport: the argument is {index =, of =}") end
  core.server_set_place(self, given.index, given.of)
  return true
end

function methods:unlisten(where)
  check_self(self, "server:unlisten")
  if where == nil then return core.server_unlisten(self) end
  local endpoint = address.check("server:unlisten", where)
  local list, code, message = address.resolve(where, endpoint)
  if not list then return nil, code, message end
  local count = 0
  for _, numeric in ipairs(list) do count = count + core.server_unlisten(self, numeric) end
  return count
end

local function is_done(self) return methods.step(self) == "done" end -- raises when it is no server

--- The report, once the server is done; nil before.
function methods:report()
  if not is_done(self) then return nil end
  local mine = details[self]
  mine.report = mine.report or report.of_server(core.server_facts(self))
  return mine.report
end

local function wait_done(self)
  while not is_done(self) do
    local changed, code, message = core.server_wait_change(self, nil, true)
    if not changed and not is_done(self) then return nil, code, message end
  end
  return self:report()
end

function methods:wait() return wait_done(self) end

--- What a handler comes to: a function, and the options of HTTP when it handles requests. Raises for anything else.
local function taken_apart(what, handler)
  if type(handler) == "function" then return handler end
  local is_of_requests = type(handler) == "table" and type(handler.unit) == "function" and handler.protocol
  if is_of_requests then return handler.unit, handler.protocol, handler.takes_context end
  misuse.raise("%s: the handler is a function(conn, ctx), or made by http.handler, not a %s", what, type(handler))
end

server.check_handler = taken_apart

--- Gives the server its handler. It accepts connections from the next turn on.
function server.hand_to(self, handler)
  local fn, protocol, takes_context = taken_apart("server:serve", handler)
  core.server_hand_to(self, fn, protocol, takes_context)
  local mine = details[self]
  mine.is_served = true
  readiness.begin()
  mine.quiet = protocol and HTTP_QUIET
  if protocol then set_drain(self, server.drain) end
end

function methods:serve(handler)
  taken_apart("server:serve", handler)
  if core.server_is_leaving(self) then
    misuse.raise("server:serve: this server has been shut down; listen again for a new one")
  end
  core.expect_task("server:serve")
  if details[self].is_served then
    misuse.raise("server:serve: this server has a handler already; server:wait() waits for its end")
  end
  server.hand_to(self, handler)
  return wait_done(self)
end

local accept = methods.accept

function methods:accept(seconds)
  readiness.begin()
  return accept(self, seconds)
end

--- Raises unless `where` can be an address to listen on.
function server.check_place(what, where)
  if type(where) ~= "table" and not listeners.is_name(where) then address.check(what, where) end
end

function methods:ready()
  return not core.server_is_leaving(self) and server.process_is_ready()
end

function methods:each(state)
  local list, i = core.server_list(self, state), 0
  return function()
    i = i + 1
    return list[i]
  end
end

function methods:stats()
  local facts = core.server_facts(self)
  local stats = { step = self:step(), connections = methods.count(self) }
  for _, name in ipairs { "new", "active", "idle", "closing", "closed" } do stats[name] = methods.count(self, name) end
  for _, name in ipairs { "accepted", "received", "sent", "resets_at_rest", "requests", "in_flight",
    "handshakes", "handshakes_failed" } do
    stats[name] = facts[name]
  end
  stats.late = facts.late + facts.late_before
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
    misuse.raise("server:wait_for: '%s' is not one of >, >=, ==, <=, <", tostring(operator))
  end
  if math.type(n) ~= "integer" then misuse.raise("server:wait_for: the second argument is a whole number") end
  options.check_seconds("server:wait_for", seconds)
  local deadline = seconds and core.now() + seconds
  while not compare(methods.count(self), n) do
    local left = deadline and math.max(0, deadline - core.now())
    local changed, code, message = core.server_wait_change(self, left)
    if not changed then return nil, code, message end
    if is_done(self) and not compare(methods.count(self), n) then return nil, "closed", "server: it has ended" end
  end
  return true
end

local function is_open(conn)
  local state = conn:state()
  return state ~= "closing" and state ~= "closed"
end

function methods:close_where(wanted)
  misuse.check_function(wanted, "server:close_where", "the argument")
  local count = 0
  for conn in methods.each(self) do
    if is_open(conn) and wanted(conn:stats()) then
      conn:close("background")
      count = count + 1
    end
  end
  return count
end

function methods:broadcast(data, wanted)
  if type(data) ~= "string" and type(data) ~= "number" then
    misuse.raise("server:broadcast: the first argument is a string, not a %s", type(data))
  end
  if wanted ~= nil then misuse.check_function(wanted, "server:broadcast", "the second argument") end
  local queued, dropped = 0, 0
  for conn in methods.each(self) do
    if is_open(conn) and (not wanted or wanted(conn)) then
      if conn:post(data) then queued = queued + 1 else dropped = dropped + 1 end
    end
  end
  return queued, dropped
end

--- The figures of each server that a supervisor asks for.
function server.figures()
  local list = {}
  for i, one in ipairs(server.all) do
    local facts = core.server_facts(one)
    list[i] = {
      connections = methods.count(one), accepted = facts.accepted, moved = core.server_moved(one),
      requests = facts.requests, replies_5xx = facts.replies_5xx,
    }
  end
  return list
end

--- The facts of every server of this run. Those done before the last KEPT are added up, like those of one server.
function server.facts()
  forget_old()
  local facts = { server.earlier }
  for _, one in ipairs(server.all) do facts[#facts + 1] = core.server_facts(one) end
  return facts
end

return server
