--- The workers' script: a request is a line with a number, the answer takes so many milliseconds. `kind` is what is
-- wrong with this build.

local version, kind, block = ...
local lastcall = require "lastcall"

local SOON = 1 -- seconds

if kind == "dies" then error "this build dies" end
if kind == "hangs" then lastcall.sleep(1000) end
if kind == "blocks" then block() end
if kind == "unready" then lastcall.set_ready(false) end
if kind == "crashes" then
  lastcall.go(function()
    lastcall.sleep(SOON)
    os.exit(3)
  end)
end

local server = lastcall.assert(lastcall.listen "127.0.0.1:80")
lastcall.assert(server:listen "unix:/run/toy")
if version % 2 == 0 then lastcall.assert(server:listen "unix:/run/more") end -- each reload opens it, or lets it go
server:serve(function(conn)
  local line = conn:read()
  if not line then return end
  lastcall.sleep(tonumber(line) / 1000)
  conn:write(("%d\n"):format(version))
end)
