--- Where the control socket of a supervisor is when the operator names no path.

local core = require "lastcall.core"

local path = {}

local PREFIX, SUFFIX = "lastcall-", ".sock"
local LONGEST = 32 -- bytes of the script's name; a path of a socket has room for 107
local OTHERS_WRITE, OTHERS = 18, 63 -- 022, 077

--- Returns the facts of the folder when nobody but its owner, us or root, can change what is in it; or nil and what is
-- wrong. `is_private`: nor look into it.
function path.check(folder, is_private)
  local facts, _, message = core.path_facts(folder)
  if not facts then return nil, message end
  if facts.kind ~= "directory" then return nil, folder .. " is no directory" end
  if facts.owner ~= core.user() and (is_private or facts.owner ~= 0) then
    return nil, ("%s belongs to user %d"):format(folder, facts.owner)
  end
  if facts.mode & (is_private and OTHERS or OTHERS_WRITE) ~= 0 then
    return nil, ("%s is open to others (mode %o)"):format(folder, facts.mode)
  end
  return facts
end

--- The folders in which a socket may be, the best first: {at =, is_private =}.
local function folders()
  local list, own = {}, os.getenv "XDG_RUNTIME_DIR"
  if own and own:find "^/" then list[1] = { at = own } end
  list[#list + 1] = { at = "/run/lastcall" }
  list[#list + 1] = { at = ("/tmp/lastcall-%d"):format(core.user()), is_private = true }
  return list
end

--- The folder for a new socket; or nil and what is wrong with the last one, which is made when it is not there.
local function choose()
  local problem
  for _, one in ipairs(folders()) do
    if one.is_private then core.make_directory(one.at) end
    local facts
    facts, problem = path.check(one.at, one.is_private)
    if facts and facts.owner == core.user() then return one.at end
  end
  return nil, problem or "no folder is ours"
end

--- 32 bits of a hash (FNV-1a), in hexadecimal.
local function hash(text)
  local value = 2166136261
  for i = 1, #text do value = (value ~ text:byte(i)) * 16777619 & 0xffffffff end
  return ("%08x"):format(value)
end

--- The path for the supervisor of `script`; or nil and what is wrong.
function path.of(script)
  local real, _, message = core.real_path(script)
  if not real then return nil, message end
  local folder, problem = choose()
  if not folder then return nil, problem .. "; name a path with --control" end
  local name = real:match "[^/]*$":gsub("%.lua$", ""):gsub("[^%w_-]", "_"):sub(1, LONGEST)
  return ("%s/%s%s-%s%s"):format(folder, PREFIX, name, hash(real), SUFFIX)
end

--- The sockets of supervisors in these folders, also of some that have ended; and the folders.
function path.all()
  local found, looked = {}, {}
  for _, one in ipairs(folders()) do
    looked[#looked + 1] = one.at
    local names = path.check(one.at, one.is_private) and core.directory_names(one.at) or {}
    table.sort(names)
    for _, name in ipairs(names) do
      local at = one.at .. "/" .. name
      local facts = name:find "^lastcall%-.*%.sock$" and core.path_facts(at)
      if facts and facts.kind == "socket" then found[#found + 1] = at end
    end
  end
  return found, looked
end

return path
