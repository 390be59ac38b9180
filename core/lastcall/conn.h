/* lastcall/conn.h - a connection: making it, holding it, and what it tells about itself. */
#ifndef LASTCALL_CONN_H
#define LASTCALL_CONN_H

#include "lastcall/address.h"
#include "lastcall/options.h"
#include "lastcall/state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------- made -- */

/* Begins a connection to `to`. `from`, an address to bind to, may be NULL. Returns 0 with a
 * connection in state active, registered in `server`, which holds it; or the kernel's code
 * (-ECONNREFUSED, -ENETUNREACH, -EMFILE, ...), and nothing is left. `ready` later gives
 * LC_CONNECTED or LC_ENDED. Bytes written earlier are sent once the connection is established. */
int lc_conn_connect(lc_server *server, const lc_address *to, const lc_address *from, int nodelay,
                    lc_conn **conn);

/* Registers a connected stream socket of the caller's as it is, without changing its options.
 * `settings` (NULL: the server's) are copied. Returns 0, and the connection owns the descriptor
 * from then on; or a code, and the descriptor stays the caller's. */
int lc_conn_adopt(lc_server *server, int fd, const lc_settings *settings, lc_conn **conn);

/* For an embedder that moves bytes itself on a duplicate of the descriptor (with a TLS library).
 * Counts the bytes for the state, the statistics and the idle rule. A call with 0 and 0, before the
 * library begins, declares that all bytes to come are the library's. Does nothing when the
 * connection has another transport. */
void lc_conn_note(lc_conn *conn, size_t received, size_t sent);
/* For the same embedder, when its library has received all that had come. `has_part` says that the
 * library holds an incomplete part: half a record, or a handshake under way. Until the rest has
 * come, the connection is not idle. */
void lc_conn_note_part(lc_conn *conn, int has_part);
/* For the same embedder, after a send. `has_rest` says that its library still has bytes to send. */
void lc_conn_note_rest(lc_conn *conn, int has_rest);
/* For an embedder that learns by other means (poll) that the descriptor is ready. The next read or
 * write asks the kernel, whatever the loop knows. */
void lc_conn_look(lc_conn *conn);

/* Gives a connection whose bytes crossed as they are another transport, such as an encrypted one:
 * at once after lc_conn_connect, or in the middle of the connection. What was written is sent first
 * (LC_AGAIN until then). From then on nothing is received or sent until the handshake is over:
 * LC_CONNECTED, or LC_ENDED. Returns 0, or a code, and the connection is as before: -EBADMSG when
 * bytes were received and not read, which would then look as if they had come encrypted; -EALREADY
 * when it has another transport; -ENOTSOCK for a pipe or a device; -EPROTONOSUPPORT for a transport
 * of another version. */
int lc_conn_set_transport(lc_conn *conn, const lc_transport *transport);
/* Why the transport has failed, in more words than the code: a static string, or NULL. */
const char *lc_conn_reason(const lc_conn *conn);
/* The name of the transport, and what it keeps of the connection: NULL before the handshake is
 * over. Valid until the next call that concerns the connection. */
const char *lc_conn_transport(const lc_conn *conn, void **state);
/* Whether the transport encrypts. */
int lc_conn_is_secret(const lc_conn *conn);

/* Replaces the protocol, for an upgrade. The new one gets the buffered bytes. NULL: the library
 * guesses by what tasks wait for, as in lc_server_options. A unit under way goes on. Outside of a
 * unit, a protocol that knows its units begins to read, and the embedder must not read. Returns 0;
 * or a code, and the old protocol stays. */
int lc_conn_set_protocol(lc_conn *conn, const lc_protocol *protocol);
/* The work for the unit that LC_UNIT announced is done: the connection is parked, or LC_UNIT
 * announces the next in a later turn. The unit's deadline (lc_conn_set_deadline) ends with it.
 * Returns 1; or 0 when the library will not announce anything: no unit was under way, or it has
 * taken the connection to a protocol that leaves reading to the embedder. */
int lc_conn_unit_ended(lc_conn *conn);
/* LC_UNIT announces the unit under way once more, in a later turn: the embedder could not begin it
 * when it was told of it. */
void lc_conn_unit_again(lc_conn *conn);
/* The work for the unit has failed: the protocol may say so to the peer, and the connection closes
 * as lc_conn_finish does. Without a unit it closes too. */
