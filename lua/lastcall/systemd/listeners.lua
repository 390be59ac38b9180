--- Sockets that systemd opened and passed: lastcall.listeners(), and the address "systemd:name".
--
-- lastcall keeps them as long as the process lives, and servers get copies. So the same socket can be listened on
-- again, and no client that connects meanwhile is refused.

local core = require "lastcall.core"
local environment = require "lastcall.systemd.environment"

local listeners = {}

local PREFIX = "^systemd:(.*)$"

--- Whether `where` is an address of this kind.
function listeners.is_name(where) return type(where) == "string" and where:find(PREFIX) ~= nil end

--- The sockets, in the order in which the unit lists them.
function listeners.all()
  local list = {}
  for i, one in ipairs(environment.sockets()) do
    list[i] = { fd = one.fd, name = one.name, address = "systemd:" .. one.name }
  end
  return list
end

--- Whether the descriptor is one of them.
function listeners.has(fd)
  for _, one in ipairs(environment.sockets()) do
    if one.fd == fd then return true end
  end
  return false
end

local function names()
  local list, seen = {}, {}
  for _, one in ipairs(environment.sockets()) do
    if not seen[one.name] then list[#list + 1] = one.name end
    seen[one.name] = true
  end
  return table.concat(list, ", ")
end

--- The descriptors that have the name in the address "systemd:name"; or nil, code, message.
function listeners.named(where)
  local wanted, found = where:match(PREFIX), {}
  local sockets, problem = environment.sockets()
  for _, one in ipairs(sockets) do
    if one.name == wanted then found[#found + 1] = one.fd end
  end
  if #found > 0 then return found end
  problem = problem or sockets.elsewhere
  return nil, "address not available", ("%s: systemd has passed %s%s"):format(where,
    #sockets > 0 and "no socket of this name, but " .. names() or "this process no socket",
    problem and (" (" .. problem .. ")") or "")
end

--- Listens with copies of all these descriptors: `listen(copy)` returns true, or nil, code, message.
function listeners.each_copy(descriptors, listen)
  for _, fd in ipairs(descriptors) do
    local copy, code, message = core.duplicate(fd)
    if not copy then return nil, code, message end
    local fine
    fine, code, message = listen(copy)
    if not fine then
      core.close_fd(copy)
      return nil, code, message
    end
  end
  return true
end

return listeners
