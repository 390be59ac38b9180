-- Sends each line that a client says to all clients. Usage: lua hub.lua [ADDRESS]
--
-- The clients are processes that share news: the workers of a service have no memory in common, and each serves some
-- of the people only. examples/chat_web.lua is such a service:
--
--   lua hub.lua unix:/tmp/hub.sock &
--   lastcall serve --workers 2 chat_web.lua 127.0.0.1:7007 unix:/tmp/hub.sock

local lastcall = require "lastcall"

local address = arg[1] or "127.0.0.1:7017"
if arg[2] or address:sub(1, 1) == "-" then
  io.stderr:write("usage: lua hub.lua [ADDRESS]\n")
  os.exit(2)
end

local report = lastcall.run(function()
  local server = lastcall.assert(lastcall.listen(address))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(function(conn)
    for line in conn:lines() do
      server:broadcast(line .. "\n")
      conn:answered() -- a client that gets nothing for its line is not at work
    end
  end)
end)
print(report)
os.exit(report.ok)
