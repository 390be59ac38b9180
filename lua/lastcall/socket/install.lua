--- lastcall.socket.install: makes `require "socket"` return lastcall.socket.

local core = require "lastcall.core"
local known = require "lastcall.options"
local stream = require "lastcall.socket.stream"
local tls = require "lastcall.socket.tls"

--- Puts `socket` and socket.unix into package.loaded, ignores SIGPIPE as LuaSocket does, and makes LuaSec's
-- objects wait in tasks. `options`: those of lastcall.listen, for servers that listen from now on (by default they
-- behave as in LuaSocket: no keepalive, no limits). Returns the replaced modules, by name, so that the script can
-- restore them.
return function(socket, options)
  for name, value in pairs(known.check("install", options, known.server)) do
    stream.server_options[name] = value
  end
  local modules = { socket = socket, ["socket.core"] = socket, ["socket.unix"] = require "lastcall.socket.unix" }
  local before = {}
  for name, module in pairs(modules) do
    before[name] = package.loaded[name]
    package.loaded[name] = module
  end
  core.socket.ignore_sigpipe()
  tls.install()
  return before
end
