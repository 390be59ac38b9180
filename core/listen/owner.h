/* owner.h - the owner of listeners: what a listener asks it, and what it tells it.
 *
 * The owner makes connections of the clients that its listeners accept. A lc_listen_owner is part of it, filled in
 * before the first listener is opened. All listeners are freed before their owner is.
 */
#ifndef LC_LISTEN_OWNER_H
#define LC_LISTEN_OWNER_H

#include "base/list.h"
#include "loop/loop.h"

typedef struct lc_listen_owner lc_listen_owner;

typedef struct lc_listen_calls {
  /* 0 while there is room for another connection; else the limit that has been reached. */
  uint32_t (*limit_reached)(const lc_listen_owner *owner);
  /* Has ready what `take` needs, so that no client is accepted in vain. 0 or a code. */
  int (*prepare)(lc_listen_owner *owner);
  /* The accepted descriptor becomes a connection. 0; or a code, and the descriptor stays the listener's. */
  int (*take)(lc_listen_owner *owner, int fd, const lc_address *peer, lc_conn **conn);
  /* Serves a connection just taken. */
  void (*serve)(lc_listen_owner *owner, lc_conn *conn);

  /* Of a connection accepted ahead, before anybody has asked for it: it stays until one of the next two calls. */
  void (*keep)(lc_listen_owner *owner, lc_conn *conn);
  /* It is asked for: 1, or 0 when it has ended meanwhile. */
  int (*hand_out)(lc_listen_owner *owner, lc_conn *conn);
  /* Its listener closes, and nobody has asked for it. */
  void (*give_up)(lc_listen_owner *owner, lc_conn *conn);

  /* Gives up the descriptor in reserve, so that one more client can be accepted: 1, or 0 when there is none. */
  int (*lend_descriptor)(lc_listen_owner *owner);
  /* Clients wait, and are accepted by hand; or accepting by hand is over. */
  void (*acceptable)(lc_listen_owner *owner);
  /* Something for an operator. With a limit, the owner adds how many connections it has. */
  void (*notice)(lc_listen_owner *owner, lc_notice notice, const lc_address *address);
  /* A client may be lost, or nobody can see whether one is. */
  void (*lossy)(lc_listen_owner *owner);
  /* A listener has been opened or closed: what is in reserve may change. */
  void (*changed)(lc_listen_owner *owner);
  /* The stop of a listener has ended. */
  void (*settled)(lc_listen_owner *owner);
} lc_listen_calls;

struct lc_listen_owner {
  const lc_listen_calls *calls;
  lc_loop *loop;
  const lc_settings *settings; /* keepalive and the like, which connections inherit */
  const lc_time *settle;       /* how long a stop waits for handshakes, when it comes to that */
  lc_link listeners;           /* open, stopping, or stopped and kept for the report */
  int serving;                 /* clients go to `serve`; else they are accepted by hand */
  int suspended;               /* clients wait in the queue */
  int is_full_told;            /* an operator knows that clients wait for room */
};

#endif
