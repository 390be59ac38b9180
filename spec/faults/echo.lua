--- Two listeners, three clients, one of them in the midst of a request when the drain begins.
local life = require "spec.faults.life"
local try = life.try

life.live(function(lastcall)
  local server = life.serve("127.0.0.1:0", function(conn)
    for line in conn:lines() do
      if line == "slow" then lastcall.sleep(0.5) end
      conn:write(line, "\n")
    end
  end, { reuseport = true, on_drain = function(conn) conn:post "bye\n" end, farewell = "the end\n" })
  if not server then return end
  local address = server:addresses()[1]
  try(server:listen("[::1]:0", { reuseport = true }))
  try(server:unlisten "[::1]:0")
  for i = 1, 3 do
    local conn = try(lastcall.connect(address, { timeout = 5, read_timeout = 5 }))
    if conn then
      try(conn:write(i == 3 and "slow" or "fast", "\n"))
      try(conn:flush())
      if i == 1 then try(conn:read()) end
      if i == 2 then try(conn:close(1)) end
    end
  end
end)
