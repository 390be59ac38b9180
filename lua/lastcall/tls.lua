--- TLS: what the option `tls` holds, and what becomes of it. The work is done by the rock lastcall-tls.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"

local tls = {}

local NEVER, IF_THERE, ALWAYS = 0, 1, 2 -- whether the peer's certificate is checked
local TICKET_KEY, TICKET_KEYS = 80, 8 -- bytes of one; how many there may be

local module

--- The module of the rock; raises when it is not installed.
local function need(what)
  if module then return module end
  local found, result = pcall(require, "lastcall.tls.core")
  if found then
    module = result
    return module
  end
  local is_missing = tostring(result):find("module 'lastcall.tls.core' not found", 1, true)
  misuse.raise("%s: the option 'tls' needs the rock lastcall-tls; doc/tls.md says how to install it%s", what,
    is_missing and "" or " (" .. tostring(result) .. ")")
end

-- ---------------------------------------------------------------------------------------------------- the options

local TEXT = { certificate = true, key = true, chain = true, ca = true } -- PEM, or the path of a file of it

local function is_string(value) return type(value) == "string", "a string" end

local function pem(value) return type(value) == "string" and value ~= "", "the path of a PEM file, or PEM text" end

local function protocols(value)
  local fine = type(value) == "table" and #value > 0
  for _, one in pairs(fine and value or {}) do
    fine = fine and type(one) == "string" and #one > 0 and #one < 256
  end
  return fine, 'a list of protocols, such as {"http/1.1"}'
end

local function version(value) return value == "1.2" or value == "1.3", '"1.2" or "1.3"' end

local function is_key(value) return type(value) == "string" and #value == TICKET_KEY end

local function tickets(value)
  local fine = type(value) == "table" and #value > 0 and #value <= TICKET_KEYS
  for _, one in pairs(fine and value or {}) do fine = fine and is_key(one) end
  return fine or value == true or value == false or is_key(value),
    ("true, false, a key of %d random bytes, or a list of up to %d keys"):format(TICKET_KEY, TICKET_KEYS)
end

--- The keys of tickets, one behind the other; nil: the server makes its own.
local function ticket_keys(value)
  if type(value) == "table" then return table.concat(value) end
  return type(value) == "string" and value or nil
end

local one_name = { certificate = pem, key = pem, chain = pem }

local both = {
  certificate = pem, key = pem, chain = pem, ca = pem, alpn = protocols, min_version = version, ciphers = is_string,
}

local function with(more)
  for name, check in pairs(both) do more[name] = check end
  return more
end

local function names(value)
  local options = require "lastcall.options"
  if type(value) ~= "table" then return false, "a table of names, each with certificate and key" end
  for name, of in pairs(value) do
    if type(name) ~= "string" then return false, "a table of names, each with certificate and key" end
    options.check("tls.sni", of, one_name)
    if not of.certificate then return false, "a table of names, each with a certificate" end
  end
  return true
end

local server_options = with {
  sni = names, tickets = tickets,
  verify = function(value) return type(value) == "boolean" or value == "optional", 'true, false or "optional"' end,
}

local client_options = with {
  name = is_string,
  verify = function(value) return type(value) == "boolean", "true or false" end,
}

--- Whether `value` may be the option `tls` of a server, or of a client.
function tls.is_server(value)
  if type(value) ~= "table" then return false, "a table: {certificate =, key =}" end
  require("lastcall.options").check("tls", value, server_options)
  if not value.certificate then return false, "a table with a certificate" end
  if value.verify and not value.ca then return false, "a table with a ca, whose certificates clients have to show" end
  return true
end

function tls.is_client(value)
  if value == true or value == false then return true end
  if type(value) ~= "table" then return false, "true, or a table of TLS options" end
  require("lastcall.options").check("tls", value, client_options)
  return true
end

-- ---------------------------------------------------------------------------------------------------- the configs

local ERRNO = { [2] = "enoent", [13] = "permission denied" }

--- The text of a PEM option; or nil, code, message.
local function text_of(name, value)
  if value:find("-----BEGIN", 1, true) then return value end
  local file, message, number = io.open(value, "rb")
  local text
  if file then
    text, message, number = file:read "a"
    file:close()
  end
  if not text then return nil, ERRNO[number] or "eio", ("tls: %s: %s"):format(name, message) end
  return text
