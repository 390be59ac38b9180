--- A handler of requests, which server:serve takes in place of a handler of connections.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"

local handler = {}

local exchange, exchange_response = core.http_exchange, core.http_response
local answer, finish = core.http_answer, core.http_end

--- Writes the pieces of a body that a function gives, until it gives nil.
local function stream(response, next_piece)
  for piece in next_piece do
    local fine, code, message = response:write(piece)
    if not fine then return nil, code, message end
  end
  finish(response)
end

--- What a handler's function takes besides the request: nothing, a response, a response and a context. What it does not
-- take need not be made.
local function parameters_of(fn)
  local shape = debug.getinfo(fn, "u")
  return shape.isvararg and 3 or shape.nparams
end

--- Makes the function that serves one request of a connection.
local UNITS = {
  function(fn)
    return function(conn)
      local next_piece = answer(conn, fn(exchange(conn)))
      if next_piece then stream(exchange_response(conn), next_piece) end
    end
  end,
  function(fn)
    return function(conn)
      local request, response = exchange(conn, true)
      local next_piece = answer(response, fn(request, response))
      if next_piece then stream(response, next_piece) end
    end
  end,
  function(fn)
    return function(conn, ctx)
      local request, response = exchange(conn, true)
      local next_piece = answer(response, fn(request, response, ctx))
      if next_piece then stream(response, next_piece) end
    end
  end,
}

local Handler = { __name = "lastcall.http.handler" }

function handler.new(fn, given)
  misuse.check_function(fn, "http.handler", "the handler")
  given = options.check("http.handler", given, options.http)
  local make = UNITS[math.max(1, math.min(3, parameters_of(fn)))]
  return setmetatable({ unit = make(fn), protocol = given }, Handler)
end

return handler
