--- Option tables: what they may hold. A table is checked before it has any effect.
-- An unknown name raises an error that names the nearest known one; so does a wrong type or range, naming the option.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local tls = require "lastcall.tls"

local options = {}

local huge = math.huge

local function is_number(value)
  return type(value) == "number" and value == value
end

local function seconds(least, most)
  local text = least > 0 and "seconds, more than 0" or "seconds"
  if most then text = ("seconds, from %d to %d"):format(least, most) end
  return function(value) return is_number(value) and value >= least and value <= (most or huge), text end
end

local function whole(least, most)
  return function(value)
    return math.type(value) == "integer" and value >= least and value <= most
      or math.type(value) == "float" and math.tointeger(value) and value >= least and value <= most,
      ("a whole number from %d to %d"):format(least, most)
  end
end

local function either(text, ...)
  local kinds = { ... }
  return function(value)
    for _, kind in ipairs(kinds) do
      if type(kind) == "function" and kind(value) or type(value) == kind then return true, text end
    end
    return false, text
  end
end

local function is(kind)
  return function(value) return type(value) == kind, "a " .. kind end
end

local function is_false(value) return value == false end

local is_function = is("function")

local limit = either("seconds, more than 0, or false", seconds(1e-9), is_false)

-- The bounds are the kernel's.
options.keepalive = {
  idle = seconds(1, 32767), interval = seconds(1, 32767), count = whole(1, 127),
}

options.heartbeat = {
  interval = seconds(1e-3), timeout = seconds(1e-3), send = either("a string or a function", "string", is_function),
}

options.drain = {
  timeout = seconds(0), delay = seconds(0), settle = seconds(0), quiet = seconds(0),
  grace = seconds(0), hooks = seconds(0), spread = seconds(0),
}

local function nested(name, ...)
  local others = { ... }
  return function(value)
    if type(value) == "table" then
      options.check(name, value, options[name])
      return true
    end
    for _, other in ipairs(others) do
      if other(value) then return true end
    end
    local texts = { drain = "seconds, or a table of drain options", offload = "a table",
      canary = "seconds, a table of a canary's options, or false" }
    return false, texts[name] or "a table, or false"
  end
end

options.reuseport = { index = whole(1, 65535), of = whole(1, 65535) }

local function reuseport(value)
  if type(value) == "table" then
    options.check("reuseport", value, options.reuseport)
    value = value.index ~= nil and value.of ~= nil and value.index <= value.of
    return value, "{index = from 1 to of, of = how many sockets share the address}"
  end
  return type(value) == "boolean", "true, false or {index =, of =}"
end

local function linger(value)
  return is_number(value) or value == "background", 'seconds, 0 to reset, or "background"'
end

--- The options of a connection.
options.connection = {
  linger = linger,
  linger_bytes = whole(0, 2 ^ 53), keepalive = nested("keepalive", is_false),
  heartbeat = nested("heartbeat", is_false),
  user_timeout = limit, read_timeout = limit, write_timeout = limit,
  handshake_timeout = limit, first_byte_timeout = limit, idle_timeout = limit, max_age = limit,
  max_line = whole(1, 2 ^ 40), max_read = whole(1, 2 ^ 40), max_queue = whole(0, 2 ^ 40),
  nodelay = is("boolean"),
}

--- The options of a listening socket.
options.listener = {
  backlog = whole(1, 65535), reuseaddr = is("boolean"), reuseport = reuseport,
  ipv6_only = is("boolean"), defer_accept = either("true, false or seconds", "boolean", seconds(1)),
  control = is_function, unix_mode = whole(0, 511), shared = is("boolean"),
}

local function with(...)
  local all = {}
  for _, part in ipairs { ... } do
    for name, check in pairs(part) do all[name] = check end
  end
  return all
end

local function start(value)
  return value == "accept" or value == "data", '"accept" or "data"'
end

local function on_eof(value) return value == "cancel" or value == "finish", '"cancel" or "finish"' end

local handling = {
  start = start, on_eof = on_eof,
  max_connections = whole(1, 2 ^ 31 - 1), late = is("boolean"), drain = nested("drain", seconds(0)),
  on_drain = is_function, on_error = is_function, log = is_function, max_block = limit,
  farewell = either("a string or a function", "string", is_function),
}

options.server = with(options.connection, options.listener, handling, {
  tls = tls.is_server, max_handshakes = whole(1, 2 ^ 31 - 1),
})

local function strings(value)
  local fine = type(value) == "table"
  for _, one in ipairs(fine and value or {}) do fine = fine and type(one) == "string" end
  return fine, "a list of strings"
end

local function interpreter(value)
  return strings(value) and value[1] ~= nil, "a list of strings: the interpreter, and its own arguments"
end

options.offload = { helpers = whole(1, 1024), idle = limit, command = interpreter }

options.run = {
  signals = either("a list of signal names, or false", "table", is_false),
  drain = nested("drain", seconds(0)), log = is_function, on_error = is_function,
  max_block = limit, exit_when_stuck = is("boolean"), raise_descriptors = is("boolean"),
  progress = is("boolean"), patch_coroutine = is("boolean"), debug = is("boolean"),
  offload = nested("offload"),
}

options.serve = with(options.server, options.run)

local function path(value) return type(value) == "string" and value:find("^/") ~= nil, 'a path, such as "/ready"' end

local function networks(value)
  local fine = type(value) == "table"
  for _, one in pairs(fine and value or {}) do fine = fine and type(one) == "string" and core.http_is_network(one) end
  return fine, 'a list of networks, such as {"10.0.0.0/8", "::1", "unix:"}'
