-- Notices peers that are gone, and says after how long. For vanish.sh. Usage: lua vanish_server.lua ADDRESS
--
-- A peer says what it will be doing when it vanishes (idle, flight, window or beat), and "now" a moment
-- before it does. Each end is a line: "gone KIND SECONDS CAUSE".

local lastcall = require "lastcall"

local keepalive = { idle = 1, interval = 1, count = 2 }

local doing = {
  idle = function(conn) conn:read() end,
  flight = function(conn)
    while conn:write("tick\n") and conn:flush() and lastcall.sleep(0.1) do end
  end,
  window = function(conn)
    conn:set_write_timeout(60)
    conn:write(("x"):rep(16 << 20))
  end,
  beat = function(conn)
    conn:set_keepalive(false)
    conn:heartbeat { interval = 1, timeout = 1, send = "?\n" }
    conn:read()
  end,
}

local report = lastcall.run(function()
  local server = assert(lastcall.listen(arg[1], { keepalive = keepalive, log = function() end }))
  server:on_state(function(conn, _, to, cause)
    if to ~= "closed" or not conn.data.kind then return end
    print(("gone %s %.1f %s"):format(conn.data.kind, lastcall.now() - conn.data.since, cause))
    io.stdout:flush()
  end)
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(function(conn)
    local kind = conn:read()
    local working
    if kind == "flight" or kind == "window" then working = lastcall.go(doing[kind], conn) end
    if conn:read() ~= "now" then return end
    conn.data.kind, conn.data.since = kind, lastcall.now()
    if working then working:wait() else doing[kind](conn) end
  end)
end, { drain = 2 })
os.exit(report.elapsed < 3)
