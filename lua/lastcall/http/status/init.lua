--- http.status: a handler with a page for people: who is connected, and the shutdown as it runs.
--
-- The page is one document, and a stream of events that renew its contents. A stream goes on in a drain, to show it. It
-- ends as soon as nobody else is left, so it holds up nothing.

local census = require "lastcall.census"
local check = require "lastcall.http.arguments"
local core = require "lastcall.core"
local event = require "lastcall.http.event"
local options = require "lastcall.options"
local page = require "lastcall.http.status.page"
local server = require "lastcall.server"
local snapshot = require "lastcall.http.status.snapshot"

local INTERVAL, IN_DRAIN = 1, 0.25 -- seconds between two events
local PATIENCE = 5 -- seconds for a client to take one
local FAREWELL = 1 -- seconds before a deadline at which a stream ends, whatever holds the shutdown
local COME_BACK = 2 -- seconds
local MOST_WATCHERS = 20

-- ----------------------------------------------------------------------------------------- who may see it --

local FORWARDED = { "forwarded", "x-forwarded-for", "x-real-ip", "via" }

local function is_loopback(host)
  return host:find "^127%.%d+%.%d+%.%d+$" ~= nil or host == "[::1]" or host:find "^%[::ffff:127%." ~= nil
end

--- Whether the client is on this machine, and names this machine: a proxy would be here for somebody elsewhere, and a
-- page from elsewhere may have given its own name to this address.
local function is_local(request)
  for _, name in ipairs(FORWARDED) do
    if request.headers[name] then return false end
  end
  if request.peer:find "^unix:" then return true end
  local host = (request.host or ""):gsub(":%d*$", ""):lower()
  return is_loopback((request.peer:gsub(":%d+$", ""))) and (host == "localhost" or is_loopback(host))
end

-- ---------------------------------------------------------------------------------------------- the stream --

local watchers, watching = {}, 0 -- the server of each connection that looks at a status page, by its id

--- Counts the connection among those that watch, until what it returns is closed.
local function watch(conn)
  local id = conn.id
  watchers[id], watching = conn:server(), watching + 1
  return setmetatable({}, { __close = function() watchers[id], watching = nil, watching - 1 end })
end

--- Whether the drain has nobody to wait for but those who watch, or its deadline is near. It is the process's, or that
-- of this server alone.
local function is_over(own)
  local leaving = server.process_is_ready() and { own } or server.all
  local _, _, deadline = snapshot.standing(own)
  if deadline and core.now() >= deadline - FAREWELL then return true end
  local left = 0
  for _, n in pairs(census.counts(leaving)) do left = left + n end
  for _, of in pairs(watchers) do
    if leaving == server.all or of == own then left = left - 1 end
  end
  return left <= 0
end

--- Waits until the next event is due: whether it is the last.
local function rest(own, calm)
  if not calm:done() then calm:wait(INTERVAL) end
  if not calm:done() then return false end
  local at = core.now() + IN_DRAIN
  while not is_over(own) do
    local left = at - core.now()
    if left <= 0 or not core.server_wait_change(own, left) then return false end
  end
  return true
end

--- Writes, and gives the client up that takes nothing for too long: whether it was written.
local function write(response, text)
  local ctx <close> = core.context.with_timeout(nil, PATIENCE)
  if ctx:call(response.write, response, text) then return true end
  if ctx:err() == "timeout" then core.http_request_of(response).conn:abort() end
  return false
end

local function contents(self, own)
  return page.contents(snapshot.take(own, self.most, watchers, watching))
end

--- The newest event. Those who watch share what was made for one of them, also while it is made anew.
local function newest(self, own, interval)
  local step = snapshot.standing(own)
  local is_new = self.own == own and self.step == step and core.now() - self.at < interval / 2
  if self.text and is_new then return self.text end
  self.own, self.step, self.at = own, step, core.now()
  self.text = event.encode("http.status", contents(self, own))
  return self.text
end

local function stream(self, own, response)
  local bounds <close> = core.context.with_cancel()
  local calm, is_last = bounds:until_drain(), false
  while write(response, newest(self, own, calm:done() and IN_DRAIN or INTERVAL)) and not is_last do
    is_last = rest(own, calm)
    if bounds:done() then return end
  end
  if is_last then write(response, event.retry(COME_BACK)) end
end

local STREAM = {
  ["Content-Type"] = "text/event-stream", ["Cache-Control"] = "no-store", ["X-Accel-Buffering"] = "no",
  Connection = "close",
}

local function show(self, own, request, response)
  if request.method == "HEAD" then return 200, STREAM, "" end
  for name, value in pairs(STREAM) do response.headers[name] = value end
  stream(self, own, response)
end

-- ------------------------------------------------------------------------------------------------ the page --

local function document(self, own)
  local nonce, code, message = core.random_key "http.status"
  if not nonce then error(("%s (%s)"):format(message, code), 0) end
  return 200, {
    ["Content-Type"] = "text/html; charset=utf-8", ["Cache-Control"] = "no-store",
    ["Content-Security-Policy"] = page.policy(nonce), ["X-Content-Type-Options"] = "nosniff",
    ["Referrer-Policy"] = "no-referrer",
  }, page.document(self.title, nonce, contents(self, own))
end

local function answer(self, request, response)
  check("http.status", request, response)
  if not self.access(request) then return 403, "this page is not shown to you\n" end
  if request.method ~= "GET" and request.method ~= "HEAD" then
    return 405, { Allow = "GET, HEAD" }, "the page can only be read\n"
  end
  if watching >= MOST_WATCHERS then return 503, { ["Retry-After"] = "5" }, "too many look at this page\n" end
  local _ <close> = watch(request.conn)
  local own = request.conn:server()
  if request.query == "events" then return show(self, own, request, response) end
  return document(self, own)
end

--- Makes a function of a request and its response: the status page.
return function(given)
  given = options.check("http.status", given, options.http_status)
  local self = { title = given.title or "lastcall", access = given.access or is_local, most = given.most or 50 }
  return function(request, response) return answer(self, request, response) end
end
