--- A handler of requests, which server:serve takes in place of a handler of connections.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"

local handler = {}

--- Writes the pieces of a body that a function gives, until it gives nil.
local function stream(response, next_piece)
  for piece in next_piece do
    local fine, code, message = response:write(piece)
    if not fine then return nil, code, message end
  end
  core.http_end(response)
end

--- How many of request, response and context a function takes. What it does not take is not made.
local function parameters_of(fn)
  local shape = debug.getinfo(fn, "u")
  return shape.isvararg and 3 or shape.nparams
end

local Handler = { __name = "lastcall.http.handler" }

--- Serves the requests of a connection in the calling handler's task, until no other will come. Returns true; or nil,
-- code, message.
function Handler:__call(conn)
  local fine, code, message = core.http_take(conn, self.protocol)
  if not fine then return nil, code, message end
  while core.http_next(conn) do
    local ctx, finish = core.context.with_cancel()
    ctx:call(self.unit, conn, ctx)
    core.http_await(conn, ctx)
    finish()
    local goes_on = core.http_done(conn)
    core.http_rest(conn)
    if not goes_on then break end
  end
  return true
end

function handler.new(fn, given)
  misuse.check_function(fn, "http.handler", "the handler")
  given = options.check("http.handler", given, options.http)
  local parameters = parameters_of(fn)
  local unit = core.http_handler(fn, parameters, stream)
  return setmetatable({ unit = unit, protocol = given, takes_context = parameters > 2 }, Handler)
end

return handler
