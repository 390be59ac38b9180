---@meta lastcall.socket
-- What lastcall.socket adds to LuaSocket's own names, which LuaSocket's manual describes. See meta.lua, and
-- doc/from-luasocket.md for the differences.

local socket = {}

--- Puts this module into package.loaded as `socket` and `socket.core`, and lastcall.socket.unix as
--- `socket.unix`; ignores SIGPIPE, as LuaSocket does; makes LuaSec's objects wait in tasks.
---@param options? lastcall.ServerOptions of servers that listen from now on (no keepalive, no limits)
---@return table<string, any> before the replaced modules of package.loaded, by name
function socket.install(options) end

--- (waits; outside a task it calls lastcall.run) Serves a listening socket until the shutdown is done. Each
--- client gets a task of its own, and is closed in order when its handler returns.
---@param server table a TCP or unix stream socket that listens; the ladder owns it from then on, and keeps it
---@param handler fun(client: table, ctx: lastcall.Context)
---@param options? lastcall.RunOptions of lastcall.run; ignored in a task
---@return lastcall.Report report
function socket.serve(server, handler, options) end

---@class lastcall.socket.Client the result of `accept` and `connect` of TCP and unix streams; LuaSec's objects too
local Client = {}

--- Says that everything received so far needs no answer: a shutdown may close the connection before the next request.
--- A server that never answers the client that spoke (a collector, a relay) calls it for each unit. Never waits.
---@return number 1
function Client:answered() end

return socket
