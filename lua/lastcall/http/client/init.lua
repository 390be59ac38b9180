--- A client of HTTP/1.1 servers, with a pool of connections. The API is described in lastcall/meta_client.lua.

local core = require "lastcall.core"
local exchange = require "lastcall.http.client.exchange"
local inflate = require "lastcall.http.client.inflate"
local message = require "lastcall.http.client.message"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"
local pool = require "lastcall.http.client.pool"
local proxy = require "lastcall.http.client.proxy"
local redirect = require "lastcall.http.client.redirect"
local reply = require "lastcall.http.client.reply"
local route = require "lastcall.http.client.route"
local url = require "lastcall.http.client.url"

local methods = {}
local Client = { __name = "lastcall.http.client", __metatable = "lastcall.http.client", __index = methods }

local DEFAULTS = {
  connect_timeout = 10, read_timeout = 60, write_timeout = 60, idle_timeout = 30,
  max_connections = 256, max_per_host = 32, max_idle = 64,
  max_head = 32768, max_fields = 100, max_body = 16 * 1024 * 1024, redirects = 10,
}

local function new(given)
  given = options.check("http.client", given, options.http_client)
  local settings = {}
  for name, value in pairs(DEFAULTS) do
    settings[name] = given[name] == nil and value or given[name] or nil
  end
  settings.decompress = given.decompress and inflate.is_there
  settings.tls = type(given.tls) == "table" and given.tls or nil
  return setmetatable({
    settings = settings, headers = given.headers, timeout = given.timeout or nil, pool = pool.new(settings),
    proxy_for = proxy.chooser(given.proxy),
  }, Client)
end

-- ------------------------------------------------------------------------------------------- one request --

-- Failures of a connection that was used before: the server may have closed it before it saw the request.
local IS_GONE = { eof = true, reset = true, ["broken pipe"] = true, truncated = true }

local function may_repeat(one, lease, code, has_begun)
  return lease.is_reused and IS_GONE[code] and not has_begun and one.is_idempotent and message.is_repeatable(one)
end

--- Performs a request that was checked. Returns the reply; or nil, code, message.
local function attempt(self, one, deadline)
  local way, code, text = route.to(one.url, self.proxy_for(one.url), self.settings)
  if not way then return nil, code, text end
  local is_new = false
  one.decodes = self.settings.decompress and message.may_be_compressed(one)
  while true do
    local lease, conn, problem = self.pool:take(way, deadline, is_new)
    if not lease then return nil, conn, problem end
    conn:set_deadline(deadline)
    local head, run, has_begun
    head, run, problem, has_begun = exchange.perform(lease, conn, one, way.through, self.settings)
    if head then return reply.new(head, run, url.text(one.url), self.settings, one.decodes) end
    if not may_repeat(one, lease, run, has_begun) then return nil, run, problem end
    is_new = true -- no third attempt: this connection was not kept
  end
end

--- Reads the rest of a reply that redirects, if it is short, so that its connection can be used again.
local function skip(one)
  local body = one:body(65536)
  if not body then one:close() end
end

--- Performs a request, and those that replies redirect it to.
local function follow(self, what, given, deadline)
  local one, most = message.new(what, given, self.headers), given.redirects or self.settings.redirects
  for followed = 0, most do
    local got, code, text = attempt(self, one, deadline)
    local following
    if got and most == 0 then return got end
    if got then following, code, text = redirect.next(one, got) end
    if got and not following and not code then return got end
    if got then skip(got) end
    if followed == most and not code then code, text = "invalid", "it redirects too often" end
    if code then return nil, code, ("%s %s: %s"):format(one.method, url.text(one.url), text or code) end
    one = message.new(what, following)
  end
end

-- ----------------------------------------------------------------------------------------------- calls --

local function with(what, given, fields)
  if type(given) ~= "table" then given = options.check(what, given, options.http_request) end
  local all = {}
  for name, value in pairs(given) do all[name] = value end
  for name, value in pairs(fields) do all[name] = value end
  return all
end

local function perform(self, what, given)
  options.check(what, given, options.http_request)
  core.expect_task(what)
  local timeout = given.timeout == nil and self.timeout or given.timeout
  local deadline = given.deadline
  if timeout then deadline = math.min(deadline or math.huge, core.now() + timeout) end
  return follow(self, what, given, deadline)
end

local calls = {}

function calls.request(self, what, where, given)
  if type(where) == "table" then return perform(self, what, where) end
  return perform(self, what, with(what, given, { url = where }))
end

function calls.get(self, what, where, given)
  return perform(self, what, with(what, given, { url = where, method = "GET" }))
end

function calls.post(self, what, where, body, given)
  return perform(self, what, with(what, given, { url = where, method = "POST", body = body }))
end

local module = { client = new, reply_methods = reply.methods }

local function check_self(self, what)
  if debug.getmetatable(self) ~= Client then misuse.raise("%s: expected a client as self: call it with ':'", what) end
end

local shared -- the client of http.get and the like

for name, call in pairs(calls) do
  methods[name] = function(self, ...)
    check_self(self, "client:" .. name)
    return call(self, "client:" .. name, ...)
  end
  module[name] = function(...)
    shared = shared or new()
    return call(shared, "http." .. name, ...)
  end
end

--- Closes the connections that rest. Those that are lent go on.
function methods:close()
  check_self(self, "client:close")
  self.pool:close_all()
  return true
end

return module