end

--- The protocols as on the wire: each behind its length.
local function wire_of(list)
  local parts = {}
  for i, one in ipairs(list) do parts[i] = string.pack("s1", one) end
  return table.concat(parts)
end

local function verify_of(given, is_client)
  if is_client then return given.verify == false and NEVER or ALWAYS end
  return given.verify == "optional" and IF_THERE or given.verify and ALWAYS or NEVER
end

--- What the module takes, without the texts and the names.
local function plain_of(given, is_client)
  return {
    is_client = is_client and 1 or 0, min_version = given.min_version == "1.3" and 13 or 12,
    verify = verify_of(given, is_client), ciphers = given.ciphers, alpn = given.alpn and wire_of(given.alpn),
    has_tickets = given.tickets == false and 0 or 1, ticket_keys = ticket_keys(given.tickets),
  }
end

--- Reads the PEM options. Returns true, or nil, code, message.
local function read_texts(raw, given)
  for name in pairs(TEXT) do
    if given[name] then
      local text, code, message = text_of(name, given[name])
      if not text then return nil, code, message end
      raw[name] = text
    end
  end
  return true
end

--- The options of one name: its own certificate, and all else as the server has it.
local function of_name(given, own)
  local layer = { certificate = own.certificate, chain = own.chain or false, key = own.key or false, sni = false }
  return setmetatable(layer, { __index = given })
end

--- Makes a config. Returns it, or nil, code, message.
local function make(given, is_client)
  local raw = plain_of(given, is_client)
  local config, code, message = read_texts(raw, given)
  if not config then return nil, code, message end
  raw.names = {}
  for name, own in pairs(given.sni or {}) do
    config, code, message = make(of_name(given, own), false)
    if not config then return nil, code, ("%s (of the name %s)"):format(message, name) end
    raw.names[name] = config
  end
  config, code, message = module.config(raw)
  if not config then return nil, code, "tls: " .. message end
  return config
end

local function transport_of(what, ...)
  local transport, code, message = module.transport(...)
  if transport then return transport end
  return nil, code, ("%s: tls: %s"):format(what, message)
end

--- The transport of a server. Returns it, or nil, code, message.
function tls.of_server(what, given)
  need(what)
  local config, code, message = make(given, false)
  if not config then return nil, code, what .. ": " .. message end
  return transport_of(what, config)
end

--- Gives a server's transport other options. Returns true, or nil, code, message.
function tls.renew(what, transport, given)
  local config, code, message = make(given, false)
  if not config then return nil, code, what .. ": " .. message end
  module.reconfigure(transport, config)
  return true
end

-- Reading the system's certificates takes some 20 ms, so clients with equal options share a config while one uses it.
local shared = setmetatable({}, { __mode = "v" })
local default -- luacheck: ignore 231 -- the config of clients without options of their own

local function key_of(given)
  local parts = {}
  for name in pairs(client_options) do
    local value = given[name]
    if type(value) == "table" then value = wire_of(value) end
    if name ~= "name" and value ~= nil then parts[#parts + 1] = string.pack("s4s4", name, tostring(value)) end
  end
  table.sort(parts)
  return table.concat(parts)
end

local function client_config(given)
  local key = key_of(given)
  local known = shared[key]
  if known then return known end
  local config, code, message = make(given, true)
  if not config then return nil, code, message end
  shared[key] = config
  if key == "" then default = config end -- kept for good
  return config
end

--- The transport of a client that means to reach `host`. Returns it, or nil, code, message.
function tls.of_client(what, given, host)
  need(what)
  if given == true then given = {} end
  local config, code, message = client_config(given)
  if not config then return nil, code, what .. ": " .. message end
  host = given.name or host
  if not host and given.verify ~= false then
    misuse.raise("%s: tls needs the name that the certificate is to have: tls = {name = ...}", what)
  end
  return transport_of(what, config, host)
end

--- What a connection has agreed on with its peer; nil for one without TLS.
function tls.describe(conn)
  local name, state = core.conn_transport(conn)
  if name ~= "tls" or not state then return nil end
  return module.describe(state)
end

return tls
