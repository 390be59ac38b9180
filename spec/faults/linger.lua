--- Every way of closing, with much to be sent and a peer that is slow, finished or gone.
local life = require "spec.faults.life"
local try = life.try
local LARGE = ("x"):rep(400000)

life.live(function(lastcall)
  local server = life.serve("127.0.0.1:0", function(conn)
    local how = conn:read()
    conn:write(LARGE)
    if how == "half" then try(conn:shutdown "write")
    elseif how == "background" then try(conn:close "background")
    elseif how == "reset" then try(conn:close(0))
    else try(conn:close(1)) end
  end)
  if not server then return end
  for _, how in ipairs { "half", "background", "reset", "orderly" } do
    local conn = try(lastcall.connect(server:addresses()[1], { timeout = 5, read_timeout = 2 }))
    if conn then
      try(conn:write(how, "\n"))
      try(conn:flush())
      lastcall.sleep(0.05)
      try(conn:read "a")
      if how == "half" then try(conn:shutdown "both") else conn:abort() end
    end
  end
end)
