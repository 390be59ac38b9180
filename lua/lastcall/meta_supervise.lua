---@meta lastcall

-- Workers, and the master that renews them: doc/processes.md.

---@class lastcall.SuperviseOptions
---@field script string the path of the workers' script
---@field args? string[] its arguments
---@field command? string[] what comes before the script: the interpreter (this one), and its own arguments
---@field workers? integer how many (1)
---@field listen? string[] addresses to open before any worker, for the first call of `listen` with each
---@field drain? number seconds that a worker has to end, and the whole service in the end (25)
---@field start_timeout? number seconds for a worker to be ready (10)
---@field probation? number seconds that new workers have to stay before they get clients (2)
---@field check? string|fun(generation: integer, connect: fun(place?: integer): lastcall.Connection?): boolean?, string? a last word on a new generation: a path of HTTP that each worker answers with a status below 400; or a function that returns a true value, or nil and the reason. `connect` makes a connection to a new worker
---@field way? "all"|"rolling" how a reload goes on: all workers at once ("all"), or one after the other
---@field canary? number|false|lastcall.CanaryOptions each reload begins with one new worker, which serves beside the old ones for so many seconds (false: none)
---@field pin? boolean each worker runs on a processor of its own (false)
---@field generations? integer how many may be alive at once (2)
---@field signals? boolean false: TERM, INT and HUP are left to the script
---@field log? fun(level: string, event: string, fields: table) instead of stderr

---@class lastcall.CanaryOptions
---@field seconds? number how long it serves beside the old ones before it is compared with them (30); 0: no canary
---@field tolerance? integer failures that it may have in any case (0)
---@field least? integer how many clients or requests it must have served (0)

---@class lastcall.ReloadOptions
---@field canary? number|false|lastcall.CanaryOptions for this reload, instead of the service's option
---@field progress? fun(text: string) is told about once a second how a canary does; may not wait

---@class lastcall.WorkerPlace
---@field index integer its place, from 1
---@field generation integer which start of the script it belongs to, from 1

---@class lastcall.WorkerStatus
---@field index integer
---@field pid integer
---@field generation integer
---@field state "starting"|"ready"|"canary"|"draining"
---@field connections integer
---@field accepted integer
---@field requests integer of HTTP
---@field replies_5xx integer replies of HTTP with a status of 500 or more
---@field errors integer that went to `on_error`
---@field processor? integer the one that it is pinned to
---@field age number seconds

---@class lastcall.GenerationCounters the sums of a generation, with its workers that have ended
---@field generation integer 0: all that are older than the last 16
---@field workers integer how many have ended
---@field failed integer how many of them badly
---@field accepted integer
---@field requests integer
---@field replies_5xx integer
---@field errors integer
---@field finished integer this and others are of the reports of those that have ended: see lastcall.Report

---@class lastcall.ServiceReport
---@field ok boolean every worker ended with status 0, and its report was ok
---@field clean boolean
---@field workers integer how many have ended
---@field failed integer how many of them badly
---@field stragglers string[]
---@field generations lastcall.GenerationCounters[]

local lastcall = {}

---@class lastcall.Service
local Service = {}

--- Replaces all workers by new ones, with the script as it is now. Returns true when the new ones serve and the old ones
--- have begun to drain, and how the canary has done, if there was one; or nil and the reason, and the old ones serve on.
--- A call during a reload begins another one behind it; further calls share that one, with the options of the last.
---@param options? lastcall.ReloadOptions
---@return true? done
---@return string? text
function Service:reload(options) end

--- Starts one worker more. Returns when it serves.
---@return true? done
---@return string? reason
function Service:grow() end

--- Drains one worker, and starts no other for it. Returns at once.
---@return true? done
---@return string? reason
function Service:shrink() end

--- Runs this process's program anew, with the same process id: for a new version of it, or of lastcall. The workers serve
--- on meanwhile. Returns only when that is impossible: the program does not load, or cannot be run.
---@return nil
---@return string reason
function Service:renew() end

--- Drains all workers, within `seconds`, at most the option `drain`. Returns at once. A second call hurries them, a third
--- ends them, as signals do.
---@param seconds? number
---@return true
function Service:stop(seconds) end

--- The workers that are alive, the oldest first; and what each generation has counted.
---@return lastcall.WorkerStatus[]
---@return lastcall.GenerationCounters[]
function Service:status() end

--- The addresses that the service listens on, with the ports in use.
---@return string[]
function Service:addresses() end

--- Waits until the service has ended. Returns the report, which adds up those of the workers.
---@return lastcall.ServiceReport? report
---@return string? code
function Service:wait() end

--- Starts workers that run a script, and serves with them until the end: a task of a run whose option `signals` is false
--- calls it. Returns when all are ready; or, when they have ended again, nil, "failed" ("draining" when
--- the service was stopped meanwhile) and the reason.
---@param options lastcall.SuperviseOptions
---@return lastcall.Service? service
---@return string? code
---@return string? reason
function lastcall.supervise(options) end

--- The place of this process among the workers of a service; nil when it is no worker.
---@return lastcall.WorkerPlace?
function lastcall.worker() end
