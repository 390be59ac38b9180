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

function handler.new(fn, given)
  misuse.check_function(fn, "http.handler", "the handler")
  given = options.check("http.handler", given, options.http)
  local parameters = parameters_of(fn)
  local unit = core.http_handler(fn, parameters, stream)
  return setmetatable({ unit = unit, protocol = given, takes_context = parameters > 2 }, Handler)
end

return handler
