---@meta lastcall
-- The whole API, for editors and people; nothing of it is ever run. spec/house/meta_spec.lua keeps it true.
--
-- Times are seconds, floats by the monotonic clock; sizes are bytes. Success is a true value; failure at
-- run time is `nil, code, message` and sometimes a fourth value. Misuse (a wrong type, an unknown option,
-- a waiting call outside a task) raises, and names the argument and the remedy.
--
-- (waits) marks what may suspend the calling task, and so can be called in tasks only: in the function
-- given to `run`, a handler, a hook, or a function given to `go`. All else can be called from anywhere,
-- callbacks included. A wait ends with "canceled" or "timeout" when the context of its task ends.

--- Why something failed. For other errors of the system: the name of the errno in lower case ("emfile").
---@alias lastcall.Code
---| "eof"          # the peer finished cleanly
---| "reset"        # the peer reset the connection
---| "broken pipe"  # wrote after the peer had left
---| "timeout"      # a deadline of ours passed
---| "peer lost"    # keepalive, user timeout or heartbeat gave the peer up
---| "closed"       # we closed it
---| "draining"     # this would begin new work, and the server is shutting down
---| "canceled"     # the context ended
---| "too long"     # over its limit
---| "full"         # a queue is full
---| "refused"
---| "unreachable"
---| "host not found"
---| "address in use"
---| "address not available"
---| "permission denied"
---| string

--- `new`: accepted, not a byte received yet. `active`: somebody owes it work. `idle`: between two
--- requests. `closing`: our side is finished, the peer's is not. `closed`: the descriptor is gone.
---@alias lastcall.State "new"|"active"|"idle"|"closing"|"closed"

--- The ladder of a shutdown, in order. A server goes from `stop` to `kill`; the rest is the process's.
---@alias lastcall.Step "serving"|"unready"|"stop"|"drain"|"cancel"|"kill"|"hooks"|"done"

---@alias lastcall.Address string as "host:port", "[::1]:80", ":80" (every interface, dual stack), "unix:/path", "unix:@abstract"; port 0 for any
---@alias lastcall.Format "l"|"L"|"a"|integer a line without its newline, with it, all until the end, so many bytes
---@alias lastcall.Handler fun(conn: lastcall.Connection, ctx: lastcall.Context)

-- ---------------------------------------------------------------------------------------------------
-- Options. An unknown name raises and names the nearest known one.

--- When a silent peer is probed, and given up. TCP only.
---@class lastcall.KeepaliveOptions
---@field idle? number seconds of silence before the first probe (30)
---@field interval? number seconds between probes (10)
---@field count? integer probes without an answer before the peer is lost (3)

--- Signs of life asked of the peer in the application's own words.
---@class lastcall.HeartbeatOptions
---@field interval? number seconds without a byte from the peer before it is asked (15)
---@field timeout? number seconds it then has to say anything; "peer lost" and a reset after that (10)
---@field send? string|fun(conn: lastcall.Connection): string? what it is asked with, between two writes; a function may not wait

--- How a shutdown goes. A plain number stands for `timeout`.
---@class lastcall.DrainOptions
---@field timeout? number seconds for the whole of it, hooks included (25)
---@field delay? number seconds at step unready: still accepting, but not ready (0)
---@field settle? number the longest wait, in seconds, for handshakes under way (5)
---@field quiet? number seconds of silence after which a connection counts as idle without having said so; what arrives until so long after the drain began is still handed over (1)
---@field grace? number seconds between cancel and kill, at most a tenth of timeout (1)
---@field hooks? number seconds kept back for hooks when there are any (a fifth of timeout)
---@field spread? number idle connections are closed over so many seconds (0)

