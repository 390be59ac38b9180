--- The operator's check of a new generation, before it gets clients: a function, or a path of HTTP that each of its
-- workers has to answer with a status below 400.

local check = {}

local ANSWER_WITHIN = 5 -- seconds

--- Asks a worker for a path. Returns true, or nil and the reason.
local function ask(worker, path)
  local conn, _, problem = worker:connect()
  if not conn then return nil, problem end
  conn:set_read_timeout(ANSWER_WITHIN)
  conn:write("GET ", path, " HTTP/1.1\r\nHost: check\r\nConnection: close\r\n\r\n")
  local line, _, message = conn:read "l"
  conn:close(0)
  local status = line and line:match "^HTTP/1%.[01] (%d%d%d)"
  if status and tonumber(status) < 400 then return true end
  return nil, ("worker %d answers %s with %s"):format(worker.index, path, status or line or message)
end

local function ask_all(generation, path)
  for _, one in pairs(generation.workers) do
    local fine, reason = ask(one, path)
    if not fine then return nil, reason end
  end
  return true
end

--- Returns true, or nil and the reason.
function check.run(wanted, generation)
  local ran, fine, reason
  if type(wanted) == "string" then
    ran, fine, reason = true, ask_all(generation, wanted)
  else
    ran, fine, reason = pcall(wanted, generation.number, function(place)
      local one = generation.workers[place or next(generation.workers)]
      if not one then return nil, "closed", "no worker has this place" end
      return one:connect()
    end)
  end
  if ran and fine then return true end
  return nil, "the check failed: " .. tostring(ran and (reason or "it returned no true value") or fine)
end

return check
