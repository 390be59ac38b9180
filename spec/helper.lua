--- What the specs share: time bounds, raw clients, and the check that nothing is left behind.

-- Before lastcall is loaded: see spec/support/clock_module.c.
if os.getenv "LASTCALL_CLOCK" == "fast" then require "spec_clock" end

local helper = { stopping = require "spec.support.stopping" }

local build = os.getenv "LASTCALL_BUILD" or "build"
local slow = tonumber(os.getenv "LASTCALL_SLOW") or 1

--- Something measured, shown with the spec's result also when it passed.
function helper.figure(format, ...) print("figure: " .. format:format(...)) end

--- Seconds, stretched where a sanitizer or valgrind makes everything slower.
function helper.seconds(n) return n * slow end

--- The least that a wait of `n` seconds takes by a clock that is read before it. The loop counts from the beginning of
-- its turn, and others may have had the processor since then. A wait that does not happen takes none of this.
function helper.least(n) return n / 2 end

--- A bound for what happens at once, where anything else takes five seconds and more: a busy machine may need a second.
helper.AT_ONCE = helper.seconds(2)

--- Whether it is one of these that runs the specs: what costs memory or time is not lastcall's alone then.
helper.is_slow = slow > 1

--- Whether things are done at their full length (`make check`): `make test` has short forms of what takes longest.
helper.long = os.getenv "LASTCALL_LONG" ~= nil

--- For how many seconds so far this thread has waited for a processor, while others had them all; 0 where the kernel
-- does not count it. A bound on time that leaves it out holds on a busy machine, too.
function helper.starved()
  local file = io.open "/proc/thread-self/schedstat"
  if not file then return 0 end
  local _, waited = file:read("n", "n")
  file:close()
  return (waited or 0) / 1e9
end

--- Where a program that the Makefile built is.
function helper.program(name) return build .. "/" .. name end

--- The environment in which a process finds lastcall.
helper.environment = ("LUA_PATH='lua/?.lua;lua/?/init.lua;;' LUA_CPATH='%s/lua/?.so;;' "):format(build)

--- Runs a shell command, bounded in time; its output, whether it succeeded, and its status.
function helper.run(command, seconds)
  local pipe = assert(io.popen(("%stimeout --kill-after=5 %d %s 2>&1"):format(helper.environment,
    math.ceil(helper.seconds(seconds or 30)), command)))
  local output = pipe:read("a")
  local fine, _, status = pipe:close()
  return output, fine == true, status
end

--- The same from a task, for a client of this process's own servers: other tasks run meanwhile.
function helper.run_beside(lastcall, command, seconds)
  local out, done = os.tmpname(), os.tmpname()
  os.remove(done)
  os.execute(("(%stimeout --kill-after=5 %d %s >%s 2>&1; echo $? >%s.new; mv %s.new %s) &"):format(helper.environment,
    math.ceil(helper.seconds(seconds or 20)), command, out, done, done, done))
  local file
  repeat
    lastcall.sleep(0.005)
    file = io.open(done)
  until file
  local status = file:read "n"
  file:close()
  local output = helper.read_file(out)
  os.remove(out)
  os.remove(done)
  return output, status == 0, math.tointeger(status)
end

--- What this process has open: how many, and a listing for the message of a failure.
function helper.descriptors()
  local open = require("spec_system").descriptors()
  return #open, table.concat(open, "\n")
end

function helper.pid()
  local file = assert(io.open("/proc/self/stat"))
  local pid = file:read("n")
  file:close()
  return math.tointeger(pid)
end

--- Runs `body(lastcall)` as the first task under a time bound; raises what it raised. Afterwards no
-- descriptor, timer or task may be left.
function helper.task(body, options)
  local lastcall = require "lastcall"
  local core = require "lastcall.core"
  local before, first = helper.descriptors()
  options = options or {}
  options.drain = options.drain or 5
  options.log = options.log or function() end
  options.signals = options.signals or false
  local late = false
  local report = lastcall.run(function(ctx)
    lastcall.spawn(function()
      local _, code = lastcall.channel():receive(helper.seconds(20)) -- at rest: cut by nothing
      if code == "timeout" then
        late = true
        lastcall.shutdown(0)
      end
    end)
    body(lastcall, ctx)
    lastcall.shutdown()
  end, options)
  assert(not late, "the spec took longer than its bound")
  collectgarbage()
  collectgarbage()
  local stats = core.loop_stats()
  assert(stats.tasks == 0, ("%d tasks left"):format(stats.tasks))
  assert(stats.connections == 0, ("%d connections left"):format(stats.connections))
  assert(stats.timers == 0, ("%d timers left"):format(stats.timers))
  local after, listing = helper.descriptors()
  for _ = 1, 100 do -- a look at handshakes that the kernel has not answered yet has one, in a thread
    if after <= before then break end
    os.execute "sleep 0.01"
    after, listing = helper.descriptors()
  end
  assert(after <= before, ("descriptors left open; before:\n%s\nafter:\n%s"):format(first, listing))
  return report
