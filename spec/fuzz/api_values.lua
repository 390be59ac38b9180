--- The objects that a story of api.lua has at hand, and the values, right and wrong, that it calls with.

local lastcall = require "lastcall"

local huge = math.huge
local AT_MOST = 6 -- objects of a kind that are kept

local values = {}
values.__index = values

--- `decide` as decide.lua has it.
function values.new(decide) return setmetatable({ decide = decide, kept = {}, actors = 0 }, values) end

function values:one_of(list) return list[self.decide(#list) + 1] end

--- Keeps an object, in place of an older one when there are many.
function values:keep(kind, object)
  local list = self.kept[kind] or {}
  self.kept[kind] = list
  if #list < AT_MOST then list[#list + 1] = object else list[self.decide(AT_MOST) + 1] = object end
  return object
end

--- One of those that are kept, closed or not; nil when there is none.
function values:get(kind)
  local list = self.kept[kind]
  if list and #list > 0 then return self:one_of(list) end
end

function values:forget() self.kept = {} end

local NUMBERS = { 0, 1, -1, 2, 3, 7, 64, 0.5, -0.5, 4096, 65536, 1e9, 2 ^ 53, 1e300, huge, -huge, 0 / 0,
  math.maxinteger, math.mininteger }
local STRINGS = { "", "l", "L", "a", "n", "x", "\n", "both", "read", "write", "full", "no", "background", "r", "w",
  "127.0.0.1:0", "unix:@", "idle", "active", "==", ">", "USR2", "nodelay", "rcvbuf", "closed", ("y"):rep(5000) }
local DATA = { "a line\n", "", "half", "two\nlines\n", ("z"):rep(3000), 12, 1.5, ("w"):rep(70000) }
local SHORT = { 0, 0.0005, 0.001, 0.002, 0.003 }

-- As callbacks these would raise for good reason: they wait.
local ITERATORS = { iter = true, lines = true, each = true }

local function nothing() end

--- Any value there is, mostly of the wrong kind for where it goes.
function values:anything()
  local kind = self.decide(9)
  if kind == 0 then return nil end
  if kind == 1 then return self:one_of(NUMBERS) end
  if kind == 2 then return self:one_of(STRINGS) end
  if kind == 3 then return self.decide(2) == 1 end
  if kind == 4 then return self:one_of { nothing, os.clock, {}, { 1, 2 }, io.stdout, coroutine.create(nothing) } end
  if kind == 5 then return setmetatable({}, { __index = self:get "conn" or {}, __name = "lastcall.conn" }) end
  local kinds = {}
  for name in pairs(self.kept) do
    if not ITERATORS[name] then kinds[#kinds + 1] = name end
  end
  table.sort(kinds)
  if #kinds == 0 then return {} end
  return self:get(self:one_of(kinds))
end

--- A whole number, or nil for an argument that is left out.
local function count(self) return self:one_of { 1, 2, 3, 10, 100, 5000, 1, 2 } end

local makers = {
  seconds = function(self) return self:one_of(SHORT) end,
  at = function(self) return lastcall.now() + self:one_of(SHORT) end,
  count = count,
  data = function(self) return self:one_of(DATA) end,
  format = function(self) return self:one_of { "l", "L", "a", 0, 1, 5, "*l" } end,
  delimiter = function(self) return self:one_of { "\n", "\r\n", "zz", "nowhere" } end,
  half = function(self) return self:one_of { "read", "write", "both" } end,
  linger = function(self) return self:one_of { 0, 0.002, -1, "background" } end,
  mode = function(self) return self:one_of { "full", "no" } end,
  state = function(self) return self:one_of { "new", "active", "idle", "closing", "closed" } end,
  operator = function(self) return self:one_of { ">", ">=", "==", "<=", "<" } end,
  boolean = function(self) return self.decide(2) == 1 end,
  option = function(self) return self:one_of { "nodelay", "rcvbuf", "sndbuf", "tos", "keepalive", "user_timeout" } end,
  signal = function(self) return self:one_of { "USR1", "USR2", "HUP", "WINCH", "KILL", "INT" } end,
  letter = function(self) return self:one_of { "r", "w", "rw" } end,
  name = function(self) return self:one_of { "one", "two" } end,
  key = function(self) return self:one_of { "a", "b", 3, nothing } end,
  value = function(self) return self:one_of { 1, "v", false, {} } end,
  address = function(self)
    local server = self:get "server"
    local addresses = server and server:addresses() or {}
    if #addresses > 0 and self.decide(8) > 0 then return self:one_of(addresses) end
    return self:one_of { "127.0.0.1:0", "127.0.0.1:1", "unix:@lastcall-fuzz-nobody", "[::1]:0" }
  end,
  listen_address = function(self)
    self.paths = (self.paths or 0) + 1
    if self.decide(6) == 0 then return self:one_of { "127.0.0.1:0", "[::1]:0", { fd = 1 }, { fd = 1 << 40 } } end
    return ("unix:@lastcall-fuzz-%s-%d"):format(tostring(self):match "%w+$", self.paths)
  end,
  server_options = function(self)
    return self:one_of { nil, {}, { linger = 0.002 }, { start = "data", idle_timeout = 0.004 }, { max_connections = 2 },
      { farewell = "bye\n", drain = 0.05 }, { heartbeat = { interval = 0.002, timeout = 0.002, send = "?" } },
      { on_drain = self:actor(3), max_age = 0.004 }, { drain = { delay = 0.001, quiet = 0, settle = 0.001 } },
      { first_byte_timeout = 0.003, read_timeout = 0.003, write_timeout = 0.003, max_line = 8, max_queue = 10 },
      { farewell = self:callback(), control = self:callback() } }
  end,
  connect_options = function(self)
    return self:one_of { nil, {}, { timeout = 0.01 }, { linger = 0 }, { bind = "127.0.0.1:0" }, { bind = 1 },
      { read_timeout = 0.002, write_timeout = 0.002 }, { keepalive = false, user_timeout = false } }
  end,
  keepalive = function(self) return self:one_of { false, {}, { idle = 5 }, { count = 2, interval = 1 } } end,
  heartbeat = function(self)
    return self:one_of { false, { interval = 0.002 }, { interval = 0.001, timeout = 0.001, send = "!" },
      { interval = 0.001, send = self:callback() } }
  end,
  farewell = function(self) return self:one_of { nil, "", "bye\n", self:callback() } end,
  hooks = function(self) return self:one_of { nil, {}, { on_drain = self:actor(2), on_kill = self:callback() } } end,
  hook_options = function(self) return self:one_of { nil, { timeout = 0.005 } } end,
  pipe_options = function(self) return self:one_of { nil, { timeout = 0.004 } } end,
  fd = function(self) return self:one_of { 0, -1, 999, lastcall.pollfd(), 1 << 33 } end,
  cases = function(self)
    local cases = { timeout = self:one_of { 0, 0.001 } }
    for i = 1, self.decide(4) do
      cases[i] = self:one_of { self:get "channel" or false, self:get "context" or false,
        { self:get "channel", 1 }, false }
    end
    if self.decide(8) == 0 then cases[self:one_of { 1, 5, "x" }] = self:anything() end
    return cases
  end,
  socket_option = function(self)
    return self:one_of { "keepalive", "reuseaddr", "tcp-nodelay", "linger", "ipv6-v6only" }
  end,
  host = function(self) return self:one_of { "127.0.0.1", "*", "::1", "localhost", "not a host" } end,
  port = function(self) return self:one_of { 0, 1, "0", 65536 } end,
  sockets = function(self)
    local list = {}
    for i = 1, self.decide(4) do list[i] = self:get "socket" end
    return self.decide(8) == 0 and self:anything() or list
  end,
}

--- A function for tasks: it makes `most` calls of its own. api.lua provides it.
function values:actor(most) return self.make_actor(most) end

--- A function that the loop calls back, which may not wait.
function values:callback() return self.make_callback() end

function makers.task(self) return self:actor(self.decide(6)) end
function makers.callback(self) return self:callback() end
function makers.body(self) return self:actor(2) end
function makers.case(self) return self:anything() end

--- A value for an argument: of the kind, mostly; "kind?" may be left out.
function values:argument(kind)
  local optional = kind:sub(-1) == "?"
  if optional then
    if self.decide(3) == 0 then return nil end
    kind = kind:sub(1, -2)
  end
  if self.decide(12) == 0 then return self:anything() end
  local make = makers[kind]
  if make then return make(self) end
  local object = self:get(kind)
  if object == nil then object = self:anything() end
  return object
end

return values
