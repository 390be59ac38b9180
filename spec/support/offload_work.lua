--- Functions that offload_spec has called in helpers.

local work = {}

function work.echo(...) return ... end

--- The number of this process, after some seconds.
function work.pid(seconds)
  if seconds then os.execute("sleep " .. seconds) end
  local file = assert(io.open "/proc/self/stat")
  local pid = file:read "n"
  file:close()
  return pid
end

--- Tells its number at once, in a file, and takes long.
function work.long(path)
  local file = assert(io.open(path .. ".new", "w"))
  file:write(("%d"):format(work.pid()))
  file:close()
  os.rename(path .. ".new", path)
  os.execute "sleep 30"
end

function work.exit(status) os.exit(status) end

--- Dies, and leaves a child that has its descriptors.
function work.orphan()
  os.execute "sleep 5 >/dev/null 2>&1 &"
  os.exit(7)
end

function work.fail(value) error(value) end

function work.fail_with_function() error(print) end

function work.give_function() return 1, { list = { true, print } } end

function work.shared(t) return t.a == t.b, { t.a, t.b } end

function work.chatter(...)
  print(...)
  io.stdout:write("no line", "\n")
  return io.read "a"
end

function work.size(text) return #text, text .. text end

return work