end

options.http = {
  head_timeout = limit, body_timeout = limit, body_rate = whole(0, 2 ^ 31), keepalive_timeout = limit,
  max_in_flight = whole(1, 2 ^ 31), max_body = whole(0, 2 ^ 53), max_head = whole(256, 2 ^ 24),
  max_fields = whole(1, 10000), ready = path, trusted = networks, access_log = is_function,
}

options.http_events = { retry = limit, heartbeat = limit, max_queue = whole(0, 2 ^ 40) }

local function tokens(value)
  local fine = type(value) == "table"
  for _, one in ipairs(fine and value or {}) do
    fine = fine and type(one) == "string" and one:find "^[%w!#$%%&'*+.^_`|~-]+$" ~= nil
  end
  return fine, 'a list of names, such as {"chat.v2", "chat"}'
end

local function close_code(value)
  return math.type(value) == "integer" and core.websocket_is_code(value),
    "a code that a Close frame may have, such as 1001 or 1012"
end

local conversation = {
  max_message = whole(1, 2 ^ 40), message_timeout = limit, heartbeat = nested("heartbeat", is_false),
  protocols = tokens, drain_code = close_code,
}

options.websocket = with(conversation, {
  origins = either("a list of origins, or a function", "table", is_function),
})

local sent = { types = is("table"), max_age = whole(0, 2 ^ 31) }

options.http_file = with(sent, { root = is("string"), type = is("string") })

local function part(value) return type(value) == "string" and not value:find "/", "a name without a slash" end

options.http_files = with(sent, { prefix = path, index = part })

options.http_status = { title = is "string", access = is_function, most = whole(1, 80) }

local function is_headers(value)
  return type(value) == "table", "a table of headers, such as {Accept = \"text/html\"}"
end

options.http_client = {
  connect_timeout = limit, read_timeout = limit, write_timeout = limit, idle_timeout = seconds(0), timeout = limit,
  max_connections = whole(1, 2 ^ 31), max_per_host = whole(1, 2 ^ 31), max_idle = whole(0, 2 ^ 31),
  max_head = whole(256, 2 ^ 24), max_fields = whole(1, 10000), max_body = whole(0, 2 ^ 53),
  redirects = whole(0, 100), headers = is_headers, proxy = either("the URL of a proxy, or false", "string", is_false),
  tls = tls.is_client, decompress = is "boolean",
}

local function anything() return true end -- checked where it is used

options.http_request = {
  method = anything, url = anything, headers = is_headers, body = anything, timeout = limit, deadline = is "number",
  redirects = whole(0, 100), auth = either('"name:password"', "string"), retry = is "boolean",
  expect = either("true, or seconds to wait for 100 Continue", "boolean", seconds(0)),
}

options.http_serve = with(options.serve, options.http)

options.connect = with(options.connection, {
  timeout = limit, bind = is("string"), tls = tls.is_client,
})

options.websocket_client = with(conversation, {
  timeout = limit, bind = is("string"), tls = tls.is_client, headers = is_headers,
})

local function way(value)
  return value == "all" or value == "rolling", '"all" or "rolling"'
end

options.canary = { seconds = seconds(0), least = whole(0, 2 ^ 53), tolerance = whole(0, 2 ^ 53) }

local is_canary = nested("canary", seconds(0), is_false)

options.reload = { canary = is_canary, progress = is_function }

options.supervise = {
  script = is("string"), args = strings, command = strings, workers = whole(1, 1024), listen = strings,
  drain = seconds(0), start_timeout = seconds(1e-3), probation = seconds(0), way = way,
  generations = whole(2, 16), signals = is("boolean"), log = is_function,
  check = either('a function, or a path, such as "/health"', is_function, path), canary = is_canary,
  pin = is("boolean"),
}

options.resolve = { timeout = limit }

options.pipe = { timeout = limit }

options.hook = { timeout = seconds(1e-9) }

options.detach = { on_drain = is_function, on_kill = is_function }

--- Edit distance, to guess which option was meant.
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #b do
      local above = row[j]
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      row[j] = math.min(above + 1, row[j - 1] + 1, diagonal + cost)
      diagonal = above
    end
  end
  return row[#b]
end

local function nearest(name, known)
  local best, least
  for candidate in pairs(known) do
    local d = distance(name, candidate)
    if not least or d < least or d == least and candidate < best then best, least = candidate, d end
  end
  return best
end

--- Raises unless every field of `given` is a known option with a value of its kind.
function options.check(what, given, known)
  if given == nil then return {} end
  if type(given) ~= "table" then
    misuse.raise("%s: options are a table, not a %s", what, type(given))
  end
  for name, value in pairs(given) do
    local check = known[name]
    if not check then
      misuse.raise("%s: unknown option '%s'; did you mean '%s'?", what, tostring(name),
        nearest(tostring(name), known))
    end
    local fine, expected = check(value)
    if not fine then
      misuse.raise("%s: option '%s' is %s, not %s", what, name, expected,
        type(value) == "string" and ("%q"):format(value) or tostring(value))
    end
  end
  return given
end

--- Raises unless `value`, an optional argument of `what`, is a time in seconds.
function options.check_seconds(what, value)
  if value == nil or is_number(value) then return end
  misuse.raise("%s: expected a time in seconds, not %s", what,
    type(value) == "number" and "NaN" or "a " .. type(value))
end

--- The fields of `given` that `known` has.
function options.pick(given, known)
  local picked = {}
  for name in pairs(known) do picked[name] = given[name] end
  return picked
end

return options
