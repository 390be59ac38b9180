--- Child processes: started without a shell, waited for by the loop, ended with their context.

local core = require "lastcall.core"
local adopt = require "lastcall.adopt"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"
local remedy = require "lastcall.remedy"

local GRACE = 5 -- seconds from SIGTERM to SIGKILL

--- A child process.
local Process = {}
Process.__index = Process

-- ------------------------------------------------------------------------------------------------------- options --

local function is_text(value) return type(value) == "string" and not value:find("\0", 1, true) end

local function is_argv(value)
  local text = 'a list of strings without zero bytes: the program, then its arguments'
  if type(value) ~= "table" or not is_text(value[1]) or value[1] == "" then return false, text end
  for place in pairs(value) do
    if math.type(place) ~= "integer" or place < 1 or place > #value then return false, text end
  end
  for i = 1, #value do
    if not is_text(value[i]) then
      misuse.raise("process: argv[%d] is a string without zero bytes, not %s", i,
        type(value[i]) == "string" and ("%q"):format(value[i]) or "a " .. type(value[i]))
    end
  end
  return true
end

--- A check for tables of variables; `removable`: false removes one.
local function is_environment(removable)
  local what = removable and "setenv" or "env"
  return function(value)
    if type(value) ~= "table" then return false, "a table of strings by the names of variables" end
    for name, text in pairs(value) do
      if not is_text(name) or name == "" or name:find("=", 1, true) then
        misuse.raise("process: the name of a variable in %s is a string without '=' and zero bytes, not %s", what,
          type(name) == "string" and ("%q"):format(name) or "a " .. type(name))
      end
      if not is_text(text) and not (removable and text == false) then
        misuse.raise("process: %s.%s is a string without zero bytes, not %s", what, name,
          type(text) == "string" and ("%q"):format(text) or "a " .. type(text))
      end
    end
    return true
  end
end

local WORDS = { pipe = true, socket = true, inherit = true, null = true }

local function is_descriptor(value)
  return type(value) == "string" and WORDS[value] or math.type(value) == "integer" and value >= 0
    or type(value) == "userdata",
    '"pipe", "socket", "inherit", "null", a connection or the number of a descriptor'
end

local MOST = 65535 -- a descriptor's number in a child

local function is_list_of_descriptors(value)
  if type(value) ~= "table" then return false, "a table: the child's descriptors by their numbers" end
  for number, one in pairs(value) do
    if math.type(number) ~= "integer" or number < 0 or number > MOST then
      misuse.raise("process: a place in fds is a descriptor's number, from 0 to %d, not %s", MOST, tostring(number))
    end
    local fine, text = is_descriptor(one)
    if not fine then misuse.raise("process: fds[%d] is %s, not %s", number, text, tostring(one)) end
  end
  return true
end

local function is_boolean(value) return type(value) == "boolean", "true or false" end

options.process = {
  argv = is_argv, env = is_environment(false), setenv = is_environment(true),
  cwd = function(value) return is_text(value) and value ~= "", "a path" end,
  stdin = is_descriptor, stdout = is_descriptor, stderr = is_descriptor, fds = is_list_of_descriptors,
  process_group = is_boolean, outlives = is_boolean,
  grace = function(value) return type(value) == "number" and value >= 0, "seconds" end,
  ctx = function(value) return core.context.is(value), "a context" end,
}

