--- Each worker on a processor of its own: option `pin`.
--
-- A place has the same processor in each generation. The master may use the processors that it was started with
-- (taskset, the cpuset of a container), as they are when a worker starts; when there are more places than processors,
-- several share one. A worker that cannot be pinned runs on all of them.

local core = require "lastcall.core"

local pinning = {}

--- The processor for a place, of a list of at least one.
local function of_place(list, place) return list[(place - 1) % #list + 1] end

--- Pins a worker that has just been started, before it has threads.
function pinning.pin(master, worker)
  if not master.options.pin then return end
  local list, code, problem = core.processors()
  if list then
    worker.processor = of_place(list, worker.index)
    local fine
    fine, code, problem = core.pin_process(worker.pid, worker.processor)
    if fine then return end
    worker.processor = nil
  end
  master.log("warning", "worker is not pinned to a processor, and runs on all of them",
    { worker = worker.index, pid = worker.pid, problem = problem or code })
end

return pinning
