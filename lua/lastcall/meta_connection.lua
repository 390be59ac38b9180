---@meta lastcall
-- Connections. Only one task may read at a time (a second raises). Any number may write; their writes never mix.
-- See meta.lua.

---@class lastcall.Connection
---@field id integer unique in this Lua state, and never used twice
---@field data table the script's own
local Connection = {}

--- (waits) Until the next unit of work has begun to arrive; consumes nothing. It declares the connection idle:
--- while the task waits here, a drain may close the connection. On one that the script has opened, a shutdown that
--- cancels this wait counts no task as cut.
---@param seconds? number the longest wait
---@return true? arrived
---@return lastcall.Code? code "eof", "draining", "timeout", "canceled", "reset", ...
---@return string? message
function Connection:await(seconds) end

--- An iterator over lines; each step (waits). When everything read was answered, it declares the connection idle. It
--- ends at the peer's end, at a drain or at any failure, and never raises for them: `conn:error()` says which it was.
---@param format? "l"|"L" without the newline, or with it ("l")
---@return fun(): string?
function Connection:lines(format) end

--- Says that everything read so far needs no answer: the connection is between two units of work, as after a write, and
--- a drain may close it. A server that never answers calls it for each unit. Never waits.
---@return true
function Connection:answered() end

--- (waits) As in io files: a value for each format, or the failure of the first that failed. The fourth result has the
--- bytes received by then; they stay readable when the code is "canceled" or "draining".
---@param format? lastcall.Format ("l")
---@param ... lastcall.Format
---@return string? value
---@return lastcall.Code|string|nil code or the next value
---@return string? message
---@return string? partial
function Connection:read(format, ...) end

--- (waits) Returns the bytes that have arrived, at least one.
---@param max? integer bytes
---@return string? bytes
---@return lastcall.Code? code
---@return string? message
function Connection:read_some(max) end

--- (waits) Reads up to and including a delimiter, which is plain text.
---@param delimiter string
---@param max? integer bytes, delimiter included; more is "too long" (max_line)
---@return string? bytes
---@return lastcall.Code? code
---@return string? message
---@return string? partial
function Connection:read_until(delimiter, max) end

--- (waits) only when the buffer is full and the peer slow. Writes strings and numbers, in one piece. They are
--- gathered, and sent when there are 16 KiB, before the task is suspended or ends, or by `flush`. This or the
--- next operation returns a failure.
---@param ... string|number
---@return true? accepted
---@return lastcall.Code? code "timeout", "broken pipe", "reset", "closed", "canceled", ...
---@return string? message
---@return integer? written bytes accepted before the failure
function Connection:write(...) end

--- (waits) Until the kernel has taken everything written.
---@return true? flushed
---@return lastcall.Code? code
---@return string? message
function Connection:flush() end

--- As in io files: "full" gathers up to `size` bytes, "no" sends each write at once.
---@param mode "full"|"no"
---@param size? integer bytes, at most 65536 (16384)
---@return true? set
---@return lastcall.Code? code
---@return string? message
function Connection:setvbuf(mode, size) end

--- Queues data to be sent between two writes; from any task or callback, never waits.
---@param ... string|number
---@return true? queued
---@return lastcall.Code? code "full" over max_queue, when the kernel takes nothing more; none of the data is queued then
---@return string? message
function Connection:post(...) end

--- While the guard is held the connection is not idle.
---@return lastcall.Guard
function Connection:work() end

--- (waits) Closes in order: sends everything written and the FIN, then discards input until the peer's FIN, all within
--- `linger`. Returns true when the peer's host has acknowledged every byte, and the FIN unless its own came before (on a
--- unix-domain socket: when the peer has read every byte). Idempotent; from any task; further reads and writes fail with
--- "closed".
--- `local conn <close>` calls it.
---@param linger? number|"background" seconds; 0 resets; "background" or negative: "pending" at once (as the option)
---@return true|"pending"|nil delivered "pending": the same steps go on, and the call does not wait
---@return lastcall.Code? code
---@return string? message
---@return integer? unacked bytes not known to have arrived; nil where the kernel does not say
function Connection:close(linger) end

--- Resets the connection, and discards unsent bytes. Idempotent.
---@return true
function Connection:abort() end

--- (waits) Half-closes; "write" after a flush.
---@param how "write"|"read"|"both"
---@return true? done
---@return lastcall.Code? code
---@return string? message
function Connection:shutdown(how) end

--- (waits) Goes over to TLS: as the server where the connection was accepted, as the client where it was dialed. Sends
--- what was written first. With bytes in the buffer that came in clear it fails ("unread bytes") and resets the connection.
---@param options? lastcall.TlsServerOptions|lastcall.TlsClientOptions a client's may be absent
---@return true? open
---@return lastcall.Code? code
---@return string? message
function Connection:starttls(options) end

--- What was agreed on with the peer; nil for a connection in clear.
---@return lastcall.TlsFacts?
function Connection:tls() end

