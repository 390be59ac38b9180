---@meta lastcall
-- Options. An unknown name raises an error that names the nearest known one. See meta.lua.

--- When a silent peer is probed, and given up. TCP only.
---@class lastcall.KeepaliveOptions
---@field idle? number seconds of silence before the first probe (30)
---@field interval? number seconds between probes (10)
---@field count? integer probes without an answer before the peer is lost (3)

--- Asks the peer for signs of life in the application's own words.
---@class lastcall.HeartbeatOptions
---@field interval? number seconds without a byte from the peer before it is asked (15)
---@field timeout? number seconds that the peer then has to send a byte; after that "peer lost" and a reset (10)
---@field send? string|fun(conn: lastcall.Connection): string? the question, sent between two writes; a function may not wait

--- How a shutdown goes. A plain number stands for `timeout`.
---@class lastcall.DrainOptions
---@field timeout? number seconds for the whole shutdown, hooks included (25)
---@field delay? number seconds at step unready: still accepting, but not ready (0)
---@field settle? number the longest wait, in seconds, for handshakes under way (5)
---@field quiet? number seconds of silence after which a connection counts as idle although its handler has not said so; bytes that arrive within this time after the drain began are still handed over (1)
---@field grace? number seconds between cancel and kill, at most a tenth of timeout (1)
---@field hooks? number seconds kept for hooks when there are any (a fifth of timeout)
---@field spread? number seconds over which idle connections are closed (0)

--- The options of a connection.
---@class lastcall.ConnectionOptions
---@field linger? number|"background" seconds that `conn:close()` may take, and that a peer which has everything may take to finish; 0 resets; "background" or a negative number: the call does not wait (3)
---@field linger_bytes? integer bytes read and discarded at most while lingering (1 MiB)
---@field keepalive? lastcall.KeepaliveOptions|false
---@field heartbeat? lastcall.HeartbeatOptions|false (none)
---@field user_timeout? number|false seconds that sent data may stay unacknowledged (idle + interval * count)
---@field read_timeout? number|false seconds a read may wait; ends it with "timeout" (none)
---@field write_timeout? number|false seconds a write may wait; ends it with "timeout"; seconds without an acknowledgement after which a closing connection is given up (30)
---@field handshake_timeout? number|false seconds that a handshake of TLS may take (10)
---@field first_byte_timeout? number|false seconds; closes a connection that has sent no byte by then (none)
---@field idle_timeout? number|false seconds; closes a connection that has been idle for this time (none)
---@field max_age? number|false seconds, give or take a tenth; closes a connection of this age at its next idle moment (none)
---@field max_line? integer bytes of the longest line (64 KiB)
---@field max_read? integer bytes of the longest single read (16 MiB)
---@field max_queue? integer bytes posted and not yet sent (256 KiB)
---@field nodelay? boolean TCP_NODELAY (true)

--- The place of a listening socket among those that share its address: the order in which they began to
--- listen. When one has left, the last one gets its place.
---@class lastcall.ReuseportOptions
---@field index integer from 1
---@field of integer the number of sockets when this one stops

--- The options of a listening socket.
---@class lastcall.ListenerOptions
---@field backlog? integer how many clients the kernel keeps waiting (4096)
---@field reuseaddr? boolean (true)
---@field reuseport? boolean|lastcall.ReuseportOptions other sockets may listen on the same address (false)
---@field ipv6_only? boolean (false)
---@field defer_accept? boolean|number accept when the first byte has arrived; or how many seconds to wait for it (false)
---@field control? fun(sock: lastcall.Socket) called with the socket before bind; may not wait
---@field unix_mode? integer permissions of the path of a unix-domain socket (as the umask leaves it)
---@field shared? boolean another process accepts from this socket too, so lastcall closes it without hiding it (false; true for {fd=})

