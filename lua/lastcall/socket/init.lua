--- lastcall.socket: what LuaSocket's `socket` exports, on lastcall.
--
-- In a task a call suspends the task; elsewhere it blocks, as in LuaSocket. Names, arguments, results and
-- error strings are those of LuaSocket 3.1. doc/from-luasocket.md lists the few differences.

local core = require "lastcall.core"
local dns = require "lastcall.socket.dns"
local except = require "lastcall.socket.except"
local object = require "lastcall.socket.object"
local tcp = require "lastcall.socket.tcp"
local udp = require "lastcall.socket.udp"

local raw = core.socket

-- Any code may assign fields of LuaSocket's module. So the module is a table of its own, and the functions here
-- read its fields at each call.
local socket = {
  _VERSION = "LuaSocket 3.0.0", _SETSIZE = 1024, _SOCKETINVALID = -1, _DATAGRAMSIZE = 8192, BLOCKSIZE = 2048,
  dns = dns, newtry = except.newtry, protect = except.protect, try = except.newtry(),
  gettime = raw.time_of_day,
}

local function export(name, fn) socket[name] = raw.method(fn, "socket." .. name) end

for name, fn in pairs(tcp) do export(name, fn) end
for name, fn in pairs(udp) do export(name, fn) end
export("select", require "lastcall.socket.select")

export("sleep", function(seconds)
  seconds = object.number(1, seconds)
  raw.sleep_until(core.now() + math.max(0, seconds))
end)

--- Returns its arguments except the first `count`.
export("skip", function(count, ...)
  local first = object.integer(1, count)
  if first >= 0 then return select(first + 1, ...) end
  return count, ...
end)

--- For code that unloads LuaSocket: there is nothing to unload here.
function socket.__unload() end

function socket.connect4(host, port, local_host, local_port)
  return socket.connect(host, port, local_host, local_port, "inet")
end

function socket.connect6(host, port, local_host, local_port)
  return socket.connect(host, port, local_host, local_port, "inet6")
end

local function listen_on(one, port, backlog)
  local self, problem = (one.family == "inet" and socket.tcp4 or socket.tcp6)()
  if not self then return nil, problem end
  self:setoption("reuseaddr", true)
  local fine, why
  fine, problem = self:bind(one.addr, port, true)
  if fine then fine, problem, why = self:listen(backlog) end
  if fine then return self end
  self:close()
  return nil, problem, why
end

--- Returns a socket that listens on the first possible address of `host`; "*" means every interface.
function socket.bind(host, port, backlog)
  local list, problem = socket.dns.getaddrinfo(host == "*" and "0.0.0.0" or host)
  if not list then return nil, problem end
  local why
  problem = "no info on address"
  for _, one in ipairs(list) do
    local self
    self, problem, why = listen_on(one, port, backlog)
    if self then return self end
  end
  return object.failed(why, problem)
end

require "lastcall.socket.ltn12" (socket)

-- These are not LuaSocket's names, so code that enumerates the module does not see them.
local additions = { serve = require "lastcall.socket.serve" }

function additions.install(options) return require "lastcall.socket.install" (socket, options) end

return setmetatable(socket, { __index = additions })
