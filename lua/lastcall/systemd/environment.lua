--- What systemd, or another service manager that speaks its protocol, has put into the environment. It is removed from
-- there when it is read, so that no child process takes it for its own.

local core = require "lastcall.core"

local environment = {}

local FIRST = 3 -- the number of the first socket that was passed
local MOST = 4096

local STORED = "^lastcall/" -- the names of sockets that a supervisor has given to the manager's store

local sockets, manager -- what was found

local taken = {}

local function take(name)
  local value = os.getenv(name)
  if value then core.forget_variable(name) end
  taken[name] = value
  return value
end

--- What was read: for another program that takes the place of this one.
function environment.taken() return taken end

--- A whole number from 1 to `most`; nil when the text is none.
local function number(text, most)
  local value = text and text:find "^%d+$" and math.tointeger(tonumber(text))
  return value and value >= 1 and value <= most and value or nil
end

--- Whether the variables are for this process: their PID names it.
local function is_ours(pid) return number(pid, math.maxinteger) == core.process_id() end

local function names_in(text)
  local names = {}
  for name in ((text or "") .. ":"):gmatch "([^:]*):" do names[#names + 1] = name end
  return names
end

--- The sockets that were passed, in order: {fd =, name =}; and a text that says what was wrong, if anything was. When
-- they are for another process there are none, and the field `elsewhere` says so: that is no fault.
function environment.sockets()
  if sockets then return sockets, sockets.problem end
  sockets = { stored = {} }
  local pid, count, names = take "LISTEN_PID", take "LISTEN_FDS", take "LISTEN_FDNAMES"
  take "LISTEN_PIDFDID"
  if not count then return sockets end
  if not is_ours(pid) then
    sockets.elsewhere = ("LISTEN_FDS is set, but LISTEN_PID is %s; this process is %d"):format(
      pid and ("%q"):format(pid) or "not", core.process_id())
    return sockets
  end
  local wanted = number(count, MOST)
  if not wanted then
    sockets.problem = ("LISTEN_FDS is %q, not a number from 1 to %d"):format(count, MOST)
    return sockets, sockets.problem
  end
  names = names_in(names)
  for fd = FIRST, FIRST + wanted - 1 do
    local name = names[fd - FIRST + 1]
    local is_open, is_stored = core.keep_from_children(fd), name and name:find(STORED)
    if is_stored then
      table.insert(sockets.stored, { fd = fd, name = name })
    elseif is_open then
      sockets[#sockets + 1] = { fd = fd, name = name and name ~= "" and name or "unknown" }
    else
      sockets.problem = ("LISTEN_FDS is %d, but descriptor %d is not open"):format(wanted, fd)
    end
  end
  return sockets, sockets.problem
end

--- The sockets that an earlier supervisor had stored, for the next one alone: {fd =, name =}.
function environment.stored() return environment.sockets().stored end

local function socket_address(path)
  if not path then return nil end
  local address = "unix:" .. path
  local endpoint, problem = core.endpoint(address)
  if endpoint and path:find "^[/@]" then return address end
  return nil, ("NOTIFY_SOCKET is %q, where lastcall cannot send: %s"):format(path,
    problem or "the path begins neither with a slash nor with @")
end

--- The service manager: {address =, watchdog = seconds, room = descriptors that it stores}. Each may be missing;
-- `problem` says what was wrong.
function environment.manager()
  if manager then return manager end
  manager = {}
  manager.address, manager.problem = socket_address(take "NOTIFY_SOCKET")
  manager.room = manager.address and number(take "FDSTORE", MOST)
  local usec, pid = take "WATCHDOG_USEC", take "WATCHDOG_PID"
  if not usec or pid and not is_ours(pid) then return manager end
  local micro = number(usec, 10 ^ 15 // 1)
  if micro then manager.watchdog = micro / 1e6
  else manager.problem = ("WATCHDOG_USEC is %q, not a number of microseconds"):format(usec) end
  return manager
end

return environment
