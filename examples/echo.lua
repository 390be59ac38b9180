-- The shortest server: answers each line. Usage: lua echo.lua [ADDRESS]

local lastcall = require "lastcall"

local report = lastcall.serve(arg[1] or "127.0.0.1:7000", function(conn)
  for line in conn:lines() do
    conn:write("you said: ", line, "\n")
  end
end)
print(report)
os.exit(report.ok)
