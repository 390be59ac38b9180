--- Requests: the methods that are written in Lua.

local core = require "lastcall.core"
local escapes = require "lastcall.http.escapes"
local misuse = require "lastcall.misuse"

local methods = core.http_request_methods

local decode = escapes.decode

--- The names and values of a query, or of a form: each name's first value, and a list of all pairs in order.
local function decode_pairs(text)
  local values, list = {}, {}
  for part in text:gmatch "[^&]+" do
    local name, value = part:match "^([^=]*)=?(.*)$"
    name, value = decode((name:gsub("+", " "))), decode((value:gsub("+", " ")))
    if not (name and value) then return nil end
    list[#list + 1] = { name, value }
    if values[name] == nil then values[name] = value end
  end
  return values, list
end

--- The path in parts, each decoded once.
function methods:segments()
  local list = {}
  for part in self.path:gmatch "[^/]+" do
    local decoded = decode(part)
    if not decoded then return nil, "invalid", ("the path has a %% that is no escape: %s"):format(self.path) end
    list[#list + 1] = decoded
  end
  return list
end

--- The query's names and values.
function methods:arguments()
  local values, list = decode_pairs(self.query or "")
  if not values then return nil, "invalid", ("the query has a %% that is no escape: %s"):format(self.query) end
  return values, list
end

--- What lastcall answers with 400, unless the handler answers.
local function refuse(request, message)
  core.http_refuse_body(request)
  return nil, "invalid", message
end

--- The names and values of a form that was sent as the body.
function methods:form(max)
  local kind = self.headers["content-type"] or ""
  if not kind:lower():find("^application/x%-www%-form%-urlencoded") then
    return refuse(self, ("the body is no form, but %s"):format(kind == "" and "of no named type" or kind))
  end
  local body, code, message = self:body(max)
  if not body then return nil, code, message end
  local values, list = decode_pairs(body)
  if not values then return refuse(self, "the form has a % that is no escape") end
  return values, list
end

--- For a loop over the pieces of the body. It raises what request:read would return: a cut body is no whole one.
function methods:chunks(max)
  return function()
    local piece, code, message = self:read(max)
    if piece == nil and code then misuse.raise("request:chunks: %s", message) end
    return piece
  end
end
