--- The sockets of a master in the service manager's store (systemd: FDSTORE), which keeps them when the master dies.
-- The next master gets them as it gets sockets of socket units, and goes on with the clients in their queues.
--
-- The name says which socket it is: "lastcall/NUMBER/ADDRESS". There is a store when the manager says how many
-- descriptors it takes ($FDSTORE).

local core = require "lastcall.core"
local environment = require "lastcall.systemd.environment"
local notify = require "lastcall.systemd.notify"

local store = {}

local LONGEST = 255 -- bytes of a name; it has no colon and no control character

local function name_of(one)
  return ("lastcall/%d/%s"):format(one.n, one.address:gsub("[^%w_./@%[%]*,+=-]", function(c)
    return ("%%%02X"):format(c:byte())
  end))
end

--- Stores a listener {n, address, fd}. Returns its name; nil when it is not stored.
function store.keep(one)
  local name = name_of(one)
  return #name <= LONGEST and notify.store(name, one.fd) and name or nil
end

--- Takes a listener out of the store, if it is there.
function store.forget(one)
  if one.stored_as then notify.forget(one.stored_as) end
  one.stored_as = nil
end

--- What this process was given of the store, each time once: a list of {n, address, fd}.
function store.take()
  local list, stored = {}, environment.stored()
  while stored[1] do
    local given = table.remove(stored, 1)
    local n, address = given.name:match "^lastcall/(%d+)/(.*)$"
    if n and core.listens(given.fd) and core.keep_from_children(given.fd) then
      address = address:gsub("%%(%x%x)", function(code) return string.char(tonumber(code, 16)) end)
      list[#list + 1] = { n = math.tointeger(n), address = address, fd = given.fd }
    elseif core.is_open(given.fd) then
      core.close_fd(given.fd)
    end
  end
  return list
end

return store