--- What one connection goes by.
---@class lastcall.ConnectionOptions
---@field linger? number|"background" seconds that `conn:close()` may take, and that a peer which has everything may take to finish; 0 resets; "background" or a negative number: nobody waits (3)
---@field linger_bytes? integer what is read and discarded at most while lingering (1 MiB)
---@field keepalive? lastcall.KeepaliveOptions|false
---@field heartbeat? lastcall.HeartbeatOptions|false (none)
---@field user_timeout? number|false seconds that sent data may stay unacknowledged (idle + interval * count)
---@field read_timeout? number|false seconds a read may wait; ends it with "timeout" (none)
---@field write_timeout? number|false seconds a write may wait; ends it with "timeout"; seconds without an acknowledgement after which a closing connection is given up (30)
---@field first_byte_timeout? number|false seconds; closes a connection that has not said a word by then (none)
---@field idle_timeout? number|false seconds; closes one that has been idle for so long (none)
---@field max_age? number|false seconds, give or take a tenth; closes one at its next idle moment (none)
---@field max_line? integer bytes of the longest line (64 KiB)
---@field max_read? integer bytes of the longest single read (16 MiB)
---@field max_queue? integer bytes posted and not yet sent (256 KiB)
---@field nodelay? boolean TCP_NODELAY (true)

--- The place of a listening socket among those that share its address: the order in which they began to
--- listen. When one has left, the last one has its place.
---@class lastcall.ReuseportOptions
---@field index integer from 1
---@field of integer how many they are when this one stops

--- What one listening socket goes by.
---@class lastcall.ListenerOptions
---@field backlog? integer how many clients the kernel keeps waiting (4096)
---@field reuseaddr? boolean (true)
---@field reuseport? boolean|lastcall.ReuseportOptions other sockets may listen on the same address (false)
---@field ipv6_only? boolean (false)
---@field defer_accept? boolean|number accept when the first byte has arrived; or how many seconds to wait for it (false)
---@field control? fun(sock: lastcall.Socket) called with the socket before bind; may not wait
---@field unix_mode? integer permissions of the path of a unix-domain socket (as the umask leaves it)
---@field shared? boolean another process accepts from this socket too: it is left, never hidden (false; true for {fd=})

---@class lastcall.ServerOptions: lastcall.ConnectionOptions, lastcall.ListenerOptions
---@field start? "accept"|"data" the handler begins at once, or with the first byte ("accept")
---@field on_eof? "cancel" the peer's FIN ends the connection's context, also while nobody reads: for protocols in which nobody half-closes (nothing)
---@field max_connections? integer more wait in the kernel's queue (what the limit of descriptors leaves)
---@field drain? number|lastcall.DrainOptions
---@field late? boolean the report counts connections whose last bytes no handler was given; false for protocols whose clients say goodbye after a FIN (true)
---@field on_drain? fun(conn: lastcall.Connection) runs as a task for each connection when draining begins: say goodbye in the protocol's words
---@field farewell? string|fun(conn: lastcall.Connection): string? the last words to a connection that the ladder closes; a function may not wait
---@field max_block? number|false seconds that a task may hold the loop before that is logged, with its traceback (0.25)
---@field on_error? fun(err: any, traceback: string, conn: lastcall.Connection?) an error that nobody else is told of; may not wait (to stderr)
---@field log? fun(level: "info"|"warning"|"error", event: string, fields: table) may not wait (to stderr)

---@class lastcall.RunOptions
---@field signals? string[]|false which begin the shutdown ({"INT", "TERM"}); SIGPIPE does nothing in a run
---@field drain? number|lastcall.DrainOptions
---@field log? fun(level: "info"|"warning"|"error", event: string, fields: table) may not wait (to stderr)
---@field on_error? fun(err: any, traceback: string, conn: lastcall.Connection?) may not wait (to stderr)
---@field max_block? number|false seconds that a task or callback may hold the loop before that is logged, with its traceback; a turn of the loop that takes as long, with its longest parts (0.25)
---@field raise_descriptors? boolean the soft limit of descriptors becomes the hard one, 1,048,576 at most; children get the old one (false)
---@field exit_when_stuck? boolean past the deadline, what cannot be interrupted (one endless call into C) ends the process with status 70 and a report on stderr (true)
---@field debug? boolean say in the log where a connection that was collected while open had been opened (false)
---@field patch_coroutine? boolean `lastcall.coroutine` stands in for the global `coroutine` while it runs (true)
---@field progress? boolean a live line of the drain on stderr, in place of the trace in the log (when that is a terminal)

