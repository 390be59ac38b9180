/* listener.h - one listening socket, from bind until the last client that it must not lose: the
 * calls of its owner.
 *
 * A listener belongs to its owner from lc_listener_open on. When it is closed it stays, until
 * lc_listener_free.
 */
#ifndef LC_LISTENER_H
#define LC_LISTENER_H

#include "listen/owner.h"

typedef struct lc_listener lc_listener;

/* open.c: return 0 or a code. */
int lc_listener_open(lc_listen_owner *owner, const lc_address *address,
                     const lc_listen_options *options);
/* The same with a descriptor that listens. On failure the descriptor stays the caller's. */
int lc_listener_open_fd(lc_listen_owner *owner, int fd, const lc_listen_options *options);
void lc_listener_free(lc_listener *listener);
/* Whether other processes accept from the socket, too. Its unix path is theirs from now on. */
void lc_listener_share(lc_listener *listener, int shared);
/* The place of the socket in its SO_REUSEPORT group, from 0, and the size of the group. */
void lc_listener_set_place(lc_listener *listener, int place, int group_size);

/* facts.c */
/* The next listener behind `listener`, the first one behind NULL; NULL behind the last one. */
lc_listener *lc_listener_next(const lc_listen_owner *owner, const lc_listener *listener);
int lc_listener_is_open(const lc_listener *listener);   /* and no stop has begun */
int lc_listener_is_closed(const lc_listener *listener); /* its stop has ended */
/* Whether no handshake is under way any more: the clients that are left lie in the queue. */
int lc_listener_is_settled(const lc_listener *listener);
lc_time lc_listener_closed_at(const lc_listener *listener);
int lc_listener_fd(const lc_listener *listener); /* -1 once closed */
const lc_address *lc_listener_address(const lc_listener *listener);
/* Whether the kernel has this name for the socket of a unix path. */
int lc_listener_is_bound_to(const lc_listener *listener, const lc_address *address);
void lc_listener_describe(const lc_listener *listener, lc_listener_report *report);

/* accept.c */
/* Accepts one connection. Returns 0, LC_AGAIN, or a code after which accepting pauses. */
int lc_listener_accept(lc_listener *listener, lc_conn **conn);
/* To be called when the reason for holding back may be gone. */
void lc_listener_unhold(lc_listener *listener);
/* The same after a time without accepting, because no event announces clients that came then. */
void lc_listener_look_again(lc_listener *listener);

/* stop.c: stops without losing a client. Called once, in a turn. */
void lc_listener_stop(lc_listener *listener);
/* Stops later in this turn or in the next. Returns 1, or 0 when the listener has been stopped
 * before. */
int lc_listener_stop_later(lc_listener *listener);
/* Ends a stop at once, without accepting the clients in the queue. */
void lc_listener_stop_now(lc_listener *listener);
/* Closes without a stop. */
void lc_listener_retire(lc_listener *listener);

/* tell.c: a client of the listener with this number was accepted while it stopped, and the embedder
 * has never asked for it. */
void lc_listener_lost_client(lc_listen_owner *owner, unsigned number);

#endif
