--- A handler of requests, which server:serve takes in place of a handler of connections.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"

local handler = {}

local exchange, answer, finish = core.http_exchange, core.http_answer, core.http_end

--- Writes the pieces of a body that a function gives, until it gives nil.
local function stream(response, next_piece)
  for piece in next_piece do
    local fine, code, message = response:write(piece)
    if not fine then return nil, code, message end
  end
  finish(response)
end

--- The function that serves one request of a connection.
local function unit_of(fn)
  return function(conn, ctx)
    local request, response = exchange(conn)
    local next_piece = answer(response, fn(request, response, ctx))
    if next_piece then stream(response, next_piece) end
  end
end

--- Without a third parameter of `fn` no context need be made.
local function unit_without_context_of(fn)
  return function(conn)
    local request, response = exchange(conn)
    local next_piece = answer(response, fn(request, response))
    if next_piece then stream(response, next_piece) end
  end
end

local function wants_context(fn)
  local shape = debug.getinfo(fn, "u")
  return shape.isvararg or shape.nparams > 2
end

local Handler = { __name = "lastcall.http.handler" }

function handler.new(fn, given)
  misuse.check_function(fn, "http.handler", "the handler")
  given = options.check("http.handler", given, options.http)
  local unit = wants_context(fn) and unit_of(fn) or unit_without_context_of(fn)
  return setmetatable({ unit = unit, protocol = given }, Handler)
end

return handler
