-- A chat room: all others get what one client writes; a slow reader delays no other. Usage: lua chat.lua [ADDRESS]

local lastcall = require "lastcall"

local address = arg[1] or "127.0.0.1:7001"
if arg[2] or address:sub(1, 1) == "-" then
  io.stderr:write("usage: lua chat.lua [ADDRESS]\n")
  os.exit(2)
end

local report = lastcall.run(function()
  local room = lastcall.assert(lastcall.listen(address, {
    farewell = "* the room closes, good night\n",
    max_queue = 64 * 1024, -- a client further behind than this misses lines
  }))
  print("listening " .. room:addresses()[1])
  io.stdout:flush()

  local function tell_others(speaker, text)
    room:broadcast(text, function(conn) return conn ~= speaker and conn.data.name ~= nil end)
  end

  room:serve(function(conn)
    conn:write("your name? ")
    local name = conn:read()
    if not name or name == "" then return end
    conn.data.name = name
    tell_others(conn, ("* %s is here\n"):format(name))
    conn:answered() -- the speaker waits for no reply: from here on a shutdown may close the connection
    for line in conn:lines() do
      tell_others(conn, ("%s: %s\n"):format(name, line))
      conn:answered()
    end
    conn.data.name = nil
    tell_others(conn, ("* %s has left\n"):format(name))
  end)
end)
print(report)
os.exit(report.ok)
