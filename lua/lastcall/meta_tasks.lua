---@meta lastcall
-- Tasks, contexts, and what tasks share. See meta.lua.

-- ---------------------------------------------------------------------------------------------------
-- Tasks and contexts.

--- A coroutine with an owner and a context. The loop resumes it.
---@class lastcall.Task
local Task = {}

--- (waits) Returns the task's results; or, if it raised, nil, the error and its traceback.
---@param seconds? number the longest wait
---@return any ...
function Task:wait(seconds) end

--- From now on every wait of the task ends with "canceled".
---@return true
function Task:cancel() end

---@return "ready"|"running"|"waiting"|"finished"|"failed" status
---@return string? operation the one in which it waits
function Task:status() end

--- Where the task is; for a failed task, where it failed; nil for a finished one.
---@return string?
function Task:traceback() end

--- The standard functions, aware of tasks. A wait inside a generator, at any depth, suspends the whole
--- task. When a task is killed, its generators are closed first, the innermost before the others.
--- Outside a task these functions are like the standard ones. A coroutine that other functions made or resumed
--- cannot wait: that raises. When other functions resume a coroutine that waits, it goes on waiting. When they
--- close it, its wait ends, and its task fails at the next turn.
---@class lastcall.coroutine
local coroutine = {}

---@param fn function
---@return thread
function coroutine.create(fn) end

---@param co thread
---@return boolean fine
---@return any ... the values that it yielded or returned, or the error
function coroutine.resume(co, ...) end

---@param fn function
---@return fun(...): ...
function coroutine.wrap(fn) end

--- In a task itself, outside any generator, it lets the other tasks run.
---@return any ... the values that resume it
function coroutine.yield(...) end

---@param co thread
---@return "running"|"suspended"|"normal"|"dead" status also "normal" while it waits with its task
function coroutine.status(co) end

---@param co thread
---@return boolean fine
---@return any err of a `<close>` variable
function coroutine.close(co) end

---@return thread
---@return boolean is_main
function coroutine.running() end

---@param co? thread
---@return boolean
function coroutine.isyieldable(co) end

--- Contexts say when tasks must stop. Every wait obeys the context of its task.
---@class lastcall.context
local context = {}

--- A context that never ends, with neither deadline nor value. A shutdown does not cancel its tasks: it kills them when
--- the grace is over.
---@return lastcall.Context
function context.background() end

--- Makes a child, and a function that ends it with everything below it.
---@param parent? lastcall.Context the caller's own context when absent
---@return lastcall.Context ctx
---@return fun(cause: any) cancel
function context.with_cancel(parent) end

--- Makes a child that ends by itself, with "timeout", after `seconds`.
---@param parent? lastcall.Context
---@param seconds number
---@return lastcall.Context ctx
---@return fun(cause: any) cancel
function context.with_timeout(parent, seconds) end

--- The same, at a time by the clock of `lastcall.now`.
---@param parent? lastcall.Context
---@param at number
---@return lastcall.Context ctx
---@return fun(cause: any) cancel
function context.with_deadline(parent, at) end

--- Makes a child that carries a value.
---@param parent? lastcall.Context
---@param key any but nil
---@param value any
---@return lastcall.Context
function context.with_value(parent, key, value) end

--- Makes a context that keeps only the parent's values: neither its end nor its deadline.
---@param parent? lastcall.Context
---@return lastcall.Context
function context.without_cancel(parent) end

--- A variable with `<close>` cancels its context at the end of its scope.
---@class lastcall.Context
local Context = {}

--- Whether the context has ended.
---@return boolean
function Context:done() end

---@return "canceled"|"timeout"|nil
function Context:err() end

--- Why the context has ended: the argument of `cancel`, or a short text.
---@return any
function Context:cause() end

--- The earliest deadline, its own or a parent's.
---@return number? at by the clock of `lastcall.now`
function Context:deadline() end

--- Whether the drain has begun: finish what is begun, begin nothing new.
---@return boolean
function Context:draining() end

--- Makes a child that ends when the drain begins: waits under it end then.
---@return lastcall.Context
function Context:until_drain() end

--- Calls `fn` when the context ends, between two turns of the loop; soon, if it has ended already.
---@param fn fun() may not wait
---@return fun(): boolean stop forgets it; true if it had not been called yet
function Context:on_done(fn) end

--- The nearest value for the key, its own or a parent's.
---@param key any
---@return any
function Context:value(key) end

