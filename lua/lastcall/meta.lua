---@meta lastcall
-- The API, for editors and people. This code never runs. spec/house/meta_spec.lua keeps it true.
--
-- This file has the module and what all parts share. The other parts: meta_options, meta_server, meta_connection,
-- meta_tasks (tasks, contexts, and what tasks share), meta_process (child processes),
-- meta_supervise (workers and their master), meta_report, meta_socket
-- (lastcall.socket), meta_http (lastcall.http: servers), meta_client (its clients) and meta_websocket (its WebSockets).
--
-- Times are seconds, floats by the monotonic clock; sizes are bytes. Success is a true value. Failure at
-- run time is `nil, code, message` and sometimes a fourth value. Misuse (a wrong type, an unknown option,
-- a waiting call outside a task) raises an error that names the argument and the remedy.
--
-- (waits) marks a function that may suspend the calling task. It can be called only in a task: in the function
-- given to `run`, a handler, a hook, or a function given to `go`. All others can be called from anywhere,
-- callbacks included. A wait ends with "canceled" or "timeout" when the context of its task ends.

--- Why a call failed. For other errors of the system: the name of the errno in lower case ("emfile").
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
---| "truncated"    # the peer finished, and did not say so in TLS
---| "handshake failed"
---| "not tls"
---| "certificate not trusted"
---| "certificate expired"
---| "certificate revoked"
---| "wrong name"   # the certificate is for another
---| "unread bytes" # of starttls: bytes had come in clear
---| "bad certificate"
---| "bad key"
---| "wrong key"    # it does not belong to the certificate
---| "bad ciphers"
---| "invalid"      # of HTTP: what came makes no sense
---| "unsupported"  # of HTTP: lastcall has no means for it
---| "helper died"  # of offload
---| "failed"       # of supervise: the first workers do not come to serve
---| "address in use"
---| "address not available"
---| "permission denied"
---| string

--- `new`: accepted, no byte received yet. `active`: the server has work to do for it. `idle`: between two
--- requests. `closing`: our side has finished, the peer's has not. `closed`: the descriptor is closed.
---@alias lastcall.State "new"|"active"|"idle"|"closing"|"closed"

--- The ladder of a shutdown, in order. A server goes from `serving` by `stop` to `kill`, and to `done`; `unready` and
--- `hooks` are the process's alone.
---@alias lastcall.Step "serving"|"unready"|"stop"|"drain"|"cancel"|"kill"|"hooks"|"done"

---@alias lastcall.Address string as "host:port", "[::1]:80", ":80" (every interface, dual stack), "unix:/path", "unix:@abstract"; port 0 for any; to listen on, "systemd:name"
---@alias lastcall.Format "l"|"L"|"a"|integer a line without its newline, a line with it, all until the end, a number of bytes
---@alias lastcall.Handler fun(conn: lastcall.Connection, ctx: lastcall.Context)

-- ---------------------------------------------------------------------------------------------------
-- The module.

---@class lastcall
---@field version string
---@field features lastcall.Features found out by the first use, with two sockets on loopback
---@field context lastcall.context
---@field coroutine lastcall.coroutine
local lastcall = {}

---@class lastcall.PassedSocket
---@field name string its FileDescriptorName, or "unknown"
---@field address string "systemd:" and the name
---@field fd integer stays lastcall's: servers get copies

---@class lastcall.Features
---@field stop "hide"|"accept-close" how a TCP listener of our own is stopped
---@field hide boolean a listener can be hidden from new clients without losing those under way
---@field hide_error string|false why not: the kernel's error; "eopnotsupp" if the kernel takes the option without effect
---@field sock_diag boolean half-open handshakes can be counted; if not, no stop of a TCP listener is known to be lossless
---@field sock_diag_error string|false why not

--- Listens, serves and runs until the shutdown is done: `run`, `listen` and `server:serve` in one.
--- Raises, with address and reason, when it cannot listen. For the main program, outside tasks.
---@param address lastcall.Address|{fd: integer, shared: boolean?} or a descriptor that listens already; the server owns it from then on
---@param handler lastcall.Handler runs as a task for each connection; when it returns, its output is delivered and the connection is closed in order
---@param options? lastcall.ServeOptions
---@return lastcall.Report
function lastcall.serve(address, handler, options) end

--- Runs `main(ctx)` as the first task, owned by the process, with SIGINT and SIGTERM handled: the first
--- drains, a second cancels, a third kills. Returns when `main` and everything that it started have ended,
--- or the shutdown is done. Raises the error that `main` raised. For the main program, outside tasks.
---@param main fun(ctx: lastcall.Context)
---@param options? lastcall.RunOptions
---@return lastcall.Report
function lastcall.run(main, options) end

--- Opens a server. It accepts no client before `server:serve` or `server:accept`. The process owns it, and
--- shuts it down with itself. In a task, looking a name up (waits); outside a task it blocks.
---@param address lastcall.Address|{fd: integer, shared: boolean?} on success the server owns the descriptor
---@param options? lastcall.ServerOptions
---@return lastcall.Server? server
---@return lastcall.Code? code "address in use", "permission denied", "host not found", "draining" (the process is shutting down), ...
---@return string? message
function lastcall.listen(address, options) end