---@class lastcall.ServeOptions: lastcall.ServerOptions, lastcall.RunOptions

---@class lastcall.ConnectOptions: lastcall.ConnectionOptions
---@field timeout? number|false seconds for everything, the look-up of the name included (10)
---@field bind? string the local address, "host:port", to connect from

---@class lastcall.ResolveOptions
---@field timeout? number|false seconds (10); what the system's resolver still does then is nobody's wait

---@class lastcall.HookOptions
---@field timeout? number seconds, within what is left of the shutdown (5)

-- ---------------------------------------------------------------------------------------------------
-- The module.

---@class lastcall
---@field version string
---@field features lastcall.Features found out by the first look, with two sockets on loopback
---@field context lastcall.context
---@field coroutine lastcall.coroutine
local lastcall = {}

---@class lastcall.Features
---@field stop "hide"|"accept-close" how a TCP listener of our own is stopped
---@field hide boolean a listener can be hidden from new clients without losing those under way
---@field hide_error string|false why not: what the kernel said; "eopnotsupp" where it takes the option and nothing follows
---@field sock_diag boolean half-open handshakes can be counted; else no stop of a TCP listener is known to be lossless
---@field sock_diag_error string|false why not

--- Listens, serves and runs until the shutdown is done: `run`, `listen` and `server:serve` in one.
--- Raises, with address and reason, when it cannot listen. For the main program, outside tasks.
---@param address lastcall.Address|{fd: integer, shared: boolean?} or a descriptor that listens already, which is the server's from then on
---@param handler lastcall.Handler runs as a task for each connection; when it returns, what it wrote is delivered and the connection is closed in order
---@param options? lastcall.ServeOptions
---@return lastcall.Report
function lastcall.serve(address, handler, options) end

--- Runs `main(ctx)` as the first task, owned by the process, with SIGINT and SIGTERM handled: the first
--- drains, a second cancels, a third kills. Returns when `main` and everything left running have ended,
--- or the shutdown is done. Raises what `main` raised. For the main program, outside tasks.
---@param main fun(ctx: lastcall.Context)
---@param options? lastcall.RunOptions
---@return lastcall.Report
function lastcall.run(main, options) end

--- Opens a server; nothing is accepted before `server:serve` or `server:accept`. It is owned by the
--- process and takes part in its shutdown. In a task, looking a name up (waits); outside one it blocks.
---@param address lastcall.Address|{fd: integer, shared: boolean?} a descriptor is the server's from success on
---@param options? lastcall.ServerOptions
---@return lastcall.Server? server
---@return lastcall.Code? code "address in use", "permission denied", "host not found", "draining" (the process is shutting down), ...
---@return string? message
function lastcall.listen(address, options) end

--- (waits) A connection of our own making, with the same methods and the same contract. The addresses of
--- a name are tried within one `timeout`, IPv6 and IPv4 in turn: the next as soon as one fails, or beside it
--- when it has not answered after 0.25 s (RFC 8305). The first to answer is taken. When none does, the code is that of
--- the first to fail, and the message names those that were tried. The connection's context is a child of the
--- task's. Its holder closes it; collected while open, it is closed in the background and logged.
---@param address lastcall.Address
---@param options? lastcall.ConnectOptions
---@return lastcall.Connection? conn
---@return lastcall.Code? code "refused", "unreachable", "host not found", "timeout", ...
---@return string? message
function lastcall.connect(address, options) end

--- The addresses of a host name, in the order of the system's resolver. In a task it (waits), and other
--- look-ups go on beside it; outside one it blocks, without a timeout.
---@param name string without a port
---@param options? lastcall.ResolveOptions
---@return string[]? addresses "192.0.2.1", "2001:db8::1"
---@return lastcall.Code? code "host not found", "timeout", ...
---@return string? message
function lastcall.resolve(name, options) end

--- Starts a task in the caller's context, owned by the caller's owner (a connection, a server, or the
--- process), which waits for it. It begins to run in the loop's next turn.
---@param fn fun(...: any): ...
---@param ... any arguments for fn
---@return lastcall.Task
function lastcall.go(fn, ...) end