end

--- A log without the messages of the run's shutdown, for specs about all other messages.
function helper.apart_from_shutdown(log)
  local stop = helper.stopping.here().event
  return function(level, event, fields)
    if not event:find "^shutdown" and event ~= stop then log(level, event, fields) end
  end
end

--- What a program printed, without the log messages of its shutdown.
function helper.without_trace(output)
  local stop = helper.stopping.here().event
  if stop then output = output:gsub("[^\n]*lastcall: warning: " .. stop .. "[^\n]*\n", "") end
  return (output:gsub("[^\n]*lastcall: info: shutdown[^\n]*\n", ""))
end

--- A server on loopback, or at `options.at`.
local function listen(lastcall, options)
  local own = {}
  for name, value in pairs(options or {}) do own[name] = value end
  own.at = nil
  return assert(lastcall.listen(options and options.at or "127.0.0.1:0", own))
end

--- A server with `handler`, on loopback or at `options.at`; the server and its address.
function helper.serve(lastcall, handler, options)
  local server = listen(lastcall, options)
  lastcall.spawn(function() server:serve(handler) end)
  lastcall.sleep(0)
  return server, server:addresses()[1]
end

--- A handler that sends each line back.
function helper.echo(conn)
  for line in conn:lines() do conn:write(line, "\n") end
end

--- Two ends of one connection over loopback (or at `options.at`): the server's end, the client's, and the server.
function helper.pair(lastcall, options, connect_options)
  local server = listen(lastcall, options)
  local there = assert(lastcall.connect(server:addresses()[1], connect_options))
  local here = assert(server:accept(helper.seconds(5)))
  return here, there, server
end

--- Runs `body(here, there, lastcall, server)` on the two ends of one connection, and closes both.
function helper.between(body, options, connect_options)
  helper.task(function(lastcall)
    local here, there, server = helper.pair(lastcall, options, connect_options)
    body(here, there, lastcall, server)
    there:abort()
    here:abort()
    server:close()
  end)
end

--- Writes and sees to it that the kernel has it.
function helper.send(conn, ...)
  assert(conn:write(...))
  assert(conn:flush())
end

--- A client that asks for `line` and does not wait for the answer.
function helper.ask(address, line)
  local conn = assert(require "lastcall".connect(address))
  helper.send(conn, line, "\n")
  return conn
end

--- A client that has had one exchange with `echo`: it is idle now.
function helper.spoken(address, word)
  word = word or "ping"
  local conn = helper.ask(address, word)
  assert(conn:read() == word)
  return conn
end

--- Waits until so many of the server's connections (1) are at work: their handlers have read a request.
function helper.at_work(server, count)
  while server:count "active" < (count or 1) do require "lastcall".sleep(0.002) end
end

--- Closes the connection; the last line that came, or the code with which it ended.
function helper.ends(conn)
  local line, code = conn:read()
  conn:close()
  return line or code
end

helper.assert_clean = helper.stopping.assert_clean

--- The call raises, and says `reason`.
function helper.raises(reason, fn, ...)
  local fine, err = pcall(fn, ...)
  assert(not fine, "nothing was raised")
  assert(tostring(err):find(reason, 1, true), err)
end

--- What a failed call returned is nil, this code and a message; what else there is, it returns.
function helper.failure(code, ...)
  local check = require "luassert"
  local value, seen, message, partial = ...
  check.is_nil(value)
  check.equal(code, seen)
  check.is_string(message)
  return partial
end

--- The files that describe the API.
function helper.meta_files()
  local files = {}
  for path in helper.run("ls lua/lastcall/meta*.lua"):gmatch "[^\n]+" do files[#files + 1] = path end
  assert(#files > 1)
  return files
end

function helper.read_file(path)
  local file = assert(io.open(path))
  local text = file:read("a")
  file:close()
  return text
end

--- Whether there is a file: a socket as well, which io.open never opens.
function helper.exists(path) return (os.rename(path, path)) == true end

--- A file with this text, a new one where no path is given: its path.
function helper.write_file(text, path)
  path = path or os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  return path
end

--- Runs Lua text as a program of its own; gives what helper.run gives.
function helper.run_script(text)
  local path = helper.write_file(text)
  local output, fine, status = helper.run("lua5.4 " .. path)
  os.remove(path)
  return output, fine, status
end

--- A path for a unix socket, that nothing has yet.
function helper.socket_path()
  local path = os.tmpname()
  os.remove(path)
  return path
end

--- The address of a unix socket in no folder, of this process alone.
function helper.abstract(name) return ("unix:@lastcall-%s-%d"):format(name:gsub(" ", "-"), helper.pid()) end

return helper
