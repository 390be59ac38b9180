--- Responses: the methods that are written in Lua.

local core = require "lastcall.core"
local file = require "lastcall.http.file"
local misuse = require "lastcall.misuse"
local stream = require "lastcall.http.stream"

local methods = core.http_response_methods

--- Sends the client elsewhere: `return response:redirect("/there")`.
function methods:redirect(location, status)
  if type(location) ~= "string" then
    misuse.raise("response:redirect: the location is a string, not a %s", type(location))
  end
  status = status or 302
  if status ~= 301 and status ~= 302 and status ~= 303 and status ~= 307 and status ~= 308 then
    misuse.raise("response:redirect: the status is 301, 302, 303, 307 or 308, not %s", tostring(status))
  end
  return status, { Location = location }, ""
end

--- Sends a file as the response.
function methods:file(what, options) return file.respond(self, what, options) end

--- Begins the response as a stream of events.
function methods:events(options) return stream.begin(self, options) end