--- (waits) Opens a connection, with the same methods and the same contract as an accepted one. It tries the addresses
--- of a name within one `timeout`, IPv6 and IPv4 in turn: the next as soon as one fails, or beside it when it has not
--- answered after 0.25 s (RFC 8305). The first to answer is taken. If none does, the code is that of the first to
--- fail, and the message names the addresses tried. The connection's context is a child of the task's. The script must
--- close the connection; if it is collected while open, it is closed in the background and logged.
---@param address lastcall.Address
---@param options? lastcall.ConnectOptions
---@return lastcall.Connection? conn
---@return lastcall.Code? code "refused", "unreachable", "host not found", "timeout", ...
---@return string? message
function lastcall.connect(address, options) end

--- Makes a connection of an open descriptor, which belongs to it from then on: a connected stream socket, an end of a
--- pipe, a FIFO, a terminal, or another device that can be waited for. It is the reverse of `conn:detach`. The number
--- given is not to be used any more. An end of a pipe goes one way; what would go the other way raises an error. A pipe
--- or a terminal that blocks keeps blocking for its other holders; sockets and devices get O_NONBLOCK. Of descriptor 0 or 1
--- the connection gets a copy, and /dev/null takes its place. Files, directories, listening sockets, sockets of messages and
--- numbers that are not open raise an error. The connection's context is a child of the caller's. The script must close the
--- connection; if it is collected while open, it is closed in the background and logged.
---@param fd integer
---@param options? lastcall.ConnectionOptions
---@return lastcall.Connection? conn
---@return lastcall.Code? code "enotconn" (a socket), "permission denied" (a terminal of another user), "emfile", ...: the descriptor is still the caller's
---@return string? message
function lastcall.adopt(fd, options) end

--- Closes a descriptor that is the script's: what `conn:receive_fds` or `conn:detach` returned. Never waits.
---@param fd integer
---@return true
function lastcall.close_fd(fd) end

--- Returns the addresses of a host name, in the order of the system's resolver. In a task it (waits), and other
--- look-ups run meanwhile; outside a task it blocks, without a timeout.
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

--- Starts a task owned by the process, in its context: for work that outlives a connection.
---@param fn fun(...: any): ...
---@param ... any arguments for fn
---@return lastcall.Task
function lastcall.spawn(fn, ...) end

--- While the guard is held, the process's drain goes on, until its time is over: for work that belongs to no
--- connection. Any task may end it. A guard that is collected while held is released and logged.
---@param name? string for the report
---@return lastcall.Guard
function lastcall.work(name) end

--- (waits)
---@param seconds number
---@return true? slept
---@return lastcall.Code? code "canceled" or "timeout" when the context ended first
---@return string? message
function lastcall.sleep(seconds) end

--- The monotonic clock, which deadlines use.
---@return number seconds since some moment in the past
function lastcall.now() end

--- Registers a function to run when the connections are gone, last registered first, one after the
--- other, each in a fresh context that ends with its time. An error in one is reported and stops no
--- other. A function that a hook registers runs next. All are forgotten when `run` ends.
---@param name string for the report
---@param fn fun(ctx: lastcall.Context)
---@param options? lastcall.HookOptions
---@return fun(): boolean cancel unregisters it; true if it was still registered
function lastcall.on_shutdown(name, fn, options) end

--- The same, at step unready, before anything stops; in the order of their registration.
---@param name string for the report
---@param fn fun(ctx: lastcall.Context)
---@param options? lastcall.HookOptions
---@return fun(): boolean cancel
function lastcall.before_shutdown(name, fn, options) end

--- Starts the process's ladder, as SIGTERM does; `serve` or `run` returns the report. A further call joins the
--- shutdown under way, and may only shorten it.
---@param seconds? number for the whole of it (drain.timeout)
---@return true
function lastcall.shutdown(seconds) end

--- Returns its arguments when the first is true. Otherwise it raises the third, a message that names the address, with
--- the caller's place: `lastcall.assert(lastcall.listen(address))`.
---@param value any
---@param ... any
---@return any ...
function lastcall.assert(value, ...) end

--- Whether clients should be sent here: false from the step unready on, and while the script has said so with
--- `set_ready(false)`.
---@return boolean
function lastcall.ready() end

--- Says whether the process is ready, for the service manager (doc/systemd.md). Otherwise it is from the end of the turn
--- on in which the first serve, accept, or LuaSocket's accept or select begins. The word holds until the run is over.
---@param is boolean
---@return true
function lastcall.set_ready(is) end

--- The sockets that systemd has passed, in the order of the unit. Each of them is an address for `listen` and `serve`.
---@return lastcall.PassedSocket[]
function lastcall.listeners() end

--- Says what keeps the process alive. First the counts: connections by state, tasks by where they are. Then a hundred
--- connections, active ones first, the oldest before the others, and a hundred other tasks, those at work first: where
--- each is blocked, and for how long. Last, how many were left out. In a task it takes several turns of the loop
--- when there are many. SIGUSR1 writes the same to the log, as `text` of the event "dump", unless the script has a
--- function of its own for that signal.
---@return string
function lastcall.dump() end

--- The report of the last run that ended.
---@return lastcall.Report?
function lastcall.report() end

return lastcall
