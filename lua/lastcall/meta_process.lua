---@meta lastcall
-- Child processes. See meta.lua, and doc/processes.md.

---@class lastcall.ProcessOptions
---@field argv string[] the program and its arguments; without a slash the program is looked for in PATH
---@field env? table<string, string> the whole environment; by default that of this process
---@field setenv? table<string, string|false> changes to it; false removes a variable
---@field cwd? string the directory in which the program starts
---@field stdin? lastcall.ProcessDescriptor "inherit" by default, as are the next two
---@field stdout? lastcall.ProcessDescriptor
---@field stderr? lastcall.ProcessDescriptor
---@field fds? table<integer, lastcall.ProcessDescriptor> more descriptors, by their numbers in the child
---@field process_group? boolean the child leads a group of its own; `kill` and `stop` reach all of the group
---@field grace? number seconds from SIGTERM to SIGKILL when the context ends: 5
---@field ctx? lastcall.Context the context that the child belongs to; the caller's own by default
---@field outlives? boolean the child belongs to no context: neither a cancel nor the end of the run ends it

--- "pipe": a pipe, whose other end is a connection of the process object. "socket": the same with a pair of
--- sockets, for both directions. "inherit": the descriptor of this process with the same number. "null":
--- /dev/null. A connection, or the number of a descriptor: the child gets a copy.
---@alias lastcall.ProcessDescriptor "pipe"|"socket"|"inherit"|"null"|lastcall.Connection|integer

--- A child process.
---@class lastcall.Process
---@field pid integer
---@field stdin? lastcall.Connection when it was to be a "pipe" or a "socket", as with the next ones
---@field stdout? lastcall.Connection
---@field stderr? lastcall.Connection
---@field fds table<integer, lastcall.Connection> these, by the numbers that they have in the child
local Process = {}

--- (waits) Waits for the end of the child. "signal" comes with the number of the signal and its name. Fails with
--- "timeout", "canceled", or "echild": other code of this process has taken the status.
---@param seconds? number the longest wait
---@return "exit"|"signal"|nil how
---@return integer|string status or the code
---@return string? name or the message
function Process:wait(seconds) end

--- Sends a signal to the child; to all of its group, when it leads one. Fails with "esrch" when the
--- child has ended.
---@param signal? string|integer "TERM" by default
---@return true?
---@return lastcall.Code? code
---@return string? message
function Process:kill(signal) end

--- Sends SIGTERM now, and SIGKILL if the child still runs after the grace. Does not wait.
---@param grace? number seconds: 5
---@return true
function Process:stop(grace) end

---@return boolean
function Process:is_running() end

local lastcall = {}

--- (waits) Has a function of a module called in a helper process, for work that blocks: a C call, a file, a computation.
--- The helper requires the module, with this process's package.path and package.cpath. Arguments and results are copies:
--- nil, booleans, numbers, strings, and tables of these without metatables. Anything else raises an error, which names
--- its place. What the function raises, this raises, with the helper's traceback. When all helpers are at work, the call
--- waits for its turn. When the context of the task ends, the helper is killed, with what it has started, and the call
--- returns nil, "canceled" or "timeout". When the helper dies, it returns nil, "helper died", and how.
---@param name string "module.function"
---@param ... any
---@return any ...
function lastcall.offload(name, ...) end

--- (waits) Starts a program as a child process, without a shell. Returns when the program runs; nil, code and a message
--- when it cannot run. Where the caller cannot wait, the thread stands still until the program runs. The child belongs to the caller's context: when that ends, the child gets SIGTERM, and
--- SIGKILL after `grace`. A run waits for its children as it waits for its tasks.
---@param options lastcall.ProcessOptions
---@return lastcall.Process?
---@return lastcall.Code? code
---@return string? message
function lastcall.process(options) end