--- TLS, of both sides. A PEM option is the path of a file, or the text. See doc/tls.md.
---@class lastcall.TlsOptions
---@field certificate? string PEM; the chain may stand behind it (a server needs one)
---@field key? string PEM, without a password (in the file of the certificate)
---@field chain? string PEM: the certificates between this one and the root
---@field ca? string PEM: whom to trust (the system's)
---@field alpn? string[] protocols, in order
---@field min_version? "1.2"|"1.3" ("1.2")
---@field ciphers? string in OpenSSL's words

---@class lastcall.TlsServerOptions: lastcall.TlsOptions
---@field sni? table<string, lastcall.TlsOptions> certificates by the name that the client asks for; "*.b.org" too
---@field verify? boolean|"optional" clients have to show a certificate of `ca` (false)
---@field tickets? boolean|string|string[] false: no session is resumed; 80 bytes, or a list: keys of the tickets (true)

---@class lastcall.TlsClientOptions: lastcall.TlsOptions
---@field name? string that the certificate has to have, or an IP address (the host of the address)
---@field verify? boolean false: trusts anybody (true)

---@class lastcall.ServerOptions: lastcall.ConnectionOptions, lastcall.ListenerOptions
---@field tls? lastcall.TlsServerOptions needs the rock lastcall-tls (none: in clear)
---@field max_handshakes? integer of TLS, under way at once; further clients wait in the kernel's queue (4096)
---@field start? "accept"|"data" the handler begins at once, or with the first byte ("accept")
---@field on_eof? "cancel"|"finish" the peer's FIN ends the connection's context, also while no task reads: for protocols in which no client half-closes; or it does not ("finish"; "cancel" for requests of HTTP)
---@field max_connections? integer further clients wait in the kernel's queue (as many as the limit of descriptors leaves)
---@field drain? number|lastcall.DrainOptions
---@field late? boolean the report counts connections whose last bytes no handler got; false for protocols whose clients say goodbye after a FIN (true)
---@field on_drain? fun(conn: lastcall.Connection) runs as a task for each connection when draining begins: say goodbye in the protocol's words
---@field farewell? string|fun(conn: lastcall.Connection): string? the last words to a connection that the ladder closes; a function may not wait
---@field max_block? number|false seconds that a task may hold the loop before that is logged, with its traceback (0.25)
---@field on_error? fun(err: any, traceback: string, conn: lastcall.Connection?, request: string?) gets each error that no other code gets; may not wait (to stderr)
---@field log? fun(level: "info"|"warning"|"error", event: string, fields: table) may not wait (to stderr)

---@class lastcall.RunOptions
---@field signals? string[]|false those that begin the shutdown ({"INT", "TERM"}); SIGPIPE does nothing in a run
---@field drain? number|lastcall.DrainOptions
---@field log? fun(level: "info"|"warning"|"error", event: string, fields: table) may not wait (to stderr)
---@field on_error? fun(err: any, traceback: string, conn: lastcall.Connection?, request: string?) may not wait (to stderr)
---@field max_block? number|false seconds that a task or callback may hold the loop before that is logged, with its traceback; a turn of the loop that takes as long, with its longest parts (0.25)
---@field raise_descriptors? boolean the soft limit of descriptors becomes the hard limit, 1,048,576 at most; children get the old limit (false)
---@field exit_when_stuck? boolean past the deadline, code that cannot be interrupted (one endless call into C) ends the process with status 70 and a report on stderr (true)
---@field debug? boolean when an open connection is collected, the log says where it was opened (false)
---@field patch_coroutine? boolean `lastcall.coroutine` replaces the global `coroutine` during the run (true)
---@field progress? boolean a live line of the drain on stderr, in place of the trace in the log (when that is a terminal)
---@field offload? lastcall.OffloadOptions

--- The helpers of `lastcall.offload`.
---@class lastcall.OffloadOptions
---@field helpers? integer how many there are at most (as many as processors)
---@field idle? number|false seconds that a helper is kept without work; false: to the end of the run (10)
---@field command? string[] the interpreter and its own arguments; needed where lastcall runs in a host program (the program that runs)

---@class lastcall.ServeOptions: lastcall.ServerOptions, lastcall.RunOptions

---@class lastcall.ConnectOptions: lastcall.ConnectionOptions
---@field timeout? number|false seconds for everything, the look-up of the name included (10)
---@field tls? boolean|lastcall.TlsClientOptions needs the rock lastcall-tls (none: in clear)
---@field bind? string the local address, "host:port", to connect from

---@class lastcall.ResolveOptions
---@field timeout? number|false seconds (10); after that no task waits, though the system's resolver may go on

---@class lastcall.HookOptions
---@field timeout? number seconds, at most what is left of the shutdown (5)