--- Starts a task owned by the process, in its context: for what outlives a connection.
---@param fn fun(...: any): ...
---@param ... any arguments for fn
---@return lastcall.Task
function lastcall.spawn(fn, ...) end

--- While the guard is held, the process's drain goes on, until its time is over: for work that no connection stands
--- for. Any task may end it. A guard that is collected while held is let go and logged.
---@param name? string for the report
---@return lastcall.Guard
function lastcall.work(name) end

--- (waits)
---@param seconds number
---@return true? slept
---@return lastcall.Code? code "canceled" or "timeout" when the context ended first
---@return string? message
function lastcall.sleep(seconds) end

--- The monotonic clock, that of deadlines.
---@return number seconds since some moment in the past
function lastcall.now() end

--- Registers a function to run when the connections are gone, last registered first, one after the
--- other, each in a fresh context that ends with its time. An error in one is reported and stops no
--- other; one that a hook registers runs next. Forgotten when `run` ends.
---@param name string for the report
---@param fn fun(ctx: lastcall.Context)
---@param options? lastcall.HookOptions
---@return fun(): boolean cancel unregisters it; whether it still was
function lastcall.on_shutdown(name, fn, options) end

--- The same, at step unready, before anything stops; in the order of their registration.
---@param name string for the report
---@param fn fun(ctx: lastcall.Context)
---@param options? lastcall.HookOptions
---@return fun(): boolean cancel
function lastcall.before_shutdown(name, fn, options) end

--- Starts the process's ladder, as SIGTERM does; the report is what `serve` or `run` returns. A further
--- call joins, and may only shorten.
---@param seconds? number for the whole of it (drain.timeout)
---@return true
function lastcall.shutdown(seconds) end

--- Its arguments, when the first is true. Else raises the message that comes third, which names the address, with the
--- caller's place: `lastcall.assert(lastcall.listen(address))`.
---@param value any
---@param ... any
---@return any ...
function lastcall.assert(value, ...) end

--- Whether clients should be sent here: false from the step unready on.
---@return boolean
function lastcall.ready() end

--- Who is holding it? First in numbers: connections by state, tasks by where they are. Then a hundred connections,
--- active ones first, the oldest of them before the others, and a hundred other tasks, those at work first: where each is
--- blocked, and for how long. Last, how many were left out. In a task it takes several turns of the loop when there are many.
--- SIGUSR1 has the same put into the log, as `text` of the event "dump", unless the script has a use of
--- its own for it.
---@return string
function lastcall.dump() end

--- The report of the run that ended last.
---@return lastcall.Report?
function lastcall.report() end

-- ---------------------------------------------------------------------------------------------------
-- Servers.

--- One or more listeners, the connections they accepted, and the ladder that ends both. It is kept
--- alive until it is done.
---@class lastcall.Server
local Server = {}

--- (waits) Runs `handler` as a task for each connection, until the server has shut down. Raises after
--- a shutdown has begun, and in a task of this server, which it would wait for.
---@param handler lastcall.Handler
---@return lastcall.Report? report
---@return lastcall.Code? code
---@return string? message
function Server:serve(handler) end

--- (waits) The next connection, for loops written by hand; nothing closes it but its holder, the ladder
--- or its peer.
---@param seconds? number at most so long
---@return lastcall.Connection? conn
---@return lastcall.Code? code "closed" once the server has stopped listening, "timeout", "canceled"
---@return string? message
function Server:accept(seconds) end

--- Adds an address. In a task, looking a name up (waits).
---@param address lastcall.Address|{fd: integer, shared: boolean?}
---@param options? lastcall.ListenerOptions what is not given is as in `lastcall.listen`
---@return true? listening
---@return lastcall.Code? code
---@return string? message
function Server:listen(address, options) end

--- Stops listening without losing a client who is connecting, and leaves the connections alone. It goes on
--- beside: until the listener has settled, 0.1 s at least, listening there again is `address in use`.
---@param address? lastcall.Address all of them when absent
---@return integer? count how many listeners are being stopped
---@return lastcall.Code? code
---@return string? message
function Server:unlisten(address) end

