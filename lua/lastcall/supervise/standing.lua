--- What the service manager is told of a service: in words, and as a measure of progress.

local standing = {}

-- Both go by what the workers said last, and ask them anew for the next time.

local function status(master)
  local connections = 0
  for _, one in ipairs(master.workers) do
    connections = connections + (one.connections or 0)
    one:ask_facts()
  end
  local first = master.places[1]
  return ("generation %d, %d workers, %d connections"):format(first and first.generation or master.number,
    #master.workers, connections)
end

local function progress(master)
  local parts = {}
  for _, one in ipairs(master.workers) do
    parts[#parts + 1] = ("%s %s %s %s"):format(one.pid, one.state, one.connections, one.moved)
    one:ask_facts()
  end
  return table.concat(parts, " ")
end

--- The functions for notify.describe.
function standing.of(master)
  return {
    status = function() return status(master) end,
    progress = function() return progress(master) end,
  }
end

return standing
