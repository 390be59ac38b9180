--- A server at a path, which is its own and is gone afterwards.
local life = require "spec.faults.life"
local try = life.try
local path = os.tmpname()
os.remove(path)

life.live(function(lastcall)
  local server = life.serve("unix:" .. path, function(conn)
    for line in conn:lines() do conn:write(line, "\n") end
  end, { unix_mode = 384 })
  if not server then return end
  for _ = 1, 2 do
    local conn = try(lastcall.connect("unix:" .. path, { timeout = 5, read_timeout = 5 }))
    if conn then
      try(conn:write "hello\n")
      try(conn:read())
      try(conn:close(1))
    end
  end
  server:suspend()
  server:resume()
end)
os.remove(path) -- where it could not
