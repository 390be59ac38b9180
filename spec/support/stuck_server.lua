-- A server whose handler does not come back: stuck_server.lua HOW [DRAIN [exit_when_stuck]]
-- Prints its address, then "stuck" when the handler is, "closed" when its <close> variable has run,
-- and the report.

local lastcall = require "lastcall"
io.stdout:setvbuf("no")

local how = {
  spin = function() while true do end end,
  sort = function() table.sort({ 3, 2, 1 }, function() while true do end end) end,
  -- One call into C that takes for ever, or several seconds.
  find = function() string.find(("a"):rep(60), ("a?"):rep(60) .. ("a"):rep(60)) end,
  slow_find = function() string.find(("a"):rep(24), ("a?"):rep(24) .. ("a"):rep(24)) end,
  finalizer = function()
    setmetatable({}, { __gc = function() while true do end end })
    collectgarbage()
  end,
  -- Both handlers of a pair spin: the first to be stopped is not the last.
  hook = function() end,
}

local name, drain, exit = arg[1], tonumber(arg[2] or 0.5), arg[3]
if name == "hook" then
  lastcall.on_shutdown("endless", function()
    local _ <close> = setmetatable({}, { __close = function() print "closed" end })
    print "stuck"
    while true do end
  end, { timeout = 0.2 })
  lastcall.on_shutdown("first", function() print "first" end)
end

local options = { drain = drain, max_block = false }
if exit then options.exit_when_stuck = exit == "true" end
local report = lastcall.run(function()
  local server = assert(lastcall.listen("127.0.0.1:0"))
  print("listening " .. server:addresses()[1])
  server:serve(function(conn)
    local _ <close> = setmetatable({}, { __close = function() print "closed" end })
    conn:read()
    if name ~= "hook" then print "stuck" end
    how[name]()
    conn:write("done\n")
  end)
end, options)
print(report)
os.exit(report.ok)
