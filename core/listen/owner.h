/* owner.h - the owner of listeners: what a listener asks and tells it.
 *
 * The owner makes connections of accepted clients. It has a lc_listen_owner inside, filled in
 * before it opens the first listener. All listeners are freed before their owner is.
 */
#ifndef LC_LISTEN_OWNER_H
#define LC_LISTEN_OWNER_H

#include "base/list.h"
#include "loop/loop.h"

typedef struct lc_listen_owner lc_listen_owner;

/* The words for operators about a limit. Static. */
typedef struct lc_limit {
  const char *reached;
  const char *resumed;
} lc_limit;

typedef struct lc_listen_calls {
  /* Returns NULL while there is room for another connection; else the limit that has been reached,
   * and its number. */
  const lc_limit *(*limit_reached)(const lc_listen_owner *owner, uint32_t *number);
  /* Allocates what `take` needs, so that no client is accepted in vain. Returns 0 or a code. */
  int (*prepare)(lc_listen_owner *owner);
  /* Makes a connection of the accepted descriptor. Returns 0; or a code, and the descriptor stays
   * the listener's. */
  int (*take)(lc_listen_owner *owner, int fd, const lc_address *peer, lc_conn **conn);
  /* Serves a connection that was just taken. */
  void (*serve)(lc_listen_owner *owner, lc_conn *conn);
  /* The same while the embedder accepts by hand, and the listener of this number stops: keeps the
   * connection until the embedder asks for one. The listener may close before. */
  void (*keep)(lc_listen_owner *owner, lc_conn *conn, unsigned listener);

  /* Whether a connection is closing, so that a descriptor will be free. */
  int (*frees_soon)(const lc_listen_owner *owner);
  /* Closes the descriptor in reserve, so that one more client can be accepted. Returns 1, or 0 when
   * there is none. */
  int (*lend_descriptor)(lc_listen_owner *owner);
  /* Clients wait for the embedder to accept them by hand; or accepting by hand is over. */
  void (*acceptable)(lc_listen_owner *owner);
  /* A notice for an operator. When it has a limit, the owner adds the number of its connections. */
  void (*notice)(lc_listen_owner *owner, lc_notice notice, const lc_address *address);
  /* A client may be lost, or the kernel does not show whether one is. */
  void (*lossy)(lc_listen_owner *owner);
  /* A listener has been opened or closed: the owner may need a reserve, or no longer. */
  void (*changed)(lc_listen_owner *owner);
  /* The handshakes of a listener that stops have ended; and again when its stop has. */
  void (*settled)(lc_listen_owner *owner);
} lc_listen_calls;

struct lc_listen_owner {
  const lc_listen_calls *calls;
  lc_loop *loop;
  const lc_settings *settings; /* options of the sockets, which connections inherit */
  const lc_time *settle;       /* the longest wait of a stop for handshakes */
  lc_link listeners;           /* open, stopping, or stopped and kept for the report */
  unsigned last_number;        /* of a listener */
  int serving;                 /* 1: clients go to `serve`; 0: they are accepted by hand */
  int suspended;               /* clients wait in the queue */
  const lc_limit *told;        /* an operator has been told that clients wait for room; or NULL */
};

#endif
