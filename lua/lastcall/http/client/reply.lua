--- Replies, as scripts have them.

local core = require "lastcall.core"
local inflate = require "lastcall.http.client.inflate"
local misuse = require "lastcall.misuse"

local methods = {}
local Reply = { __name = "lastcall.http.reply", __index = methods }

local PIECE = 65536

local function finish(self)
  local exchange = self.exchange
  self.exchange = nil
  if exchange then exchange:finish(self, self.limits.idle_timeout) end
end

local GZIP = { gzip = true, ["x-gzip"] = true }

--- Makes the reply of its head. Its connection is free again once its body has been read. `decodes`: the server was
-- told that gzip is understood.
local function new(head, exchange, where, limits, decodes)
  head.url, head.exchange, head.limits = where, exchange, limits
  local self = setmetatable(head, Reply)
  if core.http_is_read(self.incoming) then finish(self)
  elseif decodes and GZIP[(self.headers["content-encoding"] or ""):lower()] then
    self.decoded, self.inflater, self.bytes, self.at = "gzip", inflate.new(), "", 1
  end
  return self
end

local function fail(self, code, message)
  self.failure = { code, message }
  self:close()
  return nil, code, message
end

--- The next piece of the body as it was sent.
local function read_sent(self, max)
  if not self.exchange then return nil end
  local piece, code, message = self.exchange:read(self, max)
  if code then return fail(self, code, message) end
  if core.http_is_read(self.incoming) then finish(self) end
  return piece
end

--- The next piece of a body that was compressed.
local function read_inflated(self, max)
  if self.at > #self.bytes then
    local bytes, code, message = self.inflater:read(function() return read_sent(self, PIECE) end)
    if code and not self.failure then return fail(self, code, ("%s: %s"):format(self.url, message)) end
    if not bytes then return nil, code, message end
    self.bytes, self.at = bytes, 1
  end
  local piece = self.bytes:sub(self.at, self.at + max - 1)
  self.at = self.at + #piece
  return piece
end

--- The next piece of the body; nil at its end; or nil, code, message.
function methods:read(max)
  misuse.check_self(self, Reply, "reply:read")
  if max ~= nil and (math.type(max) ~= "integer" or max < 1) then
    misuse.raise("reply:read: expected a number of bytes, a whole number, 1 or more")
  end
  if self.failure then return nil, table.unpack(self.failure, 1, 2) end
  return (self.inflater and read_inflated or read_sent)(self, max or PIECE)
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