void lc_conn_unit_failed(lc_conn *conn);
/* The embedder has done with the connection: it says goodbye as its protocol wants, and closes as
 * lc_conn_finish does. */
void lc_conn_leave(lc_conn *conn, const char *cause);

/* ------------------------------------------------------------------- held -- */

/* Adds a reference and returns `conn`; drops one. The last lc_conn_unref frees the connection. */
lc_conn *lc_conn_ref(lc_conn *conn);
void lc_conn_unref(lc_conn *conn);

/* Counts the tasks that belong to the connection. It stays registered while there are any. */
void lc_conn_hold(lc_conn *conn);
void lc_conn_release(lc_conn *conn);
/* A guarded connection is not idle. */
void lc_conn_guard(lc_conn *conn);
void lc_conn_unguard(lc_conn *conn);
/* For an embedder that moves the bytes itself and knows which side spoke last. Returns when both
 * sides will have been silent long enough for the ladder to take the connection to be idle;
 * LC_NEVER while bytes wait to be read or sent. */
lc_time lc_conn_quiet_from(lc_conn *conn);

/* ------------------------------------------------------------------ known -- */

uint64_t lc_conn_id(const lc_conn *conn); /* unique in its loop, never reused */
int lc_conn_fd(const lc_conn *conn);      /* -1 once it is closed */
/* The same, for code that may duplicate the descriptor or give it to another process. The end of
 * the connection ends such copies, too, which close() alone would not do. */
int lc_conn_lend(lc_conn *conn);
lc_state lc_conn_state(const lc_conn *conn);
lc_server *lc_conn_server(const lc_conn *conn); /* NULL once it has left the registry */
void *lc_conn_user(const lc_conn *conn);
void lc_conn_set_user(lc_conn *conn, void *user);
void lc_conn_peer(const lc_conn *conn, lc_address *address);
/* The address of our end. Returns 0, LC_CLOSED for a closed connection, or the kernel's code. */
int lc_conn_local(const lc_conn *conn, lc_address *address);
/* 0 while the connection is usable; else the code that every further operation returns. */
int lc_conn_error(const lc_conn *conn);
/* Whether the peer's FIN is known to have come, read or not. 0 once we have shut our reading
 * half. */
int lc_conn_is_finished(const lc_conn *conn);
/* "GET /path", shortened to fit: what the connection is at work for, and since when (NULL: not
 * asked for). Returns `text`; NULL when its protocol knows of nothing. */
const char *lc_conn_label(const lc_conn *conn, char *text, size_t size, lc_time *since);
/* Which way bytes go: an end of a pipe goes one way, and whatever would go the other way returns
 * -EOPNOTSUPP. Both ways once it is closed. */
int lc_conn_can_read(const lc_conn *conn);
int lc_conn_can_write(const lc_conn *conn);
/* Whether the ladder closes the connection: it was idle, or would have begun new work. */
int lc_conn_is_dismissed(const lc_conn *conn);

#define LC_UNKNOWN SIZE_MAX /* a number of bytes that the kernel does not tell */

typedef struct lc_conn_stats {
  lc_time opened_at;
  lc_time last_byte_at; /* received or sent; opened_at before the first */
  uint64_t received;
  uint64_t sent; /* handed to the kernel */
  size_t unsent; /* accepted for writing, not handed to the kernel */
  /* In the kernel, not acknowledged. LC_UNKNOWN for a unix-domain socket that has any. */
  size_t unacked;
  /* Of a connection closing in a shutdown: the peer's bytes that no handler received. */
  uint64_t late;
} lc_conn_stats;
void lc_conn_stats_get(const lc_conn *conn, lc_conn_stats *stats);

/* --------------------------------------------------------------- settings -- */

/* To change the settings of one connection, copy lc_conn_settings, change the copy, and set it.
 * Returns 0, -ENOMEM, or the code with which the kernel refused keepalive or nodelay. */
const lc_settings *lc_conn_settings(const lc_conn *conn);
int lc_conn_set_settings(lc_conn *conn, const lc_settings *settings);
/* Sets the deadline of reads and writes alike, also of those that wait already. Absolute; LC_NEVER
 * clears. */
void lc_conn_set_deadline(lc_conn *conn, lc_time at);
/* Sets the last bytes that are sent when the ladder closes the connection. Copied. Returns 0 or
 * -ENOMEM. */
int lc_conn_set_farewell(lc_conn *conn, const char *data, size_t length);

#ifdef __cplusplus
}
#endif

#endif
