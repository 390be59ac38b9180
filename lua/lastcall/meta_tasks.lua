---@meta lastcall
-- Tasks, contexts, and what tasks use among themselves. See meta.lua.

-- ---------------------------------------------------------------------------------------------------
-- Tasks and contexts.

--- A coroutine with an owner and a context, resumed by the loop.
---@class lastcall.Task
local Task = {}

--- (waits) Its results; or, when it raised, nil, the error and its traceback.
---@param seconds? number at most so long
---@return any ...
function Task:wait(seconds) end

--- Ends its waits with "canceled", from now on.
---@return true
function Task:cancel() end

---@return "ready"|"running"|"waiting"|"finished"|"failed" status
---@return string? operation what it waits in
function Task:status() end

--- Where it is; of a failed one, where it failed; nothing of a finished one.
---@return string?
function Task:traceback() end

--- The standard functions, aware of tasks: a wait inside a generator, at any depth, suspends the whole
--- task, and a task that is killed has its generators closed first, the innermost before the others.
--- Outside a task they do what the standard ones do. A coroutine that is made or resumed by other means
--- cannot wait: that raises. When other means resume a coroutine that waits, it waits on. When they close
--- it, its wait ends, and its task fails at the next turn.
---@class lastcall.coroutine
local coroutine = {}

---@param fn function
---@return thread
function coroutine.create(fn) end

---@param co thread
---@return boolean fine
---@return any ... what it yielded or returned, or the error
function coroutine.resume(co, ...) end

---@param fn function
---@return fun(...): ...
function coroutine.wrap(fn) end

--- In a task itself, outside any generator, it lets the other tasks run.
---@return any ... what it is resumed with
function coroutine.yield(...) end

---@param co thread
---@return "running"|"suspended"|"normal"|"dead" status "normal" also for one that waits with its task
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

--- Who is to stop when what ends. Every wait obeys the context of the task that makes it.
---@class lastcall.context
local context = {}

--- One that never ends, with neither deadline nor value. What goes by it is waited for at a shutdown like any
--- other, and killed when the grace is over.
---@return lastcall.Context
function context.background() end

--- A child that the function ends, with everything below it.
---@param parent? lastcall.Context the one that the caller goes by, when absent
---@return lastcall.Context ctx
---@return fun(cause: any) cancel
function context.with_cancel(parent) end

--- A child that ends by itself, with "timeout".
---@param parent? lastcall.Context
---@param seconds number
---@return lastcall.Context ctx
---@return fun(cause: any) cancel
function context.with_timeout(parent, seconds) end

--- The same, at a moment by the clock of `lastcall.now`.
---@param parent? lastcall.Context
---@param at number
---@return lastcall.Context ctx
---@return fun(cause: any) cancel
function context.with_deadline(parent, at) end

--- A child that carries a value.
---@param parent? lastcall.Context
---@param key any but nil
---@param value any
---@return lastcall.Context
function context.with_value(parent, key, value) end

--- One with the parent's values and nothing else of it: neither its end nor its deadline.
---@param parent? lastcall.Context
---@return lastcall.Context
function context.without_cancel(parent) end

--- A variable with `<close>` is canceled when it goes.
---@class lastcall.Context
local Context = {}

--- Whether it has ended.
---@return boolean
function Context:done() end

---@return "canceled"|"timeout"|nil
function Context:err() end

--- Why it has ended: what was given to `cancel`, or a short text.
---@return any
function Context:cause() end

--- The nearest, its own or a parent's.
---@return number? at by the clock of `lastcall.now`
function Context:deadline() end

--- Whether the drain has begun: finish what is begun, begin nothing new.
---@return boolean
function Context:draining() end

--- A child that ends when the drain begins: what waits under it then wakes.
---@return lastcall.Context
function Context:until_drain() end

--- Calls `fn` when it ends, between two turns of the loop; soon, when it has ended already.
---@param fn fun() may not wait
---@return fun(): boolean stop forgets it; whether it was still to be called
function Context:on_done(fn) end

--- The nearest value for the key, its own or a parent's.
---@param key any
---@return any
function Context:value(key) end

--- (waits) Until it has ended.
---@param seconds? number at most so long
---@return true? ended
---@return lastcall.Code? code "timeout", or "canceled" when the calling task's own context ended first
---@return string? message
function Context:wait(seconds) end

--- Starts a task in this context. It belongs to whoever's task made the context: that connection or
--- server is not done before the task is.
---@param fn fun(...: any): ...
---@param ... any arguments for fn
---@return lastcall.Task
function Context:go(fn, ...) end

--- Runs fn in the calling task; what it waits for is bounded by this context, and by no other.
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
---@return lastcall.Code? code "canceled" or "timeout" when it waited for a place in vain
---@return string? message
function Group:go(fn, ...) end

--- (waits) Until all of its tasks have ended; then its context ends.
---@return true? fine
---@return any err the first failure; "canceled" when the caller's own context ended first
---@return string? traceback of where it was raised
function Group:wait() end

--- Before the first `go`: at most so many tasks at a time.
---@param n? integer nil for no limit
---@return true
function Group:set_limit(n) end

--- What its tasks go by: ends with the first failure, and with wait.
---@return lastcall.Context
function Group:context() end

--- A count of things under way.
---@class lastcall.Waitgroup
local Waitgroup = {}

--- Raises when the count would be negative.
---@param n? integer (1)
---@return true
function Waitgroup:add(n) end

--- One thing less.
---@return true
function Waitgroup:done() end

--- (waits) Until the count is zero; any number of tasks, any number of times.
---@param seconds? number at most so long
---@return true? reached
---@return lastcall.Code? code "timeout" or "canceled"
---@return string? message
function Waitgroup:wait(seconds) end

