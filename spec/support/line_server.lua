--- The server that build/clients talks to: echo, big, slow, upload, early, quit. Prints where it listens.
-- Usage: lua line_server.lua ADDRESS [TIMEOUT[,QUIET] [progress] [OPTION=VALUE...]]; both times of the
-- drain, in seconds; options of the listener

local lastcall = require "lastcall"

local function pattern(n)
  local alphabet = "abcdefghijklmnopqrstuvwxyz"
  return alphabet:rep(n // 26 + 1):sub(1, n)
end

local commands = {}

function commands.echo(conn, text) conn:write(text, "\n") end

function commands.big(conn, n) conn:write(pattern(tonumber(n)), "\n") end

function commands.slow(conn, rest)
  local ms, text = rest:match("^(%d+) (.*)$")
  lastcall.sleep(tonumber(ms) / 1000)
  conn:write(text, "\n")
end

function commands.upload(conn, n)
  local left = tonumber(n)
  while left > 0 do
    local got = conn:read_some(left)
    if not got then return true end
    left = left - #got
  end
  conn:write("done ", n, "\n")
end

function commands.early(conn, rest)
  conn:write(pattern(tonumber(rest:match("^%d+"))), "\n")
  return true
end

function commands.quit(conn)
  conn:write("bye\n")
  return true
end

local function handle(conn)
  for line in conn:lines() do
    local name, rest = line:match("^(%a+) ?(.*)$")
    local command = commands[name]
    if not command then return end
    if command(conn, rest) then return end
  end
end

local timeout, quiet = (arg[2] or "25"):match("^([%d.]+),?([%d.]*)$")
local options, progress = {}, nil
for i = 3, #arg do
  local name, value = arg[i]:match "^(%w[%w_]*)=(.*)$"
  local index, of = (value or ""):match "^(%d+)/(%d+)$"
  if index then options[name] = { index = tonumber(index), of = tonumber(of) } -- reuseport=1/2
  elseif name then options[name] = tonumber(value) or value == "true"
  elseif arg[i] == "progress" then progress = true end
end

local report = lastcall.run(function()
  local server = assert(lastcall.listen(arg[1] or "127.0.0.1:0", options))
  io.stdout:write("listening ", server:addresses()[1], "\n")
  io.stdout:flush()
  server:serve(handle)
end, {
  drain = { timeout = tonumber(timeout), quiet = tonumber(quiet) },
  log = function() end,
  progress = progress,
})

print(report)
os.exit(report.ok)
