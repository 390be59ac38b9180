/* state.h - the states of a connection, and its references.
 *
 * lastcall/state.h draws them. What moves a connection:
 *
 *   new -> active       bytes arrive, a connect begins
 *   new -> idle         the server has greeted the peer, and waits
 *   active <-> idle     activity.c: a unit of work is over, the next one has come
 *   any -> closing      lc_conn_close, _finish, _dismiss; a limit; the ladder
 *   closing -> closed   closing.c: FIN acknowledged and seen, a bound reached, a failure
 *   any -> closed       release.c: an abort, a reset, a detach
 *
 * A job tells the owner once that the connection is closed. The connection departs when its tasks
 * have ended too.
 */
#ifndef LC_STATE_H
#define LC_STATE_H

#include "conn/inside.h"

/* Whether a connection may go from one state to the other. */
int lc_state_may_move(lc_state from, lc_state to);
void lc_conn_move(lc_conn *conn, lc_state to, const char *cause);
void lc_conn_tell(lc_conn *conn, unsigned what); /* calls `ready` later, from a job */

#endif
