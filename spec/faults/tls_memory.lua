--- Connections over TLS, one after the other, in each of which one allocation of OpenSSL's fails.
-- CERTIFICATES = {certificate =, key =, ca =} and LIFE are there. The first connection fails in its FIRST allocation,
-- the next STEP later, up to LAST, and as many as TIMES behind it. The one after each has all memory. Without FIRST
-- none fails.
local openssl = require "spec_openssl"
local life = require "spec.faults.life"
local try = life.try

-- luacheck: globals CERTIFICATES LIFE FIRST LAST STEP TIMES
local OF = CERTIFICATES

local SERVER = { certificate = OF.certificate, key = OF.key }
local PICKY = { certificate = OF.certificate, key = OF.key, ca = OF.ca, verify = true, alpn = { "x", "y" },
  sni = { localhost = SERVER } }

local function client(more)
  local options = { ca = OF.ca, name = "localhost" }
  for name, value in pairs(more or {}) do options[name] = value end
  return { tls = options, timeout = 25, read_timeout = 25, write_timeout = 25 }
end

local function echo(conn)
  for line in conn:lines() do try(conn:write(line, "\n")) end
end

local function talk(conn)
  for _, word in ipairs { "hello", ("x"):rep(20000) } do
    local got = try(conn:write(word, "\n")) and try(conn:read())
    if got and got ~= word then error("'" .. word:sub(1, 10) .. "' comes back as another") end
    if not got then break end
  end
end

local lives = {}

--- A client that looks at the server's certificate.
lives.plain = { tls = SERVER, handler = echo, options = client() }

--- A server that looks at the client's, chooses by name, and has a protocol in common.
lives.picky = { tls = PICKY, handler = echo,
  options = client { certificate = OF.certificate, key = OF.key, alpn = { "y" } } }

--- One that begins in clear.
lives.starttls = { options = { timeout = 25, read_timeout = 25, write_timeout = 25 } }
function lives.starttls.handler(conn)
  if try(conn:read()) and try(conn:write "go\n") and try(conn:starttls(SERVER)) then echo(conn) end
end
function lives.starttls.begin(conn)
  return try(conn:write "hello\n") and try(conn:read()) and try(conn:starttls(client().tls))
end

--- A server whose certificate is replaced meanwhile.
lives.replaced = { tls = SERVER, handler = echo, options = client() }
function lives.replaced.before(server) try(server:set_tls(SERVER)) end

life.live(function(lastcall)
  local one = lives[LIFE]
  local server = life.serve("127.0.0.1:0", one.handler, { tls = one.tls, handshake_timeout = 25, linger = 1 })
  local function meet(is_short)
    if is_short then collectgarbage() end -- the client's options are read anew
    if is_short and one.before then one.before(server) end
    local conn = try(lastcall.connect(server:addresses()[1], one.options))
    local is_open = conn and (not one.begin or one.begin(conn))
    if is_open then talk(conn) end
    if conn then conn:close() end
    while server:count() > 0 do lastcall.sleep(0.001) end
    return is_open
  end
  assert(meet()) -- OpenSSL keeps what it makes once
  openssl.none()
  if not FIRST then return assert(meet(true)) end
  local useless = 0
  for n = FIRST, LAST, STEP do
    openssl.fail(n, TIMES)
    meet(true)
    openssl.none()
    if not meet() then -- OpenSSL may have made a context that is of no use, and not have said so
      collectgarbage()
      if one.tls then assert(server:set_tls(one.tls)) end
      if not meet() then error("after allocation " .. n .. " the server does not serve any more") end
      useless = useless + 1
    end
  end
  if useless > 2 then error(useless .. " contexts are of no use") end
end)
