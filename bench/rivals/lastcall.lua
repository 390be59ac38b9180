-- The echo server that is measured. Usage: lua lastcall.lua [lines] [off] [data] [turns]
--
-- lines: reads lines and writes them back, instead of echoing what comes.
-- off: without deadlines, keepalive, on_state. They are on otherwise.
-- data: a handler begins with its connection's first byte.
-- turns: turns are as long as the processor time that they take.
-- When it ends it prints the longest turn of the loop, in milliseconds, from SIGUSR2 until SIGTERM, and from then on.

local words = {}
for _, word in ipairs(arg) do words[word] = true end
if words.turns then require "spec_work_clock" end

local core = require "lastcall.core"
local lastcall = require "lastcall"

local function echo(conn)
  while true do
    local data = conn:read_some(65536)
    if not data then return end
    conn:write(data)
  end
end

local function echo_lines(conn)
  for line in conn:lines "L" do conn:write(line) end
end

local options = { start = words.data and "data" or "accept" }
if words.off then
  options.keepalive, options.user_timeout, options.write_timeout = false, false, false
else
  options.read_timeout, options.write_timeout = 30, 30
  options.first_byte_timeout, options.idle_timeout, options.max_age = 60, 60, 3600
end

local report = lastcall.run(function()
  local server = assert(lastcall.listen("127.0.0.1:0", options))
  local moves = 0
  if not words.off then server:on_state(function() moves = moves + 1 end) end
  print(server:addresses()[1])
  io.stdout:flush()
  lastcall.on_signal("USR2", function() core.loop_stats(true) end)
  lastcall.before_shutdown("note the longest turn", function()
    print(("longest_turn=%.2f"):format(core.loop_stats(true).longest_turn * 1e3))
  end)
  server:serve(words.lines and echo_lines or echo)
end, { log = function() end })
print(("drain_turn=%.2f"):format(core.loop_stats().longest_turn * 1e3))
os.exit(report.ok)
