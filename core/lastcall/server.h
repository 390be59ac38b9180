/* lastcall/server.h - a server: any number of listeners, one registry of connections, one
 * ladder. */
#ifndef LASTCALL_SERVER_H
#define LASTCALL_SERVER_H

#include "lastcall/address.h"
#include "lastcall/events.h"
#include "lastcall/loop.h"
#include "lastcall/options.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `options` NULL: the defaults. `events` must outlive the server; `user` is passed to every
 * callback. A server that never listens is a registry for connections made with lc_conn_connect.
 * Returns NULL with `*error` set: -ENOMEM, or -EPROTONOSUPPORT for a transport of another
 * version. */
lc_server *lc_server_new(lc_loop *loop, const lc_server_options *options, const lc_events *events,
                         void *user, int *error);
/* Frees the server without callbacks. Connections that are closing and have nothing left to send
 * are left to the kernel; all others are reset. Connections that the embedder holds stay valid. */
void lc_server_free(lc_server *server);

lc_loop *lc_server_loop(const lc_server *server);
void *lc_server_user(const lc_server *server);
const lc_server_options *lc_server_options_get(const lc_server *server);

/* -------------------------------------------------------------- listeners -- */

/* Opens one more listener. Returns 0, or a code: LC_CLOSED when the server has been told to shut
 * down, LC_DRAINING when the process's ladder has told all servers to stop, -EADDRINUSE, -EACCES,
 * ... */
int lc_server_listen(lc_server *server, const lc_address *address,
                     const lc_listen_options *options);
/* Takes over a listening descriptor. On success it is the server's, else it stays the caller's:
 * -EINVAL for a socket that does not listen, -ENOTSOCK, -EBADF, LC_CLOSED and LC_DRAINING as
 * above. */
int lc_server_listen_fd(lc_server *server, int fd, const lc_listen_options *options);
/* Stops the listeners on `address` (NULL: all) without losing a client, and leaves connections
 * alone. The listeners still accept the clients that were under way, then close. Returns how many
 * listeners it stops. */
int lc_server_unlisten(lc_server *server, const lc_address *address);
/* The i-th address listened on, with the port in use; -ENOENT past the last. */
int lc_server_address(const lc_server *server, unsigned index, lc_address *address);
/* The descriptor of the i-th listener, to look at it or to set options; -1 when it is closed, or
 * past the last. It stays the server's. */
int lc_server_listener_fd(const lc_server *server, unsigned index);
/* Takes a connected descriptor for a client that the server has accepted. On success it is the
 * server's, else it stays the caller's: -EOPNOTSUPP when the embedder accepts by hand. */
int lc_server_take_client(lc_server *server, int fd);
/* Says of the listener with this descriptor whether other processes accept from its socket, too.
 * 1: a stop leaves the socket to them. 0: a stop hides the socket and empties its queue. Either way
 * its unix-domain path stays when it is closed. -ENOENT: no listener has this descriptor. */
int lc_server_share(lc_server *server, int fd, int shared);
/* Corrects the place of the server's sockets in their SO_REUSEPORT groups (lc_listen_options),
 * after other members have come or gone. */
void lc_server_set_place(lc_server *server, int place, int group_size);
/* The identity of the socket at a unix-domain path, for processes that share it: 0, or a code. */
int lc_path_identity(lc_loop *loop, const lc_address *path, uint64_t *device, uint64_t *inode);
/* Removes the path, unless another socket is there by now. */
void lc_path_remove(lc_loop *loop, const lc_address *path, uint64_t device, uint64_t inode);
/* Closes the listeners at once, without accepting the clients in their queues. Leaves connections
 * alone; the server is done when the last of them is gone. */
void lc_server_retire(lc_server *server);
/* Whether a listener is open, so that another connection may come. */
int lc_server_is_listening(const lc_server *server);

/* -------------------------------------------------------------- accepting -- */

/* Stops accepting, and goes on. Clients wait in the kernel's queue meanwhile. */
void lc_server_suspend(lc_server *server);
void lc_server_resume(lc_server *server);
/* Gives new connections to `opened` (1), or to lc_server_accept (0). options.accepts_by_hand is the
 * first choice. */
void lc_server_serve(lc_server *server, int serving);
/* Gives connections that are not accepted yet another protocol (NULL: a guess), and other settings
 * (NULL: as before). The first choice is that of lc_server_options. -EBUSY when the server has
 * connections already. */
int lc_server_set_protocol(lc_server *server, const lc_protocol *protocol,
                           const lc_settings *settings);
/* Returns 0 with a connection in state new, LC_AGAIN, or LC_CLOSED when the last listener has
 * closed and no accepted connection is left. The server holds the connection; lc_conn_ref keeps it.
 *
 * A listener that stops is emptied by the library. Connections that it accepts wait for this
 * function, and cause no callback until then. A drain closes those that stay silent for
 * `quiet`. One that still waits at LC_STEP_CANCEL, or when the server is retired, is lost: it is
 * reset, and the stop of its listener was not lossless. */
int lc_server_accept(lc_server *server, lc_conn **conn);
/* The number of connections that wait for lc_server_accept, besides the kernel's queue. */
uint32_t lc_server_unclaimed(const lc_server *server);

/* ----------------------------------------------------------------- ladder -- */

/* Starts the ladder (stop, drain, cancel, kill) that ends at `kill_at` at the latest. A further
 * call can only bring the end nearer. Returns 0. */
int lc_server_shutdown(lc_server *server, lc_time kill_at);
/* When the ladder ends at the latest; LC_NEVER before a shutdown. */
lc_time lc_server_deadline(const lc_server *server);
/* Changes lc_server_options.drain, until the ladder begins. */
void lc_server_set_drain(lc_server *server, const lc_drain_options *drain);
/* Jumps ahead to LC_STEP_CANCEL or LC_STEP_KILL. Never goes back. */
void lc_server_advance(lc_server *server, lc_step step);
lc_step lc_server_step(const lc_server *server);
/* Whether the server has been told to shut down. True from that call on, before the first step. */
int lc_server_is_leaving(const lc_server *server);
/* A server is not done while it is held: for tasks that it owns. Each hold is released once. */
void lc_server_hold(lc_server *server);
void lc_server_release(lc_server *server);

/* --------------------------------------------------------------- registry -- */

/* The number of connections in a state. LC_STATES: all registered ones, also those that are closed
 * and still have tasks. */
uint32_t lc_server_count(const lc_server *server, lc_state state);
/* Walks the registry: the first connection (NULL), or the one after `conn`. The caller may close
 * connections on the way, for they leave the registry only in a later turn. */
lc_conn *lc_server_next(const lc_server *server, const lc_conn *conn);
/* The registered connection with this lc_conn_id, or NULL. */
lc_conn *lc_server_find(const lc_server *server, uint64_t id);

#ifdef __cplusplus
}
#endif

#endif
