--- What the system tells about processes, and commands that take a moment.

local machine = {}

function machine.contents(path)
  local file <close> = io.open(path)
  return file and file:read "a"
end

function machine.output(command)
  local pipe <close> = assert(io.popen(command))
  return pipe:read "a"
end

--- Whether the process has ended, also when nobody has taken its status yet.
function machine.has_ended(pid)
  local stat = machine.contents(("/proc/%d/stat"):format(pid))
  return not stat or stat == "" or stat:match "^.*%) (%a)" == "Z"
end

--- The processes of a session.
function machine.session(id)
  local pids = {}
  for word in machine.output(("pgrep -s %d"):format(id)):gmatch "%d+" do
    local pid = math.tointeger(word)
    if not machine.has_ended(pid) then pids[#pids + 1] = pid end
  end
  return pids
end

function machine.signal(name, pid) return os.execute(("kill -%s %d 2>/dev/null"):format(name, pid)) end

function machine.descriptors(pid) return tonumber(machine.output(("ls /proc/%d/fd | wc -l"):format(pid))) end

--- Whether there is such a command; nginx may be where only root looks.
function machine.has(command)
  return os.execute(("PATH=$PATH:/usr/sbin command -v %s >/dev/null"):format(command)) == true
end

return machine
