--- One request and its reply on one connection.

local core = require "lastcall.core"
local message = require "lastcall.http.client.message"
local sender = require "lastcall.http.client.sender"

local exchange = {}

local MOST_INTERIM = 32 -- replies 1xx to one request; more are nonsense

local Exchange = {}
Exchange.__index = Exchange

--- Raises the error of the function for the body, in the task that asked for the request.
local function raise_sent(self)
  if self.sender and self.sender.raised then error(self.sender.raised, 0) end
end

--- Reads heads until one is final. With `seconds`, also until one says 100, and no longer than that. Returns the reply;
-- nil for 100; or nil, code, message, whether a part of a reply has come.
function Exchange:read_head(seconds)
  local deadline = seconds and core.now() + seconds
  while self.interim < MOST_INTERIM do
    local reply, code, text, has_begun = core.http_read_reply(self.conn, self.limits, deadline)
    if not reply then return nil, code, text, has_begun or self.interim > 0 end
    if reply.status >= 200 then return reply end
    if reply.status == 101 then return nil, "invalid", "the reply is 101, for which nobody has asked", true end
    self.interim = self.interim + 1
    if seconds and reply.status == 100 then return nil end
  end
  return nil, "invalid", ("more than %d interim replies have come"):format(MOST_INTERIM), true
end

--- Sends the head, waits for "100 Continue" as long as the script wants, and sends the body unless the reply is here.
function Exchange:expect(head)
  local one = self.request
  local fine, code, text = self.conn:write(head)
  if not fine then return nil, code, text end
  local reply
  reply, code, text = self:read_head(type(one.expects) == "number" and one.expects or 1)
  if reply or code and code ~= "timeout" then return reply, code, text end
  self.sender = sender.start(self.conn, one)
  return self:read_head()
end

--- Sends everything at once, or the body in a task of its own. When writing fails, the reply may say why.
function Exchange:send(head)
  local one = self.request
  if message.has_large_body(one) then
    self.conn:write(head)
    self.sender = sender.start(self.conn, one)
  else
    local body = one.body or ""
    self.conn:write(head, type(body) == "table" and table.concat(body) or body)
  end
  return self:read_head()
end

--- Whether nothing of the request is left to be sent.
function Exchange:is_sent()
  if self.request.expects and not self.sender then return false end
  return not self.sender or self.sender.is_done
end

--- Performs it. Returns the reply's head and this exchange; or nil, code, message, whether a part of a reply has come.
function exchange.perform(lease, conn, one, through, limits)
  local self = setmetatable({
    lease = lease, conn = conn, request = one, interim = 0,
    limits = { answers_head = one.method == "HEAD", max_head = limits.max_head, max_fields = limits.max_fields },
  }, Exchange)
  local head = message.head(one, through)
  local reply, code, text, has_begun = (one.expects and self.expect or self.send)(self, head)
  if reply then return reply, self end
  self:drop()
  raise_sent(self)
  return nil, code, text, has_begun
end

--- The next piece of the body; nil at its end; or nil, code, message.
function Exchange:read(reply, max)
  local piece, code, text = core.http_read_body(self.conn, reply.incoming, max)
  if code then raise_sent(self) end
  return piece, code, text
end

--- Ends it after the reply: another request may have the connection if both sides have said everything.
function Exchange:finish(reply, idle_timeout)
  if not self:is_sent() then return self:drop() end
  local hint = tonumber((reply.headers["keep-alive"] or ""):match "timeout=(%d+)")
  local stays = reply.persists and not self.request.closes
  self.conn:set_deadline(nil)
  self.lease:give_back(stays and math.min(idle_timeout, hint and hint - 1 or idle_timeout) or 0)
end

function Exchange:drop()
  if self.sender and not self.sender.is_done then self.sender.task:cancel() end
  self.lease:over()
end

return exchange