---@return string[] addresses "host:port" with the port in use
function Server:addresses() end

--- Stops accepting for a while: clients wait in the kernel's queue, nobody is refused.
---@return true
function Server:suspend() end

--- Accepts again.
---@return true
function Server:resume() end

--- Whether clients should be sent here: neither the server nor the process is shutting down.
---@return boolean
function Server:ready() end

--- Starts the ladder for this server alone, from stop to kill, without hooks. A further call joins, and
--- may only shorten.
---@param seconds? number for the whole of it (drain.timeout)
---@return true
function Server:shutdown(seconds) end

--- Ends it at once: the ladder begins at kill, connections are reset.
---@return true
function Server:close() end

--- (waits) Until the server is done. Raises in a task of this server.
---@return lastcall.Report? report
---@return lastcall.Code? code
---@return string? message
function Server:wait() end

--- The report of a server that is done; nil before.
---@return lastcall.Report?
function Server:report() end

---@return lastcall.Step
function Server:step() end

--- Starts a task that this server owns, in its context. Raises when the server is done.
---@param fn fun(...: any): ...
---@param ... any arguments for fn
---@return lastcall.Task
function Server:go(fn, ...) end

--- Iterates over the connections there are when it is called.
---@param state? lastcall.State only those
---@return fun(): lastcall.Connection?
function Server:each(state) end

---@return lastcall.Snapshot[]
function Server:connections() end

---@param id integer as in `conn.id`
---@return lastcall.Connection?
function Server:get(id) end

--- How many connections are registered; closed ones are while tasks of theirs run.
---@param state? lastcall.State only those
---@return integer
function Server:count(state) end

---@return lastcall.ServerStats
function Server:stats() end

--- (waits) Until the number of connections compares so.
---@param operator ">"|">="|"=="|"<="|"<"
---@param n integer
---@param seconds? number at most so long
---@return true? reached
---@return lastcall.Code? code "timeout", "canceled", or "closed" when the server is done first
---@return string? message
function Server:wait_for(operator, n, seconds) end

--- Closes, in the background, the connections for which the function says so.
---@param wanted fun(snapshot: lastcall.Snapshot): boolean? may not wait
---@return integer count
function Server:close_where(wanted) end

--- Posts the same to every connection, without waiting for any.
---@param data string
---@param wanted? fun(conn: lastcall.Connection): boolean? only to those; may not wait
---@return integer queued
---@return integer dropped those whose queue was full
function Server:broadcast(data, wanted) end

--- Calls `fn` for each move of a connection, in order, between two turns of the loop; the birth has no
--- `from`. nil to stop. With `start = "data"` a function without parameters is the cheapest: a connection that
--- never speaks then needs no object.
---@param fn? fun(conn: lastcall.Connection, from: lastcall.State?, to: lastcall.State, cause: string) may not wait
function Server:on_state(fn) end

--- Calls `fn` for each step of this server's ladder. nil to stop.
---@param fn? fun(step: lastcall.Step, server: lastcall.Server) may not wait
function Server:on_step(fn) end

---@class lastcall.ServerStats
---@field step lastcall.Step
---@field connections integer registered ones
---@field new integer
---@field active integer
---@field idle integer
---@field closing integer
---@field closed integer closed ones of which tasks still run
---@field accepted integer since the server began
---@field received integer bytes, of connections that are closed already
---@field sent integer
---@field resets_at_rest integer connections that their peer has reset while nothing was owed, either way

--- A connection at one moment.
---@class lastcall.Snapshot
---@field id integer
---@field peer string
---@field state lastcall.State
---@field age number seconds since it was opened
---@field quiet number seconds since the last byte, either way
---@field received integer bytes
---@field sent integer bytes handed to the kernel
---@field unsent integer bytes accepted for writing that the kernel has not taken
---@field unacked? integer bytes in the kernel that the peer's host has not acknowledged; nil on a unix-domain socket
---that has any, for there the kernel does not tell how many

