--- A server in a process that has opened files until no descriptor was left. Run under a small
-- RLIMIT_NOFILE (ulimit -n).

local lastcall = require "lastcall"

local held = {}

local function echo(conn)
  for line in conn:lines() do conn:write(line, "\n") end
end

local report = lastcall.run(function()
  local server = assert(lastcall.listen("127.0.0.1:0", { max_connections = 1000 }))
  lastcall.spawn(function() server:serve(echo) end)
  lastcall.sleep(0)
  repeat
    local file = io.open "/dev/null"
    held[#held + 1] = file
  until not file
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
end, {
  drain = 10,
  log = function(_, event, fields) print(event .. " " .. tostring(fields.cause)) end,
})
print(report)
os.exit(report.ok)