local function list_of(variables)
  local list = {}
  for name, value in pairs(variables) do list[#list + 1] = name .. "=" .. value end
  return list
end

--- The environment of the child as a list; nil: that of this process.
local function environment(given)
  if not given.setenv then return given.env and list_of(given.env) end
  local variables = {}
  if given.env then
    for name, value in pairs(given.env) do variables[name] = value end
  else
    for _, one in ipairs(core.environment()) do
      local name, value = one:match "^([^=]+)=(.*)$"
      if name then variables[name] = variables[name] or value end
    end
  end
  for name, value in pairs(given.setenv) do variables[name] = value or nil end
  return list_of(variables)
end

-- --------------------------------------------------------------------------------------------------- descriptors --

local STANDARD = { [0] = "stdin", "stdout", "stderr" }

--- What the child's descriptors are to be, by their numbers.
local function wanted_descriptors(given)
  local wanted = {}
  for number, one in pairs(given.fds or {}) do wanted[number] = one end
  for number = 0, 2 do
    local name = STANDARD[number]
    if given[name] ~= nil and wanted[number] ~= nil then
      misuse.raise("process: both %s and fds[%d] are given", name, number)
    end
    wanted[number] = given[name] or wanted[number] or "inherit"
  end
  return wanted
end

--- What a start has so far: the pairs that are open, `ours` to make connections of, `theirs` to close when the child
-- has them; and `child`, which is killed unless the start succeeds.
local Ends = {}
Ends.__index = Ends

local function close_all(list)
  for number, fd in pairs(list) do
    core.close_fd(fd)
    list[number] = nil
  end
end

function Ends:__close()
  close_all(self.ours)
  close_all(self.theirs)
  if self.child then self.child:signal(core.signal_number "KILL") end
end

--- A pair for the child's descriptor `number`. A pipe leads to the child at 0, and from it at all others.
function Ends:open(number, word)
  local one, other, message
  if word == "socket" then one, other, message = core.socket_pair() else one, other, message = core.pipe_pair() end
  if not one then return nil, other, message end
  if word == "pipe" and number == 0 then one, other = other, one end
  self.ours[number], self.theirs[number] = one, other
  return other
end

local function fd_of(number, value)
  local fd = value
  if math.type(value) ~= "integer" then fd = core.conn_fd(value) end
  if not fd then misuse.raise("process: the child's descriptor %d is to be a connection that is not open", number) end
  if not core.is_open(fd) then
    misuse.raise("process: the child's descriptor %d is to be descriptor %d, which is not open", number, fd)
  end
  return fd
end

--- A standard descriptor that this process has closed is /dev/null in the child.
local function inherited(number)
  if number <= 2 and not core.is_open(number) then return -1 end
  return fd_of(number, number)
end

--- Returns the descriptors of the child as the core takes them; or nil, code, message.
function Ends:prepare(wanted)
  local list = {}
  for number, value in pairs(wanted) do
    local fd, code, message
    local kept = 0
    if value == "null" then fd = -1
    elseif value == "inherit" then fd = inherited(number)
    elseif type(value) == "string" then fd, code, message = self:open(number, value)
    else fd, kept = fd_of(number, value), 1 end
    if not fd then return nil, code, message end
    table.insert(list, number)
    table.insert(list, fd)
    table.insert(list, kept)
  end
  return list
end

--- Makes connections of our ends. Returns true; or nil, code, message.
function Ends:connect(process)
  for number, fd in pairs(self.ours) do
    local conn, code, message = adopt(fd)
    if not conn then return nil, code, message end
    self.ours[number] = nil
    if STANDARD[number] then process[STANDARD[number]] = conn end
    process.fds[number] = conn
  end
  return true
end

-- -------------------------------------------------------------------------------------------------------- failures --

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

local PROGRAM = {
  enoent = function(name, cwd)
    if not name:find("/", 1, true) then return "no program of this name is in PATH" end
    local path = cwd and name:sub(1, 1) ~= "/" and cwd .. "/" .. name or name
    return exists(path) and "the interpreter that the file names (after #!) is missing" or "there is no such file"
  end,
  ["permission denied"] = function()
    return "it is not executable for this user: chmod +x, or run its interpreter with it as an argument"
  end,
  enoexec = function() return "it is no program of this machine, and no script that begins with #!" end,
  e2big = function() return "the arguments and the environment are too long together" end,
}

--- The message of a start that failed at a step.
local function failure(given, step, code, text, errno)
  local name = given.argv[1]
  local what = ("cannot run %q"):format(name)
  if step == "program" and PROGRAM[code] then text = PROGRAM[code](name, given.cwd)
  elseif step == "directory" then what = ("%s: cannot enter the directory %q"):format(what, given.cwd)
  elseif step == "descriptors" then what = what .. ": a descriptor for it"
  elseif step == "group" then what = what .. ": its process group" end
  text = remedy[code] or text
  return nil, code, ("process: %s: %s%s"):format(what, text, errno and (" (%s)"):format(errno) or "")
end

-- ------------------------------------------------------------------------------------------------------------ start --

--- The task that keeps a child. When it is killed, the child is killed.
local function keep(child, name, grace, place)
  local _ <close> = child
  child:keep(name, grace, place)
end

local function begin_keeping(given, process, place)
  local child = process.child
  if given.outlives then return child:leave_alone() end
  local name = ("process %d %s"):format(process.pid, given.argv[1])
  if given.ctx then given.ctx:go(keep, child, name, given.grace or GRACE, place)
  else core.go(keep, child, name, given.grace or GRACE, place) end
end

local function start(given, stands)
  local ends <close> = setmetatable({ ours = {}, theirs = {} }, Ends)
  local ended = given.ctx and given.ctx:err()
  if ended then return failure(given, "process", ended, "its context has ended") end
  local list, code, message = ends:prepare(wanted_descriptors(given))
  if not list then return failure(given, "process", code, message) end
  local child = core.subprocess_new()
  ends.child = child
  local fine, step, text, errno
  fine, code, step, text, errno = child:start(given.argv, environment(given), given.cwd, list, given.process_group,
    given.ctx or given.outlives, stands)
  if not fine then return failure(given, step, code, text, errno) end
  close_all(ends.theirs)
  local process = setmetatable({ child = child, pid = child:pid(), fds = {} }, Process)
  begin_keeping(given, process, code)
  fine, code, message = ends:connect(process)
  if fine then
    ends.child = nil
    return process
  end
  for _, conn in pairs(process.fds) do conn:abort() end
  return nil, code, message
end

local function check_and_start(given, stands)
  given = options.check("process", given, options.process)
  if not given.argv then misuse.raise("process: option 'argv' is missing: a list, the program and its arguments") end
  return start(given, stands)
end

--- Starts a program as a child process of the caller's context. Returns it; or nil, code, message. Other tasks run
-- until the program does.
local function new(given) return check_and_start(given, false) end

--- The same, and no other task runs meanwhile.
local function new_at_once(given) return check_and_start(given, true) end

-- ---------------------------------------------------------------------------------------------------------- methods --

--- Waits for the child's end, at most `seconds`. Returns "exit" and its status, or "signal", its number and its name;
-- or nil, code, message.
function Process:wait(seconds)
  misuse.check_self(self, Process, "process:wait")
  options.check_seconds("process:wait", seconds)
  local how, status, message = self.child:wait(seconds)
  if how == "signal" then return how, status, core.signal_of(status) end
  if how == "unknown" then
    return nil, "echild", ("process %d: other code has taken its status: a wait for any child, or an ignored SIGCHLD")
      :format(self.pid)
  end
  if how then return how, status end
  return nil, status, message
end

local function signal_number(signal)
  if math.type(signal) == "integer" and signal >= 0 and signal <= 64 then return signal end
  local fine, number = pcall(core.signal_number, signal)
  if not fine then misuse.raise("process:kill: %s", number) end
  return number
end

--- Sends a signal, TERM unless another is named, to the child, or to the whole of its group when it leads one. Returns
-- true; or nil, code, message.
function Process:kill(signal)
  misuse.check_self(self, Process, "process:kill")
  local fine, code, message = self.child:signal(signal_number(signal or "TERM"))
  if code == "esrch" then message = ("process %d: it has ended"):format(self.pid) end
  return fine, code, message
end

--- Sends SIGTERM, and SIGKILL after `grace` seconds. Returns at once.
function Process:stop(grace)
  misuse.check_self(self, Process, "process:stop")
  options.check_seconds("process:stop", grace)
  self.child:stop(grace or GRACE)
  return true
end

--- Whether the child has not ended.
function Process:is_running()
  misuse.check_self(self, Process, "process:is_running")
  return self.child:is_running()
end

--- A child of this process that an earlier program of it has started, which nothing keeps.
local function take(pid)
  local child, code, message = core.subprocess_take(pid)
  if not child then return nil, code, message end
  child:leave_alone()
  return setmetatable({ child = child, pid = pid, fds = {} }, Process)
end

return { new = new, new_at_once = new_at_once, take = take }
