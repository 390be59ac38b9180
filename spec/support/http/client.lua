--- A client of HTTP for specs: requests over connections of lastcall, and their replies.

local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

local client = {}

--- Serves the requests of a handler `fn`; calls `main` with the address and the server.
function client.serving(fn, main, options, handler_options, run_options)
  return helper.task(function()
    local server, address = helper.serve(lastcall, http.handler(fn, handler_options), options)
    main(address, server)
  end, run_options)
end

--- A reply as it came: its status, its headers by lower-case name, its body.
function client.hear(conn, is_bodyless)
  local line = assert(conn:read())
  local reply = { status = tonumber(line:match "^HTTP/1%.1 (%d%d%d) .*\r$"), headers = {} }
  for field in conn:lines() do
    if field == "\r" then break end
    local name, value = field:match "^([^:]+): (.*)\r$"
    reply.headers[name:lower()] = value
  end
  if is_bodyless or reply.status == 204 or reply.status == 304 then return reply end
  local length = reply.headers["content-length"]
  if length then
    reply.body = length == "0" and "" or conn:read(tonumber(length))
  elseif reply.headers["transfer-encoding"] then
    local pieces = {}
    repeat
      local size = tonumber((conn:read():match "^(%x+)\r$"), 16)
      if size > 0 then pieces[#pieces + 1] = conn:read(size) end
      assert(conn:read() == "\r")
    until size == 0
    reply.body = table.concat(pieces)
  else
    reply.body = conn:read("a")
  end
  return reply
end

--- Sends a whole request over a connection that may be kept, and hears the reply.
function client.ask(conn, method, target, headers, body)
  local text = ("%s %s HTTP/1.1\r\nHost: here\r\n%s\r\n%s"):format(method, target, headers or "", body or "")
  assert(conn:write(text))
  return client.hear(conn, method == "HEAD")
end

--- Sends the first part of a request, tells the program to stop, and sends the rest when it accepts nobody any more:
-- the reply. Raises unless the program then exits as one that has lost nothing. In a task.
function client.across_stop(program, address, first, rest)
  local conn = assert(lastcall.connect(address))
  helper.send(conn, first)
  program:signal "TERM"
  repeat
    local other, code = lastcall.connect(address)
    if other then other:close() end
    lastcall.sleep(0.01)
  until code == "refused"
  helper.send(conn, rest)
  local reply = client.hear(conn)
  conn:close()
  local output, fine = program:finish()
  assert(fine, output)
  helper.stopping.assert_says_clean(output)
  return reply
end

return client
