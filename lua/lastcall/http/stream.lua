--- Event streams (text/event-stream): events that a handler sends to a client, until one of them ends the stream.
--
-- `context` ends when the client goes and when the drain begins, so all waits for news go by it. Each stream has a task
-- besides the handler's own, its keeper. It writes what was posted while the client was slow, the heartbeats, and the
-- last words at a drain, wherever the handler waits.

local channel = require "lastcall.tasks.channel"
local core = require "lastcall.core"
local event = require "lastcall.http.event"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"

local stream = {}
local methods = {}

stream.methods = methods

local Stream = { __index = methods, __name = "lastcall.http.stream" }

-- Proxies take a connection to be dead after 30 to 60 s without a byte. Clients come back soon, because another server
-- is there.
local HEARTBEAT, RETRY, MAX_QUEUE = 15, 2, 1 << 16

local SIGN_OF_LIFE = ":\n\n"

local REASONS = {
  draining = "the drain has begun", closed = "the client has gone, or the stream was closed",
  canceled = "the shutdown has canceled it", timeout = "the time of its context is over",
}

local function check_self(self, what) misuse.check_self(self, Stream, "stream:" .. what) end

local function failure(what, code) return nil, code, ("stream:%s: %s"):format(what, REASONS[code]) end

-- ------------------------------------------------------------------------------------------- writing --

--- Takes what was posted and not written yet.
local function take(self)
  local posted = self.posted
  if not posted[1] then return "" end
  self.posted, self.held = {}, 0
  return table.concat(posted)
end

--- Writes text behind what was posted.
local function put(self, text)
  text = take(self) .. text
  if text == "" then return true end
  if not core.http_is_open(self.response) then return nil, "closed" end
  self.wrote_at = core.now()
  return self.response:write(text)
end

--- Why nothing can be sent any more, once the keeper has said the last words; nil while something can.
local function ending(self)
  if not self.context:done() then return nil end
  if not self.bounds:done() then
    self.keeper:wait()
    return "draining"
  end
  if self.bounds:err() == "timeout" then return "timeout" end
  return self.bounds:cause() == "drain timeout" and "canceled" or "closed"
end

local function send(self, what, text)
  local code = ending(self)
  if code then return failure(what, code) end
  local fine, message
  fine, code, message = put(self, text)
  if fine then return true end
  if self.bounds:done() then return failure(what, ending(self)) end
  return nil, code, message
end

-- ---------------------------------------------------------------------------------------- the keeper --

--- Waits until something was posted, a heartbeat is due, or the stream is over.
local function rest(self)
  self.bell = core.spot()
  self.bell:wait("stream", self.heartbeat and self.wrote_at + self.heartbeat - core.now() or nil, true)
  self.bell = nil
end

--- At a drain the last words are what was posted, and when to come back.
local function keep(self)
  while not self.context:done() do
    if not self.posted[1] then self.context:call(rest, self) end
    local is_silent = self.heartbeat and core.now() >= self.wrote_at + self.heartbeat
    if not put(self, is_silent and SIGN_OF_LIFE or "") then return end
  end
  if not self.bounds:done() then put(self, self.retry and event.retry(self.retry) or "") end
end

-- ---------------------------------------------------------------------------------------- the methods --

--- Sends an event: its data, or a table with data, event and id. Returns true; or nil, "draining" from the beginning of
-- a drain on; nil, "closed" when the client has gone.
function methods:send(given)
  check_self(self, "send")
  return send(self, "send", event.encode("stream:send", given))
end

--- Sends a comment, which clients leave out.
function methods:comment(text)
  check_self(self, "comment")
  return send(self, "comment", event.comment("stream:comment", text))
end

--- Sends an event without waiting, from any task or callback. A client that does not read fast enough has up to
-- `max_queue` bytes waiting for it; then nil, "full".
function methods:post(given)
  check_self(self, "post")
  local text = event.encode("stream:post", given)
  if self.context:done() then return failure("post", self.bounds:done() and "closed" or "draining") end
  if not self.posted[1] then
    local posted, code, message = core.http_post(self.response, text)
    if posted then self.wrote_at = core.now() end
    if posted ~= false then return posted, code, message end
  end
  if self.held + #text > self.max_queue then
    return nil, "full", ("stream:post: the client has not read %d bytes yet"):format(self.held)
  end
  self.posted[#self.posted + 1] = text
  self.held = self.held + #text
  if self.bell then self.bell:wake(true) end
  return true
end

--- Receives from a channel: its next value; nil, "draining", "closed" and so on.
function methods:receive(from, seconds)
  check_self(self, "receive")
  if not channel.is(from) then misuse.raise("stream:receive: the first argument is a channel, not a %s", type(from)) end
  local ended = ending(self)
  if ended then return failure("receive", ended) end
  local until_either, cancel = core.context.with_cancel() -- the calling task may have a context of its own
  local stop = self.context:on_done(cancel)
  local value, code, message = until_either:call(from.receive, from, seconds)
  stop()
  cancel()
  if value ~= nil or code ~= "canceled" then return value, code, message end
  return failure("receive", ending(self) or "canceled")
end

--- Waits until the stream is over, for a handler whose events others post: nil, "draining", "closed" or "timeout".
function methods:wait(seconds)
  check_self(self, "wait")
  local _, code, message = self.context:wait(seconds)
  if self.context:done() then return failure("wait", ending(self)) end
  return nil, code, message
end

--- Ends the stream: its handler's waits return nil, "closed". What was posted and not written is dropped, so a client
-- that reads too slowly comes back, and asks for what it has missed.
function methods:close()
  check_self(self, "close")
  self.finish()
end

--- Whether the drain has begun.
function methods:draining()
  check_self(self, "draining")
  return self.context:draining()
end

-- ---------------------------------------------------------------------------------------------- birth --

local HEADERS = {
  ["Content-Type"] = "text/event-stream", ["Cache-Control"] = "no-store",
  ["X-Accel-Buffering"] = "no", -- nginx would collect events
  Connection = "close", -- so that the connection can end with the stream: no request crosses its end
}

local function set_headers(headers)
  local given = {}
  for name in pairs(headers) do given[tostring(name):lower()] = true end
  for name, value in pairs(HEADERS) do
    if not given[name:lower()] then headers[name] = value end
  end
end

local function or_default(value, default)
  if value == nil then return default end
  return value
end

--- Begins a response as a stream.
function stream.begin(response, given)
  given = options.check("response:events", given, options.http_events)
  core.expect_task("response:events")
  local request = core.http_request_of(response)
  if response.begun then misuse.raise("response:events: the response has begun") end
  set_headers(response.headers)
  local bounds, finish = core.context.with_cancel()
  local self = setmetatable({
    response = response, last_id = request.headers["last-event-id"],
    bounds = bounds, finish = finish, context = bounds:until_drain(),
    posted = {}, held = 0, max_queue = given.max_queue or MAX_QUEUE, wrote_at = core.now(),
    heartbeat = or_default(given.heartbeat, HEARTBEAT), retry = or_default(given.retry, RETRY),
  }, Stream)
  local fine, code, message = response:write(self.retry and event.retry(self.retry) or SIGN_OF_LIFE)
  if not fine then return nil, code, message end
  if request.method == "HEAD" then finish() else self.keeper = bounds:go(keep, self) end
  return self
end

return stream
