--- Option tables out of any bytes: what fuzz_options.c runs. Each is refused with an error that names the
-- option, at the script's line; or it is taken, and a server with it serves a client, or says why not.

local lastcall = require "lastcall"
local options = require "lastcall.options"
local codes = require "spec.fuzz.codes"

local huge = math.huge
local function nothing() end

local NUMBERS = { 0, 1, -1, 0.5, 2, 3, 30, 127, 128, 255, 511, 512, 4096, 65535, 65536, 1e-9, 1e-3, 1e9, 1e18,
  1e300, huge, -huge, 0 / 0, -0.0, 2 ^ 31, 2 ^ 31 - 1, 2 ^ 40, 2 ^ 53, math.maxinteger, math.mininteger }
local OTHERS = { true, false, "", "background", "accept", "data", "x", "bye\n", nothing, error,
  function() return "words" end, {}, { 1 }, { index = 1, of = 2 }, { count = 0 }, print, coroutine.create(nothing) }
-- Beside the ones that there are.
local STRANGE = { "", "lingr", "timeouts", "Linger", 1, 0.5, true, nothing, -1, "drain.timeout" }

local function sorted(...)
  local names = {}
  for _, known in ipairs { ... } do
    for name in pairs(known) do names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

local SERVER, CONNECT, NESTED, RUN, HOOK = sorted(options.server), sorted(options.connect),
  sorted(options.keepalive, options.heartbeat, options.drain, options.reuseport), sorted(options.run),
  sorted(options.hook)

local PATH = "unix:@lastcall-fuzz-" .. tostring(SERVER):match "%w+$"

--- The bytes as decisions; 0 when there are none left.
local function decider(bytes)
  local at = 0
  return function(n)
    at = at + 1
    return (bytes:byte(at) or 0) % n
  end
end

local function make(decide, names, depth)
  local given = {}
  for _ = 1, decide(6) do
    local name = decide(12) == 0 and STRANGE[decide(#STRANGE) + 1] or names[decide(#names) + 1]
    local kind = decide(8)
    if kind < 5 then
      given[name] = NUMBERS[decide(#NUMBERS) + 1]
    elseif kind < 7 or depth > 1 then
      given[name] = OTHERS[decide(#OTHERS) + 1]
    else
      given[name] = make(decide, NESTED, depth + 1)
    end
  end
  return given
end

--- What a call with option tables may come to: its results, or nothing when it was refused as it should be.
local function refused_or(fine, result, code, ...)
  if fine then
    if not result then codes.must_be_known(code) end
    return result, code, ...
  end
  assert(type(result) == "string" and result:find("^%S*options%.lua:%d+: "), result)
  assert(result:find("option", 1, true) or result:find("signal", 1, true), result)
end

-- These stand between pcall and the call, so that an error names a line of this file.
local function listen(address, given)
  local server, code, message = lastcall.listen(address, given)
  return server, code, message
end

local function connect(address, given)
  local conn, code, message = lastcall.connect(address, given)
  return conn, code, message
end

local function hook(given)
  local cancel = lastcall.on_shutdown("fuzz", nothing, given)
  return cancel
end

local function set(method, conn, given)
  local fine, code, message = conn[method](conn, given)
  return fine, code, message
end

local function outcome(value, code)
  if not value then codes.must_be_known(code) end
  return value
end

local function exchange(there, here, decide)
  outcome(there:write "a line\n")
  outcome(there:flush())
  outcome(here:read_some())
  outcome(here:post "words\n")
  for _, method in ipairs { "set_keepalive", "heartbeat", "set_linger" } do
    if decide(2) == 1 then refused_or(pcall(set, method, here, make(decide, NESTED, 1))) end
  end
end

--- One life of a server and its client, by the options that these bytes make.
return function(bytes)
  local decide = decider(bytes)
  local for_server, for_client = make(decide, SERVER, 0), make(decide, CONNECT, 0)
  local for_run = make(decide, RUN, 0)
  for_run.signals, for_run.log, for_run.on_error = false, nothing, nothing
  for_run.drain = { timeout = 0.05 }
  for_run.progress, for_run.exit_when_stuck = nil, nil
  for_server.log, for_server.on_error, for_server.reuseport = nothing, nothing, nil
  refused_or(pcall(hook, make(decide, HOOK, 0)))
  local tcp = decide(8) == 7 -- of which the kernel makes more work
  local function main()
    local server = refused_or(pcall(listen, tcp and "127.0.0.1:0" or PATH, for_server))
    if not server then return end
    local address = server:addresses()[1]
    local there = for_server.defer_accept == nil and refused_or(pcall(connect, address, for_client))
    local here = there and outcome(server:accept(0.01))
    if here then exchange(there, here, decide) end
    if there then there:abort() end
    server:close()
    lastcall.shutdown(0)
  end
  local function run()
    local report = lastcall.run(main, for_run)
    return report
  end
  refused_or(pcall(run))
end
