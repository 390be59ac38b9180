--- The way to the server of a URL: in clear or in TLS, by itself or through a proxy.
--
--   http                  > server
--   http, by a proxy      > proxy, which gets the whole URL
--   https                 > server, in TLS
--   https, by a proxy     > proxy, which is asked for a tunnel (CONNECT); TLS with the server inside of it

local connect = require "lastcall.connect"
local core = require "lastcall.core"

local route = {}

local Route = {}
Route.__index = Route

local function has_tls() return (pcall(require, "lastcall.tls.core")) end

--- The route to the host of a URL. `proxy` is {address =, authorization =}, or nil. Returns it, or nil, code, message.
function route.to(parts, proxy, given)
  local is_https = parts.scheme == "https"
  if is_https and not has_tls() then return nil, "unsupported", "https needs the rock lastcall-tls" end
  local server = ("%s:%d"):format(parts.host, parts.port)
  local self = setmetatable({ server = server, given = given, where = proxy and proxy.address or server }, Route)
  if is_https then
    self.tls = { name = parts.host:gsub("[%[%]]", "") }
    for name, value in pairs(given.tls or {}) do self.tls[name] = value end
  end
  self.tunnel, self.through = is_https and proxy or nil, not is_https and proxy or nil
  -- Requests whose routes have the same key may share connections.
  self.key = is_https and ("https %s %s"):format(server, self.where) or self.where
  return self
end

--- Asks the proxy for a tunnel, and begins TLS in it. Returns true, or nil, code, message.
local function open_tunnel(self, conn)
  local secret = self.tunnel.authorization
  conn:write(("CONNECT %s HTTP/1.1\r\nHost: %s\r\n"):format(self.server, self.server),
    secret and ("Proxy-Authorization: %s\r\n"):format(secret) or "", "\r\n")
  local reply, code, text = core.http_read_reply(conn, { answers_head = true }) -- no body follows, as to HEAD
  if not reply then return nil, code, text end
  if reply.status < 200 or reply.status > 299 then
    return nil, "refused", ("the proxy %s has answered %d %s"):format(self.where, reply.status, reply.reason)
  end
  return conn:starttls(self.tls)
end

--- Makes a connection, until the deadline and within connect_timeout. Returns it, or nil, code, message.
function Route:dial(deadline)
  local given = self.given
  local till = given.connect_timeout and math.min(deadline or math.huge, core.now() + given.connect_timeout) or deadline
  local conn, code, text = connect(self.where, {
    timeout = till and math.max(till - core.now(), 1e-9) or false, tls = not self.tunnel and self.tls or nil,
    read_timeout = given.read_timeout, write_timeout = given.write_timeout,
  })
  if not conn then return nil, code, text end
  if self.tunnel then
    local fine
    conn:set_deadline(till)
    fine, code, text = open_tunnel(self, conn)
    if not fine then
      conn:abort()
      return nil, code, text
    end
  end
  return conn
end

return route
