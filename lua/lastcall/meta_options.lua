---@meta lastcall
-- Options. An unknown name raises and names the nearest known one. See meta.lua.

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
