/* owner.h - whom a connection reports to, and by whose settings it goes.
 *
 * Whoever makes a connection hands this in. A connection calls nothing else upward. It is without an owner once it has
 * departed: what is still held of it stays readable, and touches neither owner nor loop any more.
 */
#ifndef LC_OWNER_H
#define LC_OWNER_H

#include "lastcall.h"

typedef struct lc_owner lc_owner;
struct lc_owner {
  const lc_transport *transport; /* of every connection */
  const lc_protocol *protocol;   /* likewise */
  const lc_settings *settings;   /* of every connection that has none of its own */
  const lc_drain_options *drain; /* `quiet` is what counts here */
  lc_step step;                  /* how far the owner's ladder has come */
  lc_step reached; /* all of its connections have been reached by the walk of this step */
  int tells_late;  /* bytes that no handler is given are to be counted from STOP on */

  void (*opened)(lc_conn *conn); /* the transport of an unheard one is open */
  void (*moved)(lc_conn *conn, lc_state from, lc_state to, const char *cause);
  void (*ready)(lc_conn *conn, unsigned what); /* from a turn of the loop only */
  void (*heartbeat)(lc_conn *conn);            /* the peer is to be asked for a sign of life */
  /* From DRAIN on: when the owner wants to look at the connection, LC_NEVER: not by itself; and that it is time. */
  lc_time (*look_at)(lc_conn *conn);
  void (*look)(lc_conn *conn);
  /* In this order, once each. The descriptor ends, now; its end has been reached, from a turn; its tasks have ended as
   * well, and the owner drops its reference. */
  void (*ended)(lc_conn *conn, int by_reset);
  void (*closed)(lc_conn *conn);
  void (*departed)(lc_conn *conn);
};

#endif
