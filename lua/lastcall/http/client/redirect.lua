--- Redirections: the request that follows a reply with a Location.

local message = require "lastcall.http.client.message"
local url = require "lastcall.http.client.url"

local redirect = {}

local STATUS = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

--- Headers that no other origin gets.
local SECRET = { authorization = true, cookie = true, ["proxy-authorization"] = true, host = true }

local function without(headers, is_left_out)
  local kept = {}
  for name, value in pairs(headers or {}) do
    if not is_left_out(name:lower()) then kept[name] = value end
  end
  return kept
end

--- Whether the request becomes a GET without a body: as browsers do.
local function becomes_get(one, status)
  if status == 303 then return one.method ~= "GET" and one.method ~= "HEAD" end
  return (status == 301 or status == 302) and one.method == "POST"
end

--- Where the reply leads; or nil, code, message when that makes no sense.
local function place_of(one, location)
  local where, problem = url.join(one.url, location)
  if not where then return nil, "invalid", ("it redirects to %q, which %s"):format(location, problem) end
  if one.url.scheme == "https" and where.scheme == "http" then
    return nil, "invalid", ("it redirects from https to %s"):format(url.text(where))
  end
  return where
end

--- The headers that go along.
local function headers_for(one, is_other, is_get)
  return without(one.headers, function(name)
    return is_other and SECRET[name] or is_get and name:find "^content%-"
  end)
end

--- Returns the next request, as message.new takes it; nil if this reply is the last; or nil, code, message when the
-- place makes no sense.
function redirect.next(one, reply)
  local location = STATUS[reply.status] and reply.headers.location
  if not location then return nil end
  local is_get = becomes_get(one, reply.status)
  if not is_get and one.body and not message.is_repeatable(one) then return nil end
  local where, code, problem = place_of(one, location)
  if not where then return nil, code, problem end
  local is_other = not url.same_origin(one.url, where)
  local following = {
    method = is_get and "GET" or one.method, place = where, retry = one.retry,
    headers = headers_for(one, is_other, is_get),
  }
  if not is_get then following.body, following.expect = one.body, one.expects or nil end
  if not is_other then following.auth, where.user = one.auth, where.user or one.url.user end
  return following
end

return redirect