--- A socket before it listens, as `control` sees it; of no use afterwards.
---@class lastcall.Socket
local Socket = {}

---@return integer? fd it stays the listener's
---@return lastcall.Code? code
---@return string? message
function Socket:fd() end

--- As `conn:setsockopt`.
---@param name string
---@param value integer|boolean
---@return true? set
---@return lastcall.Code? code
---@return string? message
function Socket:setsockopt(name, value) end

---@param name string
---@return integer? value
---@return lastcall.Code? code
---@return string? message
function Socket:getsockopt(name) end

-- ---------------------------------------------------------------------------------------------------
-- Connections. One task reads at a time (a second raises); any number write, never interleaved.

---@class lastcall.Connection
---@field id integer unique in this Lua state, and never used twice
---@field data table the script's own
local Connection = {}

--- (waits) Until the next unit of work has begun to arrive; consumes nothing. The declared idle point:
--- while it waits here, the connection may be closed by a drain.
---@param seconds? number at most so long
---@return true? arrived
---@return lastcall.Code? code "eof", "draining", "timeout", "canceled", "reset", ...
---@return string? message
function Connection:await(seconds) end

--- An iterator over lines, each call of which (waits); an idle point when everything read was answered. It ends
--- at the peer's end, at a drain or at any failure, and never raises for it: `conn:error()` tells which it was.
---@param format? "l"|"L" without the newline, or with it ("l")
---@return fun(): string?
function Connection:lines(format) end

--- What was read so far needs no answer: the connection is between two units of work, as after a write, and a
--- drain may close it. A server that never answers calls it for each unit. Never waits.
---@return true
function Connection:answered() end

--- (waits) As io files: a value for each format, or the failure of the first that failed. What it had got
--- by then is the fourth result, and stays readable when the code is "canceled" or "draining".
---@param format? lastcall.Format ("l")
---@param ... lastcall.Format
---@return string? value
---@return lastcall.Code|string|nil code or the next value
---@return string? message
---@return string? partial
function Connection:read(format, ...) end

--- (waits) What has arrived, at least one byte.
---@param max? integer bytes
---@return string? bytes
---@return lastcall.Code? code
---@return string? message
function Connection:read_some(max) end

--- (waits) Up to and including a delimiter, which is plain text.
---@param delimiter string
---@param max? integer bytes, delimiter included; beyond them "too long" (max_line)
---@return string? bytes
---@return lastcall.Code? code
---@return string? message
---@return string? partial
function Connection:read_until(delimiter, max) end

--- (waits) only when the buffer is full and the peer slow. Strings and numbers, in one piece. They are
--- gathered, and sent when 16 KiB are there, before the task is suspended or ends, or by `flush`; a
--- failure is told by this or the next operation.
---@param ... string|number
---@return true? accepted
---@return lastcall.Code? code "timeout", "broken pipe", "reset", "closed", "canceled", ...
---@return string? message
---@return integer? written bytes accepted before the failure
function Connection:write(...) end

--- (waits) Until the kernel has taken all that was written.
---@return true? flushed
---@return lastcall.Code? code
---@return string? message
function Connection:flush() end

--- As io files: "full" gathers up to `size` bytes, "no" sends each write at once.
---@param mode "full"|"no"
---@param size? integer bytes, at most 65536 (16384)
---@return true? set
---@return lastcall.Code? code
---@return string? message
function Connection:setvbuf(mode, size) end

--- Queues data to be sent between two writes; from any task or callback, never waits.
---@param ... string|number
---@return true? queued
---@return lastcall.Code? code "full" over max_queue, when the kernel takes nothing more: nothing of it is queued
---@return string? message
function Connection:post(...) end

--- While the guard is held the connection is not idle.
---@return lastcall.Guard
function Connection:work() end

