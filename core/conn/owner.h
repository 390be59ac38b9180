/* owner.h - the owner of a connection: the connection reports to it, and uses its settings.
 *
 * The maker of a connection passes its owner. A connection calls nothing else upward. After it has
 * departed it has no owner: it stays readable while it is held, and uses neither owner nor loop.
 */
#ifndef LC_OWNER_H
#define LC_OWNER_H

#include "lastcall.h"

typedef struct lc_owner lc_owner;
struct lc_owner {
  const lc_transport *transport; /* of every connection */
  const lc_protocol *protocol;   /* likewise */
  const lc_settings *settings;   /* of connections that have none of their own */
  const lc_drain_options *drain; /* only `quiet` counts here */
  int is_leaving;                /* it has been told to end, or its process has */
  lc_step step;                  /* the step of its ladder */
  lc_step reached;               /* the walk of this step has reached all connections */
  int tells_late;                /* from STOP on, bytes that no handler receives are counted */

  /* The transport of a connection is open: the owner may let the embedder hear of an unheard
   * one. */
  void (*opened)(lc_conn *conn);
  void (*unopened)(lc_conn *conn,
                   int code); /* or it has failed; the connection ends with the code */
  void (*moved)(lc_conn *conn, lc_state from, lc_state to, const char *cause);
  void (*ready)(lc_conn *conn, unsigned what); /* from a turn of the loop only */
  /* the embedder may ask the peer for a sign of life */
  void (*heartbeat)(lc_conn *conn);
  /* From DRAIN on. look_at: when the owner wants to look at the connection; LC_NEVER: only after an
   * event. look: that time has come. */
  lc_time (*look_at)(lc_conn *conn);
  void (*look)(lc_conn *conn);
  /* Called once each, in this order. ended: the descriptor ends now. closed: called later, from a
   * turn. departed: the tasks have ended, too, and the owner drops its reference. */
  void (*ended)(lc_conn *conn, int by_reset);
  void (*closed)(lc_conn *conn);
  void (*departed)(lc_conn *conn);
};

#endif
