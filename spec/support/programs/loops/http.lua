--- What the web servers of this folder read and write.

local answer = require "spec.support.programs.loops.answers"

local http = {}

--- Reads a request: what its path names; nil when the client has gone.
function http.request(client)
  local first = client:receive()
  if not first then return nil end
  repeat
    local line = client:receive()
    if not line then return nil end
  until line == ""
  return first:match "^GET /(%S*) HTTP/1.1$"
end

function http.response(word, connection)
  local body = answer(word)
  return ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n%s"):format(#body, connection, body)
end

return http