--- (waits) Closes in order: what was written, the FIN, then discarding what comes until the peer's FIN,
--- all within `linger`. True when the peer's host has acknowledged every byte and the FIN (on a unix-domain socket:
--- when the peer has read every byte). Idempotent; from any task; further reads and writes fail with "closed". `local conn <close>` calls it.
---@param linger? number|"background" seconds; 0 resets; "background" or negative: "pending" at once (as the option)
---@return true|"pending"|nil delivered "pending": the same steps go on, and nobody waits
---@return lastcall.Code? code
---@return string? message
---@return integer? unacked bytes not known to have arrived; nil where the kernel does not tell
function Connection:close(linger) end

--- Resets: what is unsent is discarded. Idempotent.
---@return true
function Connection:abort() end

--- (waits) Half-closes; "write" after a flush.
---@param how "write"|"read"|"both"
---@return true? done
---@return lastcall.Code? code
---@return string? message
function Connection:shutdown(how) end

--- (waits) for a flush, then hands over the descriptor and the bytes already read. The connection is
--- closed for us, and counts in the server until the ticket is done.
---@param hooks? { on_drain?: fun(conn: lastcall.Connection), on_kill?: fun(conn: lastcall.Connection) } run as a task when the drain begins (at once when it has begun); called when its time is over, without waiting
---@return integer? fd the caller's from now on, non-blocking
---@return string bytes read from the peer and not yet consumed; on failure the code
---@return lastcall.Ticket|string ticket on failure the message
function Connection:detach(hooks) end

--- Holds for a read that waits already.
---@param seconds? number nil for none; 0: what is there already, or "timeout"
---@return true? set
---@return lastcall.Code? code
---@return string? message
function Connection:set_read_timeout(seconds) end

--- Holds for a write that waits already.
---@param seconds? number nil for none
---@return true? set
---@return lastcall.Code? code
---@return string? message
function Connection:set_write_timeout(seconds) end

--- When every read and write ends with "timeout"; holds for one that waits already.
---@param at? number by the clock of `lastcall.now`; nil clears it
---@return true
function Connection:set_deadline(at) end

---@param seconds number|"background" as the option `linger`
---@return true? set
---@return lastcall.Code? code
---@return string? message
function Connection:set_linger(seconds) end

--- Keepalive, and the user timeout that belongs to it. What is not given stays as it is.
---@param keepalive lastcall.KeepaliveOptions|false
---@return true? set
---@return lastcall.Code? code
---@return string? message
function Connection:set_keepalive(keepalive) end

--- Asks the peer for signs of life, or no longer.
---@param heartbeat lastcall.HeartbeatOptions|false
---@return true? set
---@return lastcall.Code? code
---@return string? message
function Connection:heartbeat(heartbeat) end

---@param on boolean
---@return true? set
---@return lastcall.Code? code
---@return string? message
function Connection:set_nodelay(on) end

--- The last words, sent when the ladder closes it; before the server's `farewell`.
---@param farewell? string|fun(conn: lastcall.Connection): string? "" for none, nil for the server's; a function may not wait
---@return true
function Connection:set_farewell(farewell) end

--- An integer option of the socket, by its name in lower case without prefix: "rcvbuf", "tos", ... An
--- unknown name raises, and lists the known ones.
---@param name string
---@param value integer|boolean
---@return true? set
---@return lastcall.Code? code
---@return string? message
function Connection:setsockopt(name, value) end

---@param name string
---@return integer? value
---@return lastcall.Code? code
---@return string? message
function Connection:getsockopt(name) end

---@return string host or the path of a unix-domain socket
---@return integer port 0 for unix
---@return "inet"|"inet6"|"unix" family
function Connection:peer() end

---@return string? host
---@return integer|lastcall.Code port
---@return string family
function Connection:localname() end

--- nil for one of our own making, and once the server is done.
---@return lastcall.Server?
function Connection:server() end

---@return lastcall.State
function Connection:state() end

---@return lastcall.Snapshot
function Connection:stats() end

--- Calls `fn(conn)` once the peer's FIN has come, also while nobody reads: between two turns of the loop, and soon, when
--- it has come already. Nothing is consumed: what came before it can still be read. It may be a half-close of a peer
--- that waits for its answer. A reset is no FIN; closing forgets the function.
---@param fn fun(conn: lastcall.Connection) may not wait
---@return fun(): boolean stop forgets it; whether it was still to be called
function Connection:on_eof(fn) end