--- (waits) for a flush, then hands over the descriptor and the bytes already read. The connection object is
--- closed; the server still counts the connection until the ticket is done.
---@param hooks? { on_drain?: fun(conn: lastcall.Connection), on_kill?: fun(conn: lastcall.Connection) } run as a task when the drain begins (at once when it has begun); called when its time is over, without waiting
---@return integer? fd non-blocking; the caller owns it from now on
---@return string bytes read from the peer and not yet consumed; on failure the code
---@return lastcall.Ticket|string ticket on failure the message
function Connection:detach(hooks) end

--- (waits) as `write`. Sends descriptors beside the first byte of `bytes`, behind what was written before. Unix
--- connections only. The descriptors stay the caller's, who may close them at once. After "emfile" (none is free for a
--- duplicate), or the code of a connection in the list that has ended, nothing was sent, and this connection goes on.
---@param fds (integer|lastcall.Connection|file*|table)[] at most 253: numbers, connections, files, objects with `getfd`
---@param bytes string at least one
---@return true? accepted
---@return lastcall.Code? code as of `write`
---@return string? message
---@return integer? done how many of the bytes were accepted; with 0, no descriptor was
function Connection:send_fds(fds, bytes) end

--- (waits) unless `max` is 0. Returns the bytes that have arrived, at least one, and the descriptors that came with what
--- has been read; descriptors that wait from earlier reads come at once. From its first call on the connection accepts
--- descriptors, whatever call reads; those that come before are closed. So call it with `max` 0 before the first read.
---@param n integer how many the connection keeps until they are taken: 1 to 253
---@param max? integer bytes; 0: only the descriptors, and never waits
---@return string? bytes
---@return integer[]|lastcall.Code fds close-on-exec, and the caller's to close; on failure the code
---@return true|string|nil lost others came behind these and were closed: too many, or none was free; on failure the message
---@return string? partial
function Connection:receive_fds(n, max) end

--- Also applies to a read that waits already.
---@param seconds? number nil for none; 0: bytes that have arrived, or "timeout"
---@return true? set
---@return lastcall.Code? code
---@return string? message
function Connection:set_read_timeout(seconds) end

--- Also applies to a write that waits already.
---@param seconds? number nil for none
---@return true? set
---@return lastcall.Code? code
---@return string? message
function Connection:set_write_timeout(seconds) end

--- Sets the time at which every read and write ends with "timeout", also one that waits already.
---@param at? number by the clock of `lastcall.now`; nil clears it
---@return true
function Connection:set_deadline(at) end

---@param seconds number|"background" as the option `linger`
---@return true? set
---@return lastcall.Code? code
---@return string? message
function Connection:set_linger(seconds) end

--- Sets keepalive, and the user timeout that belongs to it. Fields that are not given stay as they are.
---@param keepalive lastcall.KeepaliveOptions|false
---@return true? set
---@return lastcall.Code? code
---@return string? message
function Connection:set_keepalive(keepalive) end

--- Asks the peer for signs of life, or stops asking.
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

--- Sets the last words, sent when the ladder closes the connection. They replace the server's `farewell`.
---@param farewell? string|fun(conn: lastcall.Connection): string? "" for none, nil for the server's; a function may not wait
---@return true
function Connection:set_farewell(farewell) end

--- Sets an integer option of the socket, by its name in lower case without prefix: "rcvbuf", "tos", ... An
--- unknown name raises an error that lists the known ones.
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

--- nil for a connection made by `connect`, and once the server is done.
---@return lastcall.Server?
function Connection:server() end

---@return lastcall.State
function Connection:state() end

---@return lastcall.Snapshot
function Connection:stats() end

--- Calls `fn(conn)` once the peer's FIN has come, also while no task reads: between two turns of the loop, and soon if
--- the FIN has come already. It consumes nothing: earlier bytes can still be read. The FIN may be a half-close of a
--- peer that waits for its answer. A reset is no FIN. Closing the connection forgets the function.
---@param fn fun(conn: lastcall.Connection) may not wait
---@return fun(): boolean stop forgets it; true if it had not been called yet
function Connection:on_eof(fn) end

--- The connection's own context. It ends when the handler and tasks are done, when the connection is closed or fails,
--- when the server cancels, when its parent ends, or, with `on_eof = "cancel"`, with the peer's FIN.
---@return lastcall.Context
function Connection:context() end

--- The last failure of an operation, or what ended the connection; nothing if neither happened.
---@return lastcall.Code? code
---@return string? message
function Connection:error() end

--- The result of `conn:work` and `lastcall.work`. A variable with `<close>` releases it too.
---@class lastcall.Guard
local Guard = {}

--- Releases the guard. Further calls have no effect.
function Guard:done() end

--- The result of `conn:detach`. A variable with `<close>` ends it too.
---@class lastcall.Ticket
local Ticket = {}

--- Says that the descriptor is closed: the server need not wait for it.
function Ticket:done() end

---@class lastcall.TlsFacts
---@field version string "TLSv1.3"
---@field cipher string
---@field alpn string?
---@field sni string? the name that the client asked for
---@field resumed boolean
---@field peer lastcall.Certificate? that the peer has shown
---@field verified boolean? whether it was checked, and found good

---@class lastcall.Certificate
---@field subject string "CN=example.org"
---@field issuer string
---@field not_before string "2026-01-31T23:59:59Z"
---@field not_after string
---@field sha256 string its fingerprint, in hexadecimal digits
---@field pem string
