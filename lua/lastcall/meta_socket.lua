---@meta lastcall.socket
-- What lastcall.socket has beside LuaSocket's own names, which LuaSocket's manual tells. See meta.lua, and
-- doc/from-luasocket.md for what differs.

local socket = {}

--- Puts this module into package.loaded as `socket` and `socket.core`, and lastcall.socket.unix as
--- `socket.unix`; ignores SIGPIPE, as LuaSocket does; makes LuaSec's objects wait in tasks.
---@param options? lastcall.ServerOptions of servers that listen from now on (no keepalive, no limits)
---@return table<string, any> before what was in package.loaded, by name, so that it can be put back
function socket.install(options) end

--- (waits; outside a task it is lastcall.run) Serves a socket that listens until the shutdown is done. Each
--- client gets a task of its own, and is closed in order when its handler returns.
---@param server table a TCP or unix stream socket that listens; it belongs to the ladder from then on
---@param handler fun(client: table, ctx: lastcall.Context)
---@param options? lastcall.RunOptions of lastcall.run; ignored in a task
---@return lastcall.Report report
function socket.serve(server, handler, options) end

---@class lastcall.socket.Client what `accept` and `connect` of TCP and unix streams give, LuaSec's objects too
local Client = {}

--- What was received so far needs no answer: a shutdown may close the connection before the next request. A server
--- that never answers calls it for each unit. Never waits.
---@return number 1
function Client:answered() end

return socket