--- Its own context, which ends when its handler and tasks are done, when it is closed or fails, when
--- the server cancels, when its parent ends, or, with `on_eof = "cancel"`, with the peer's FIN.
---@return lastcall.Context
function Connection:context() end

--- The failure of the last operation that failed, or what ended the connection; nothing when all is well.
---@return lastcall.Code? code
---@return string? message
function Connection:error() end

--- What `conn:work` gives. A variable with `<close>` lets it go too.
---@class lastcall.Guard
local Guard = {}

--- Lets go; once is enough.
function Guard:done() end

--- What `conn:detach` gives. A variable with `<close>` ends it too.
---@class lastcall.Ticket
local Ticket = {}

--- The descriptor has been closed: the server need not wait for it.
function Ticket:done() end

-- ---------------------------------------------------------------------------------------------------
-- Reports.

--- Bytes that arrived too late for any handler.
---@class lastcall.LatePeer
---@field id integer the connection's
---@field peer string its address
---@field bytes integer how many

--- What a shutdown did; `tostring` makes sentences of it. A server's own has no hooks.
---@class lastcall.Report
---@field ok boolean within its time, nothing killed, every hook fine
---@field clean boolean moreover nothing canceled, reset by us or undelivered, every listener stopped without loss
---@field elapsed number seconds
---@field steps table<lastcall.Step, number> when each step began, in seconds from the beginning
---@field stop lastcall.StopReport[] one for each listener
---@field lossless boolean every listener was stopped without loss
---@field accepted_while_stopping integer
---@field finished integer closed in order by their handlers or peers
---@field closed_idle integer
---@field canceled integer
---@field killed integer
---@field reset_by_us integer
---@field reset_by_peer integer
---@field undelivered_bytes integer written and not known to have arrived
---@field failed_flushes integer connections whose last bytes are not known to have arrived
---@field late integer connections whose peer sent bytes that no handler was given: unread when we finished, or come after our FIN
---@field late_peers lastcall.LatePeer[] the first 100 of them
---@field detached integer
---@field held_back integer how often clients began to wait because max_connections or the limit of descriptors was reached
---@field stopped_earlier integer listeners, and those of servers, stopped before the shutdown and before the last 16: they are not in stop
---@field tasks_canceled integer tasks, whoever owns them, that were canceled elsewhere than at rest
---@field tasks_left integer tasks, whoever owns them, that had to be ended by force
---@field work_left integer guards of `lastcall.work` that were held when the drain's time was over
---@field hooks lastcall.HookReport[]
---@field stragglers lastcall.Straggler[] the first 100 connections and the first 100 tasks of each fate, the oldest first
---@field stragglers_unlisted integer how many others there were

---@class lastcall.StopReport
---@field address string
---@field method "hide"|"steer"|"close"|"shutdown"|"accept-close"
---@field lossless boolean
---@field unknown boolean not lossless only because the kernel denied what would show it (counting handshakes, hiding a member of a group): nobody may have been lost
---@field closed boolean
---@field settled number seconds it took

---@class lastcall.HookReport
---@field name string
---@field ok boolean
---@field error any
---@field elapsed number seconds

--- A connection or a task that was canceled or killed, or a connection whose last bytes are not known to have arrived.
---@class lastcall.Straggler
---@field fate "canceled"|"killed"|"undelivered"|"held"
---@field cause? lastcall.Code why it is undelivered
---@field id? integer of the connection
---@field peer? string
---@field state? lastcall.State
---@field age number seconds
---@field quiet? number seconds since the last byte
---@field received? integer
---@field sent? integer
---@field unsent? integer
---@field unacked? integer
---@field task? integer of a task that is not a connection's only one
---@field work? integer of a guard that was held when the drain's time was over
---@field name? string what `lastcall.work` was given
---@field taken? string file and line where the guard was taken
---@field waits_for? string the operation that its task waited in
---@field waited? number seconds in which it had waited
---@field traceback? string of the coroutine that held it

return lastcall
