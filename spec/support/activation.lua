--- A service manager for specs: programs that it starts with sockets, and what they tell it.

local activation = require "spec_activation"
local helper = require "spec.helper"
local process = require "spec.support.process"

local manager = {}
manager.__index = manager

local function begin(path)
  return setmetatable({ path = path, fd = assert(activation.manager(path)), messages = {}, stored = {} }, manager)
end

--- A manager with a socket in a folder, and one with an abstract name.
function manager.new() return begin(helper.socket_path()) end

local made = 0

function manager.abstract()
  made = made + 1
  return begin(("@lastcall-spec-%d-%d"):format(helper.pid(), made))
end

--- The environment of a program that it starts. `more`: further variables.
function manager:environment(more) return ("NOTIFY_SOCKET='%s' %s"):format(self.path, more or "") end

--- Starts the Lua text as a program.
function manager:start(text, more)
  local file = helper.write_file(text)
  local one = process.start(("env %s lua5.4 %s"):format(self:environment(more), file))
  one.path = file
  return one
end

--- Starts the Lua text under bin/lastcall.
function manager:start_script(text, more)
  local file = helper.write_file(text)
  local one = process.start(("env %s lua5.4 bin/lastcall %s"):format(self:environment(more), file))
  one.path = file
  return one
end

--- Takes a descriptor into the store, or one out of it, as a message wants.
local function store(self, text, fd)
  local name = text:match "FDNAME=([^\n]*)"
  local before = name and self.stored[name]
  if before then require("spec_system").close(before) end
  if name then self.stored[name] = fd end
end

--- The next message within `seconds` (10).
function manager:told(seconds)
  local text, fd = activation.told(self.fd, helper.seconds(seconds or 10))
  if text then
    table.insert(self.messages, text)
    store(self, text, fd)
  end
  return text
end

--- What it stores, for with_sockets: a list of sockets, and their names.
function manager:restored()
  local sockets, names = {}, {}
  for name, fd in pairs(self.stored) do
    sockets[#sockets + 1] = { fd = fd }
    names[#names + 1] = name
  end
  return sockets, table.concat(names, ":")
end

--- Waits for a message that has this line, and returns the messages up to it, as one text.
function manager:wait_for(line, seconds)
  local all = {}
  repeat
    local text = self:told(seconds)
    assert(text, ("no message with %s; there were:\n%s"):format(line, table.concat(all, "\n")))
    all[#all + 1] = text
  until ("\n" .. text .. "\n"):find("\n" .. line, 1, true)
  return table.concat(all, "\n")
end

--- Makes its socket full.
function manager:fill() return activation.fill(self.path) end

--- What has come so far and in the next `seconds` (0), as one text.
function manager:rest(seconds)
  local all = {}
  for text in function() return self:told(seconds or 0) end do all[#all + 1] = text end
  return table.concat(all, "\n")
end

function manager:close()
  for _, fd in pairs(self.stored) do require("spec_system").close(fd) end
  require("spec_system").close(self.fd)
  os.remove(self.path)
end

--- A socket that a program is to inherit: {fd =, port =}.
function manager.inherited(kind)
  local fd, port = assert(activation.inherited(kind))
  return { fd = fd, port = port }
end

--- The shell command that runs `command` with these sockets, as systemd passes them. `variables` replaces the value of
-- variables that it sets.
function manager.with_sockets(sockets, names, command, variables)
  local numbers = {}
  for i, one in ipairs(sockets) do numbers[i] = ("%d<&%d %d<&-"):format(i + 2, one.fd, one.fd) end
  local all = { LISTEN_PID = "$$", LISTEN_FDS = tostring(#sockets), LISTEN_FDNAMES = names }
  for name, value in pairs(variables or {}) do all[name] = value end
  local list = {}
  for name, value in pairs(all) do list[#list + 1] = ("%s=%s"):format(name, value) end
  return ("bash -c 'export %s; exec %s %s'"):format(table.concat(list, " "), command, table.concat(numbers, " "))
end

return manager