--- (waits) Until the context has ended.
---@param seconds? number the longest wait
---@return true? ended
---@return lastcall.Code? code "timeout", or "canceled" when the calling task's own context ended first
---@return string? message
function Context:wait(seconds) end

--- Starts a task in this context. It belongs to the owner of the task that made the context: that connection or
--- server is not done before the task is.
---@param fn fun(...: any): ...
---@param ... any arguments for fn
---@return lastcall.Task
function Context:go(fn, ...) end

--- Runs fn in the calling task. Only this context bounds the waits of fn.
---@param fn fun(...: any): ...
---@param ... any arguments for fn
---@return any ... its results; its errors come through
function Context:call(fn, ...) end

-- ---------------------------------------------------------------------------------------------------
-- Groups, channels, semaphores.

--- Tasks that succeed or fail together.
---@class lastcall.Group
local Group = {}

--- Starts a task of the group, in its context. It fails when fn raises, or returns nil and an error; the
--- first failure cancels the others. (waits) when there is a limit. Raises after wait has returned.
---@param fn fun(...: any): ...
---@param ... any arguments for fn
---@return lastcall.Task? task
---@return lastcall.Code? code "canceled" or "timeout" when its wait for a place failed
---@return string? message
function Group:go(fn, ...) end

--- (waits) Until all of its tasks have ended; then its context ends.
---@return true? fine
---@return any err the first failure; "canceled" when the caller's own context ended first
---@return string? traceback of where it was raised
function Group:wait() end

--- Allows at most `n` tasks at a time. Call it before the first `go`.
---@param n? integer nil for no limit
---@return true
function Group:set_limit(n) end

--- The context of its tasks. It ends with the first failure, or when wait returns.
---@return lastcall.Context
function Group:context() end

--- A count of things under way.
---@class lastcall.Waitgroup
local Waitgroup = {}

--- Adds `n` to the count. Raises if the count would be negative.
---@param n? integer (1)
---@return true
function Waitgroup:add(n) end

--- Subtracts 1 from the count.
---@return true
function Waitgroup:done() end

--- (waits) Until the count is zero. Any number of tasks may wait, any number of times.
---@param seconds? number the longest wait
---@return true? reached
---@return lastcall.Code? code "timeout" or "canceled"
---@return string? message
function Waitgroup:wait(seconds) end

--- Hands values from task to task, in order, each to one receiver. Any value but nil.
---@class lastcall.Channel
local Channel = {}

--- (waits) Until a receiver takes the value, or there is room. A send that need not wait succeeds even in a context
--- that has ended, so that results are not lost.
---@param value any but nil
---@param seconds? number the longest wait; 0 tries
---@return true? sent
---@return lastcall.Code? code "closed", "timeout" or "canceled"
---@return string? message
function Channel:send(value, seconds) end

--- (waits) For the next value. In a context that has ended it takes nothing, even if there are values.
---@param seconds? number the longest wait; 0 tries
---@return any value
---@return lastcall.Code? code "closed" once it is closed and empty, "timeout" or "canceled"
---@return string? message
function Channel:receive(seconds) end

--- Ends sending; values in the channel can still be received. Wakes tasks that wait. A second call raises.
---@return true
function Channel:close() end

--- (waits, at each step) Iterates over the values, until the channel is closed and empty or the task is canceled.
---@return fun(): any
function Channel:iter() end

--- How many values the channel holds.
---@return integer
function Channel:count() end

---@class lastcall.Semaphore
local Semaphore = {}

--- (waits) For a permit; first come, first served. In a context that has ended it takes none.
---@param seconds? number the longest wait; 0 tries
---@return true? acquired
---@return lastcall.Code? code "timeout" or "canceled"
---@return string? message
function Semaphore:acquire(seconds) end

--- Gives a permit back. Raises if all permits are free.
---@return true
function Semaphore:release() end

---@class lastcall
local lastcall = {}

---@param parent? lastcall.Context the caller's own context when absent
---@return lastcall.Group
function lastcall.group(parent) end

---@return lastcall.Waitgroup
function lastcall.waitgroup() end

---@param capacity? integer values that it holds without a receiver (0)
---@return lastcall.Channel
function lastcall.channel(capacity) end

---@param n integer permits
---@return lastcall.Semaphore
function lastcall.semaphore(n) end

