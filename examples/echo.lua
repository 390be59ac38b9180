-- The shortest server: it answers each line. Usage: lua echo.lua [ADDRESS]

local lastcall = require "lastcall"

local address = arg[1] or "127.0.0.1:7000"
if arg[2] or address:sub(1, 1) == "-" then
  io.stderr:write("usage: lua echo.lua [ADDRESS]\n")
  os.exit(2)
end

local report = lastcall.serve(address, function(conn)
  for line in conn:lines() do
    conn:write("you said: ", line, "\n")
  end
end)
print(report)
os.exit(report.ok)
