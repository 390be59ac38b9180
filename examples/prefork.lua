-- One echo server in several processes, ended by one signal.
-- Usage: lua prefork.lua [ADDRESS [PROCESSES [START [DRAIN]]]]
--
-- Each process listens on ADDRESS itself (SO_REUSEPORT), and the kernel deals the clients out: one process
-- for each processor uses them all. The first process serves no clients. It starts the others, replaces a
-- process that died, passes SIGTERM and SIGINT on, and ends when all have drained. A second signal hurries
-- them, a third ends them. They also drain when the first process is gone. START says when a handler begins:
-- "accept", or "data" for many connected clients that never send a byte. DRAIN is how many seconds a
-- shutdown may take (25).

local lastcall = require "lastcall"

local USAGE = "usage: lua prefork.lua [ADDRESS [PROCESSES [START [DRAIN]]]]\n"
local START_WITHIN = 10 -- seconds for a process to listen
local SHORT_LIFE = 1    -- seconds: a process that dies sooner is not replaced at once
-- Probes of a million silent peers within half a minute are more packets than the kernel's queue holds
-- (net.core.netdev_max_backlog). The kernel would drop probes, and healthy peers would be given up.
local KEEPALIVE = { idle = 300, interval = 60, count = 3 }

-- --- a process that serves -----------------------------------------------------------------------

local function echo(conn)
  for line in conn:lines "L" do conn:write(line) end
end

local function own_pid()
  local file <close> = assert(io.open "/proc/self/stat")
  return file:read "n"
end

-- Writes its pid and where it listens to `control`, whose other end is the first process.
local function work(control_address, address, start, drain)
  local report = lastcall.run(function(ctx)
    local control = lastcall.assert(lastcall.connect(control_address))
    local server, _, problem = lastcall.listen(address, { reuseport = true, start = start, keepalive = KEEPALIVE })
    if not server then error(problem, 0) end
    control:write(("%d\n%s\n"):format(own_pid(), server:addresses()[1]))
    control:flush()
    lastcall.go(function()
      ctx:until_drain():call(control.read, control, "a") -- ends with the first process
      lastcall.shutdown()
    end)
    server:serve(echo)
  end, { drain = drain })
  print(report)
  os.exit(report.ok)
end

-- --- the first process ---------------------------------------------------------------------------

local pids = {} -- of the listening processes, by their place
local stopping = false
local badly = 0 -- how many processes failed

local function send(signal, to)
  if #to > 0 then os.execute(("kill -s %s %s"):format(signal, table.concat(to, " "))) end
end

local function pass_on(signal)
  stopping = true
  local all = {}
  for _, pid in pairs(pids) do all[#all + 1] = pid end
  send(signal, all)
end

local function launch(control_address, address, options)
  local command = "exec"
  for _, word in ipairs { arg[-1], arg[0], "--worker", control_address, address, options.start, options.drain } do
    command = ("%s '%s'"):format(command, tostring(word):gsub("'", [['\'']]))
  end
  return assert(io.popen(command, "w"))
end

-- Stays with one process until its end. Calls started(where) with its address, or nil when it did not listen.
local function attend(place, process, line, started)
  local pid, where
  if line then pid, where = line:read("l", "l") end
  started(pid and where)
  if pid then
    pids[place] = pid
    if stopping then send("TERM", { pid }) end -- the signal came before its pid was known
    line:read "a" -- ends with the process
    pids[place] = nil
  end
  if line then line:close() end
  local fine, how, status = process:close() -- it has closed its end, so it exits at once
  if not fine then badly = badly + 1 end
  return ("%s %d"):format(how, status)
end

-- Keeps a process in this place until the stop.
local function keep(place, address, options, started)
  local path = os.tmpname()
  os.remove(path)
  local control = lastcall.assert(lastcall.listen("unix:" .. path, { unix_mode = 384 })) -- rw-------
  repeat
    local began = lastcall.now()
    local process = launch("unix:" .. path, address, options)
    local how = attend(place, process, control:accept(START_WITHIN), started)
    started = function() end
    if not stopping then
      print(("the process in place %d has ended (%s), another is started"):format(place, how))
      if lastcall.now() - began < SHORT_LIFE then lastcall.sleep(SHORT_LIFE) end
    end
  until stopping
  control:close()
end

-- Starts all processes, one before the others: it finds the port if ADDRESS has port 0.
local function start_all(places, address, count, options)
  local answers = lastcall.channel(1)
  for place = 1, count do
    places:go(keep, place, address, options, function(where)
      stopping = stopping or not where -- the process that could not listen has said why
      answers:send(where or false)
    end)
    address = answers:receive()
    if not address then return pass_on "TERM" end
  end
  print(("%d processes, listening %s"):format(count, address))
  io.stdout:flush()
end

local function supervise(address, count, options)
  lastcall.run(function()
    lastcall.on_signal("TERM", pass_on)
    lastcall.on_signal("INT", pass_on)
    local places = lastcall.group()
    start_all(places, address, count, options)
    assert(places:wait())
  end, { signals = false })
  print(badly == 0 and "all have ended well" or ("%d ended badly"):format(badly))
  os.exit(badly == 0)
end

if arg[1] == "--worker" then
  work(arg[2], arg[3], arg[4], tonumber(arg[5]))
else
  local address, count = arg[1] or "127.0.0.1:7008", math.tointeger(arg[2] or 2)
  local options = { start = arg[3] or "accept", drain = tonumber(arg[4] or 25) }
  if arg[5] or address:sub(1, 1) == "-" or not count or count < 1 or not options.drain then
    io.stderr:write(USAGE)
    os.exit(2)
  end
  supervise(address, count, options)
end