--- (waits) For the first of several: a channel (to receive), {channel, value} (to send), a context (its
--- end); false is ignored. If several are ready, it takes the first in the list. In a context that has ended it
--- receives nothing, and sends a value that needs no wait.
---@param cases { [integer]: lastcall.Channel|{ [1]: lastcall.Channel, [2]: any }|lastcall.Context|false, timeout?: number }
---@return integer? index
---@return any value the value received; nil and "closed" for a closed channel; nil and its err() for a context. Without an index: "timeout" or "canceled"
---@return string? message
function lastcall.select(cases) end

-- ---------------------------------------------------------------------------------------------------
-- Repeated calls, signals, descriptors, copies between connections.

--- Calls `fn` every `seconds`, the first time after `seconds`, in one process-owned task, until a drain begins or
--- `task:cancel()`. The drain waits for the call under way. An error goes to on_error. Calls that a slow call has
--- missed are skipped.
---@param seconds number more than 0
---@param fn fun()
---@return lastcall.Task
function lastcall.every(seconds, fn) end

--- Runs `fn(name)` as a process-owned task each time the signal arrives (several that arrive together count
--- once); forgotten when `run` ends. Raises for the signals that begin the shutdown, for those that cannot be caught,
--- and for those that another Lua state's loop has taken. `run` raises for a signal that has a function already.
---@param name string "HUP", "SIGHUP", "USR1", ...
---@param fn fun(name: string)
---@return fun(): boolean cancel forgets it; true if it was still registered
function lastcall.on_signal(name, fn) end

---@class lastcall.Pollable
---@field pollfd? integer|fun(self: table): integer?
---@field events? string|fun(self: table): string? "r", "w" or "rw"
---@field timeout? number|fun(self: table): number? seconds

--- (waits) For a descriptor that lastcall does not own, or for an object that has one (the convention of cqueues). An
--- object's own timeout ends the wait with true. If the owner closes the descriptor meanwhile, the task is not woken.
---@param what integer|lastcall.Pollable
---@param mode? "r"|"w"|"rw" ("r", or the object's own)
---@param seconds? number the longest wait
---@return "r"|"w"|"rw"|true|nil ready
---@return lastcall.Code? code "timeout", "canceled", "closed" (no such descriptor), ...
---@return string? message
function lastcall.poll(what, mode, seconds) end

---@class lastcall.PipeOptions
---@field timeout? number|false seconds of silence, both ways, that end it with "timeout"; remains as the read timeout of both (none)

--- (waits) Copies both ways until both directions are done, and passes on a half-close. The caller closes both
--- connections. On failure both are closed, and a connection that did not get everything, including the end, is reset.
--- During a drain, the client (the connection that a server accepted) counts as finished once it has been silent for
--- `drain.quiet`, unless it was the last to speak: then the pipe waits for its answer.
---@param a lastcall.Connection
---@param b lastcall.Connection
---@param options? lastcall.PipeOptions
---@return integer? up bytes from a to b
---@return integer|lastcall.Code down bytes from b to a; or why it failed
---@return string? message
---@return integer? up when it failed
---@return integer? down when it failed
---@return lastcall.Connection? failed which of the two has; nil when the end came from elsewhere: a time-out, the shutdown
function lastcall.pipe(a, b, options) end

--- (waits) Copies `n` bytes, or until `src` has ended. `dst` stays open. After any other end than "eof" or
--- "draining", further writes to `dst` fail and closing resets it: its stream may end in the middle.
---@param dst lastcall.Connection
---@param src lastcall.Connection
---@param n? integer
---@return integer? count
---@return lastcall.Code? code
---@return string? message
---@return integer? copied when it failed
---@return lastcall.Connection? failed which of the two has, if one has
function lastcall.copy(dst, src, n) end

-- ---------------------------------------------------------------------------------------------------
-- Inside another loop: wait for pollfd to become readable, at most timeout seconds, then call step. Outside a
-- task everything works but functions that wait. All four may also be called as methods of the module.

--- The descriptor that becomes readable when lastcall has something to do.
---@return integer fd lastcall's own: watch it, do not read it
function lastcall.pollfd() end

---@return "r" events what to wait for on it
function lastcall.events() end

---@return number? seconds until step must be called even so; nil: it need not
function lastcall.timeout() end

--- One turn of the loop. After the turn in which a shutdown has ended, `lastcall.report()` has its report.
---@param seconds? number the longest wait for something to do (0)
---@return true? fine
---@return lastcall.Code? code when the loop cannot go on
---@return string? message
function lastcall.step(seconds) end
