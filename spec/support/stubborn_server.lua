-- Handlers of every kind, for shutdowns that must be over on time. Usage: lua stubborn_server.lua ADDRESS TIMEOUT
--
-- A client's first line says which handler it gets. After the report: "over SECONDS", from the beginning
-- of the shutdown to its end.

local lastcall = require "lastcall"

local handlers = {}

function handlers.echo(conn)
  for line in conn:lines() do conn:write(line, "\n") end
end

function handlers.ignore(conn)
  while true do
    lastcall.sleep(1)
    conn:read()
  end
end

function handlers.spin()
  while true do end
end

function handlers.spin_protected()
  while true do
    pcall(function() while true do end end)
  end
end

function handlers.large(conn)
  conn:write(("x"):rep(8 << 20))
  conn:read()
end

function handlers.wait(conn) conn:read() end

function handlers.spawn()
  while true do
    lastcall.go(function() while true do lastcall.sleep(1) end end)
    lastcall.sleep(0.001)
  end
end

local hook_ran = false

local report = lastcall.run(function()
  local server = assert(lastcall.listen(arg[1], { log = function() end, on_error = function() end }))
  lastcall.on_shutdown("last", function() hook_ran = true end)
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(function(conn)
    local kind = conn:read()
    if handlers[kind] then handlers[kind](conn) end
  end)
end, { drain = tonumber(arg[2]), log = function() end, on_error = function() end, max_block = false })

print(report)
print(("over %.3f %s"):format(report.elapsed, hook_ran and "hook" or "no hook"))
