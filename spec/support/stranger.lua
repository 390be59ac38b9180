--- Clients that lastcall knows nothing of: LuaSocket's, which do not hold up the loop.

local helper = require "spec.helper"
local lastcall = require "lastcall"
local socket = require "socket"

local stranger = {}

function stranger.port_of(address) return tonumber(address:match ":(%d+)$") end

--- Connected by the kernel, whatever the server does.
function stranger.connect(address)
  local one = assert(socket.tcp())
  one:settimeout(0)
  local port = stranger.port_of(address)
  local fine, err = one:connect("127.0.0.1", port)
  if not fine and err == "timeout" then
    lastcall.sleep(0.02)
    fine, err = one:connect("127.0.0.1", port)
    if err == "already connected" then fine = 1 end
  end
  return fine and one or nil, err
end

--- What one receives up to a line's end.
function stranger.line(one, seconds)
  local deadline = lastcall.now() + helper.seconds(seconds or 3)
  local kept = ""
  repeat
    local line, err, rest = one:receive("*l", kept)
    if line or err ~= "timeout" then return line, err end
    kept = rest or ""
    lastcall.sleep(0.005)
  until lastcall.now() > deadline
  return nil, "timeout"
end

return stranger
