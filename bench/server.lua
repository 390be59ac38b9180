--- Servers that are measured from outside. They run on the first processor, and their clients on the second.

local server = {}

local TICK = 0.01 -- seconds: USER_HZ is 100 on every Linux

--- Whether there is such a program.
function server.has(program) return (os.execute(("command -v %s >/dev/null"):format(program))) end

--- What a command prints.
function server.output_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "a"
  pipe:close()
  return text
end

--- Starts a server, which prints its address unless `address` is given. Returns {pid =, address =, pipe =}.
function server.start(command, address)
  local pipe = assert(io.popen(("echo $$; exec taskset -c 0 %s 2>/dev/null"):format(command)))
  local pid = pipe:read "n"
  pipe:read()
  return { pid = pid, address = address or assert(pipe:read(), command .. " does not start"), pipe = pipe }
end

--- The same for nginx. `config(port)` writes its file, and returns the file's name.
function server.start_nginx(config)
  local port = 20000 + math.random(10000)
  local one = server.start("nginx -c " .. config(port), "127.0.0.1:" .. port)
  os.execute "sleep 0.5"
  return one
end

function server.stop(one)
  os.execute("kill " .. one.pid)
  one.pipe:close()
end

--- Seconds that it has worked since it began.
function server.processor_time(one)
  local file = assert(io.open(("/proc/%d/stat"):format(one.pid)))
  local user, system = file:read("a"):match "%) %S %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ (%d+) (%d+)"
  file:close()
  return (user + system) * TICK
end

--- Microseconds of processor time for a request: wrk asks for `url` over 64 connections, for so many seconds.
function server.time_of_request(one, url, seconds)
  local before = server.processor_time(one)
  local text = server.output_of(("taskset -c 1 wrk -t1 -c64 -d%ds %s"):format(seconds, url))
  local requests = assert(tonumber(text:match "(%d+) requests in"), text)
  assert(not text:find "Non%-2xx", text)
  return (server.processor_time(one) - before) / requests * 1e6
end

return server
