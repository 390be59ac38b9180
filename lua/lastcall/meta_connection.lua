---@meta lastcall
-- Connections. One task reads at a time (a second raises); any number write, never interleaved. See meta.lua.

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
