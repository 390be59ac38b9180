--- lastcall.socket.serve: the whole ladder for a listening socket made by LuaSocket's functions.

local core = require "lastcall.core"
local run = require "lastcall.run"
local stream = require "lastcall.socket.stream"

local raw = core.socket

local CLIENTS = { ["tcp{server}"] = "tcp{client}", ["unixstream{server}"] = "unixstream{client}" }

--- Serves `listener`, a listening socket, until the shutdown is done. `handler(client, ctx)` runs as a task of its
-- own for each client; when it returns, the client is closed in order. Returns the report. Outside a task it calls
-- lastcall.run with the same `options`; in a task it takes none.
return function(listener, handler, options)
  local state, class = raw.state(listener)
  if not state or not CLIENTS[class] then
    error("serve: the first argument is a socket that listens: from socket.bind, or after listen", 2)
  end
  if type(handler) ~= "function" then
    error(("serve: the handler is a function(client, ctx), not a %s"):format(type(handler)), 2)
  end
  local server = state.server
  if not server then error("serve: this socket has been closed", 2) end

  local function serve()
    return server:serve(function(conn, ctx)
      raw.prepare(conn)
      local client = stream.object(CLIENTS[class], state.family, conn)
      handler(client, ctx)
      local tls_object = raw.state(client).tls
      if tls_object then tls_object:close() end -- the peer gets close_notify before the FIN
    end)
  end

  local _, in_task = core.running()
  if in_task then return serve() end
  return run.run(serve, options)
end