--- Values handed from task to task, in order, each to one receiver. Any value but nil.
---@class lastcall.Channel
local Channel = {}

--- (waits) Until a receiver takes it, or there is room. One that need not wait succeeds also in a context that has
--- ended, so that results are not lost.
---@param value any but nil
---@param seconds? number at most so long; 0 tries
---@return true? sent
---@return lastcall.Code? code "closed", "timeout" or "canceled"
---@return string? message
function Channel:send(value, seconds) end

--- (waits) For the next value. In a context that has ended nothing is taken, whatever is there.
---@param seconds? number at most so long; 0 tries
---@return any value
---@return lastcall.Code? code "closed" once it is closed and empty, "timeout" or "canceled"
---@return string? message
function Channel:receive(seconds) end

--- Nothing more will be sent; what is there can be received. Who waits is woken. Twice raises.
---@return true
function Channel:close() end

--- (waits, at each step) The values, until it is closed and empty or the task is canceled.
---@return fun(): any
function Channel:iter() end

--- How many values it holds.
---@return integer
function Channel:count() end

---@class lastcall.Semaphore
local Semaphore = {}

--- (waits) For a permit; first come, first served. In a context that has ended none is taken.
---@param seconds? number at most so long; 0 tries
---@return true? acquired
---@return lastcall.Code? code "timeout" or "canceled"
---@return string? message
function Semaphore:acquire(seconds) end

--- Gives a permit back. More often than acquire raises.
---@return true
function Semaphore:release() end

---@class lastcall
local lastcall = {}

---@param parent? lastcall.Context the one that the caller goes by, when absent
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
--- end); false is left out. Of several that are ready, the first in the list. In a context that has ended
--- nothing is received; what can be sent without waiting is sent.
---@param cases { [integer]: lastcall.Channel|{ [1]: lastcall.Channel, [2]: any }|lastcall.Context|false, timeout?: number }
---@return integer? index
---@return any value what was received; nil and "closed" for a closed channel; nil and its err() for a context. Without an index: "timeout" or "canceled"
---@return string? message
function lastcall.select(cases) end

-- ---------------------------------------------------------------------------------------------------
-- From time to time, from elsewhere.

--- Calls `fn` every so many seconds, first after so long, as one process-owned task, until a drain begins or
--- `task:cancel()`. The drain waits for the call under way. What it raises goes to on_error; moments that a slow call has missed are skipped.
---@param seconds number more than 0
---@param fn fun()
---@return lastcall.Task
function lastcall.every(seconds, fn) end

--- Runs `fn(name)` as a process-owned task each time the signal arrives (several that arrive together count
--- once); forgotten when `run` ends. Raises for the signals that begin the shutdown, for those that cannot be
--- caught, and when another Lua state's loop has it. `run` raises for a signal that has a function already.
---@param name string "HUP", "SIGHUP", "USR1", ...
---@param fn fun(name: string)
---@return fun(): boolean cancel forgets it; whether it was still on
function lastcall.on_signal(name, fn) end

---@class lastcall.Pollable
---@field pollfd? integer|fun(self: table): integer?
---@field events? string|fun(self: table): string? "r", "w" or "rw"
---@field timeout? number|fun(self: table): number? seconds

--- (waits) For a descriptor that belongs to somebody else, or for an object that has one (the convention of
--- cqueues). An object's own timeout ends the wait with true. A descriptor closed meanwhile wakes nobody.
---@param what integer|lastcall.Pollable
---@param mode? "r"|"w"|"rw" ("r", or what the object says)
---@param seconds? number at most so long
---@return "r"|"w"|"rw"|true|nil ready
---@return lastcall.Code? code "timeout", "canceled", "closed" (no such descriptor), ...
---@return string? message
function lastcall.poll(what, mode, seconds) end

---@class lastcall.PipeOptions
---@field timeout? number|false seconds of silence, both ways, that end it with "timeout"; stays the read timeout of both (none)

--- (waits) Copies both ways until both are done. A half-close is passed on, and both connections are left to the
--- caller to close. When it fails, both are closed; one that was not told everything, up to its end, is reset. While
--- draining, the client (the connection that a server accepted) is taken to have finished once it has been silent for
--- `drain.quiet`, unless it was the last to speak: then its answer is waited for.
---@param a lastcall.Connection
---@param b lastcall.Connection
---@param options? lastcall.PipeOptions
---@return integer? up bytes from a to b
---@return integer|lastcall.Code down bytes from b to a; or why it failed
---@return string? message
---@return integer? up when it failed
---@return integer? down when it failed
function lastcall.pipe(a, b, options) end

--- (waits) Copies `n` bytes, or until `src` has ended. `dst` is left open. After any other end than "eof" or
--- "draining", further writes to `dst` fail and closing resets it: what it was told may end in the middle.
---@param dst lastcall.Connection
---@param src lastcall.Connection
---@param n? integer
---@return integer? count
---@return lastcall.Code? code
---@return string? message
---@return integer? copied when it failed
function lastcall.copy(dst, src, n) end

-- ---------------------------------------------------------------------------------------------------
-- Inside another loop: wait for pollfd to become readable, at most timeout seconds, then step. Outside a
-- task everything works but what waits. All four may also be called as methods of the module.

--- The descriptor that becomes readable when there is something to do.
---@return integer fd lastcall's own: to be watched, not read
function lastcall.pollfd() end

---@return "r" events what to wait for on it
function lastcall.events() end

---@return number? seconds until step is to be called all the same; nil: no need to
function lastcall.timeout() end

--- One turn of the loop. After the turn in which a shutdown has ended, `lastcall.report()` has its report.
---@param seconds? number wait at most so long for something to do (0)
---@return true? fine
---@return lastcall.Code? code when the loop cannot go on
---@return string? message
function lastcall.step(seconds) end
