--- What helps when the system refuses something.

local core = require "lastcall.core"

--- By the code of the failure.
local remedy = {
  eagain = "no process can be made: the limit of processes is reached (ulimit -u, TasksMax, pids.max)",
  emfile = "no descriptor is free: raise the limit (raise_descriptors, ulimit -n)",
  enfile = "no descriptor is free in the whole system (fs.file-max)",
}

local function of_path(path, code)
  if code == "permission denied" then return "this user may make no file there: choose a folder of its own" end
  local facts = core.path_facts(path)
  if facts and facts.kind ~= "socket" then
    return "the path is a file of another kind, which is left alone: remove it, or choose another path"
  end
  return "another process listens there (ss -xlp names it): stop it, or choose another path"
end

local function of_port(code)
  if code == "permission denied" then
    return "a port below 1024 needs root, CAP_NET_BIND_SERVICE, or a socket that systemd opens"
  end
  return "another process has the port (ss -ltnp names it): stop it, or choose another port"
end

--- When an address cannot be listened on; nil when nothing particular helps.
function remedy.of_address(address, code)
  if remedy[code] then return remedy[code] end
  if code ~= "permission denied" and code ~= "address in use" then return nil end
  local path = address:match "^unix:([^@].*)"
  if path then return of_path(path, code) end
  return of_port(code)
end

return remedy
