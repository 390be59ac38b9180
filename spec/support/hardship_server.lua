--- The server of soak_hardships.lua: each line is a command; it is answered, however hard the times are.
-- Prints where it listens. SIGUSR1 dumps where every task is; all of its log goes to stderr, which may be full.

local lastcall = require "lastcall"

local commands = {}

function commands.echo(_, text) return text end

function commands.big(_, size) return ("x"):rep(tonumber(size)) end

function commands.sleep(_, seconds)
  lastcall.sleep(tonumber(seconds))
  return "slept"
end

--- Waits so many coroutines deep: a dump has to walk through all of them.
function commands.deep(_, depth)
  local function nest(n)
    if n > 0 then return (coroutine.wrap(nest)(n - 1)) end
    lastcall.sleep(0.05)
    return "deep"
  end
  return nest(tonumber(depth))
end

--- A name that no server answers for: the look-up is given up.
function commands.lookup(_, name)
  local conn, code = lastcall.connect(name .. ":9", { timeout = 0.2 })
  if conn then conn:abort() end
  return code or "connected"
end

--- Fails, and is heard of on stderr.
function commands.fail() error "on purpose" end

--- Work in a task of its own, which a worker of the process does.
local jobs = lastcall.channel(64)

function commands.job(_, text)
  local answer = lastcall.channel(1)
  jobs:send { text = text, answer = answer }
  return answer:receive()
end

local function worker()
  for job in jobs:iter() do
    lastcall.sleep(0.005)
    job.answer:send("done " .. job.text)
  end
end

local function handle(conn)
  for line in conn:lines() do
    local name, rest = line:match "^(%a+) ?(.*)$"
    local command = commands[name]
    if not command then return end
    conn:write(command(conn, rest) or "canceled", "\n")
  end
end

local report = lastcall.run(function()
  lastcall.on_signal("USR1", function() io.stderr:write(lastcall.dump(), "\n") end)
  local server = assert(lastcall.listen("127.0.0.1:0", { max_connections = 400, write_timeout = 2, linger = 0.5 }))
  lastcall.go(worker)
  lastcall.every(0.1, function() server:broadcast("", function() return false end) end)
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(handle)
end, { drain = { timeout = tonumber(arg[1] or 12), quiet = 0.3 } })

io.stdout:write(tostring(report), "\n")
io.stdout:flush()
os.exit(report.ok)
