--- Files as responses: whole, in part, or not at all when the client has them already.

local conditions = require "lastcall.http.conditions"
local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"
local type_of = require "lastcall.http.types"

local file = {}

--- The time of a file is kept in steps, and a file may change twice within a step. So its tag is weak until two seconds
-- after a change: no client then puts a file together from parts of two versions.
local function facts_of(size, seconds, nanoseconds)
  local now = os.time()
  local tag = ('"%x.%x-%x"'):format(seconds, nanoseconds, size)
  if now - seconds < 2 then tag = "W/" .. tag end
  return { size = size, tag = tag, modified = seconds, date = core.http_date(math.min(seconds, now)) }
end

local function set_headers(headers, facts, name, given)
  headers["Content-Type"] = given.type or headers["Content-Type"] or type_of(name, given.types)
  headers["ETag"] = facts.tag
  headers["Last-Modified"] = facts.date
  headers["Accept-Ranges"] = "bytes"
  if given.max_age then headers["Cache-Control"] = ("max-age=%d"):format(given.max_age) end
  return headers
end

--- The lines of the headers of a file that is sent as it is; nil when they may be others soon.
function file.lines(given, name, size, seconds, nanoseconds)
  local facts = facts_of(size, seconds, nanoseconds)
  if facts.tag:find "^W/" then return nil end
  return (core.http_header_lines("response:file", set_headers({}, facts, name, given)))
end

--- What is to be sent: a status, nil for the script's own; the first byte, and the length.
local function choose(request, facts)
  local method, headers = request.method, request.headers
  local status = conditions.status(headers, facts, method == "GET" or method == "HEAD")
  if status then return status, 0, 0 end
  local from, length
  if method == "GET" then from, length = conditions.range(headers, facts) end
  if from then return 206, from, length end
  if from == false then return 416, 0, 0 end
  return nil, 0, facts.size
end

--- Begins the response: true; or nil, code, message.
local function begin(response, facts, status, from, length)
  local headers = response.headers
  if status then response.status = status end
  if status ~= 304 then headers["Content-Length"] = length end
  if status == 206 then headers["Content-Range"] = ("bytes %d-%d/%d"):format(from, from + length - 1, facts.size) end
  if status == 416 then headers["Content-Range"] = ("bytes */%d"):format(facts.size) end
  if status == 412 or status == 416 then headers["Content-Type"] = nil end
  return response:write ""
end

--- Sends the last part of a response that has begun: true; or nil, code, message.
function file.send_rest(response, name, open, from, length)
  local fine, code, message = true, nil, nil
  if length > 0 then fine, code, message = core.http_send_file(response, open, from, length) end
  if fine then
    core.http_end(response)
    return true
  end
  if code == "eof" then message = ("response:file: %s has become shorter while it was sent"):format(name) end
  return nil, code, message
end

--- Sends an open file: true; or nil, code, message.
function file.send(response, given, name, open, size, seconds, nanoseconds)
  local request, facts = core.http_request_of(response), facts_of(size, seconds, nanoseconds)
  set_headers(response.headers, facts, name, given)
  local status, from, length = choose(request, facts)
  local fine, code, message = begin(response, facts, status, from, length)
  if not fine then return nil, code, message end
  return file.send_rest(response, name, open, from, request.method == "HEAD" and 0 or length)
end

--- Sends the file of a path, which is beneath `root` where that is given.
local function respond_by_path(response, path, given, root)
  local open <close>, size, seconds, nanoseconds = core.http_file_open(path, root)
  if not open then return nil, size, seconds end
  return file.send(response, given, path, open, size, seconds, nanoseconds)
end

--- response:file(path | file [, options]): true when it was sent; nil, code, message when there is no such file (then
-- the response has not begun), or when it could not be sent whole.
function file.respond(response, what, given)
  given = options.check("response:file", given, options.http_file)
  core.expect_task("response:file")
  if response.begun then misuse.raise("response:file: the response has begun") end
  if type(what) == "string" and not given.root then return respond_by_path(response, what, given) end
  if type(what) == "string" then
    local root <close>, code, message = core.http_directory(given.root)
    if not root then return nil, code, message end
    return respond_by_path(response, what, given, root)
  end
  local open <close>, size, seconds, nanoseconds = core.http_file_of(what)
  if not open then return nil, size, seconds end
  return file.send(response, given, "", open, size, seconds, nanoseconds)
end

return file
