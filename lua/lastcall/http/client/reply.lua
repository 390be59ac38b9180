--- Replies, as scripts have them.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"

local methods = {}
local Reply = { __name = "lastcall.http.reply", __index = methods }

local PIECE = 65536

local function finish(self)
  local exchange = self.exchange
  self.exchange = nil
  if exchange then exchange:finish(self, self.limits.idle_timeout) end
end

--- Makes the reply of its head. Its connection is free again once its body has been read.
local function new(head, exchange, where, limits)
  head.url, head.exchange, head.limits = where, exchange, limits
  local self = setmetatable(head, Reply)
  if core.http_is_read(self.incoming) then finish(self) end
  return self
end

--- The next piece of the body; nil at its end; or nil, code, message.
function methods:read(max)
  misuse.check_self(self, Reply, "reply:read")
  if max ~= nil and (math.type(max) ~= "integer" or max < 1) then
    misuse.raise("reply:read: expected a number of bytes, a whole number, 1 or more")
  end
  if self.failure then return nil, table.unpack(self.failure, 1, 2) end
  if not self.exchange then return nil end
  local piece, code, message = self.exchange:read(self, max or PIECE)
  if code then
    self.failure = { code, message }
    self:close()
    return nil, code, message
  end
  if core.http_is_read(self.incoming) then finish(self) end
  return piece
end

--- What is left of the body, at most `max` bytes.
function methods:body(max)
  misuse.check_self(self, Reply, "reply:body")
  if max ~= nil and (math.type(max) ~= "integer" or max < 0) then
    misuse.raise("reply:body: expected a number of bytes, a whole number, 0 or more")
  end
  max = max or self.limits.max_body
  local pieces, length = {}, 0
  while true do
    local piece, code, message = self:read()
    if code then return nil, code, message end
    if not piece then return table.concat(pieces) end
    length = length + #piece
    if length > max then
      self.failure = { "too long", ("%s: the body has more than %d bytes"):format(self.url, max) }
      self:close()
      return nil, table.unpack(self.failure)
    end
    pieces[#pieces + 1] = piece
  end
end

--- For a loop over the pieces of the body. It raises what reply:read would return: a cut body is no whole one.
function methods:chunks(max)
  misuse.check_self(self, Reply, "reply:chunks")
  return function()
    local piece, code, message = self:read(max)
    if code then misuse.raise("reply:chunks: %s", message) end
    return piece
  end
end

--- The fields behind a chunked body that has been read, by their names in lower case; nil when there are none.
function methods:trailers()
  misuse.check_self(self, Reply, "reply:trailers")
  return core.http_trailers(self.incoming)
end

--- Gives up what has not been read: its connection is closed.
function methods:close()
  misuse.check_self(self, Reply, "reply:close")
  local exchange = self.exchange
  self.exchange = nil
  if not exchange then return true end
  self.failure = self.failure or { "closed", self.url .. ": the reply was closed" }
  exchange:drop()
  return true
end

function Reply:__close() self:close() end

function Reply:__tostring() return ("reply %d %s from %s"):format(self.status, self.reason, self.url) end

return { new = new, methods = methods }
