/* state.h - the states of a connection, and who holds it.
 *
 *            bytes arrive,           a wait that counts as idle
 *             work begins           ------------------------->
 *      new -----------------> active                           idle
 *       |                        |  <-------------------------  |
 *       |   greeted, and waits   |         bytes, work          |
 *       |------------------------+----------------------------->|
 *       |  lc_conn_close,        |  lc_conn_close,              |  lc_conn_close,
 *       |  a limit, the ladder   |  a limit                     |  a limit, the ladder
 *       v                        v                              v
 *       `---------------------> closing <-----------------------'
 *                                |  FIN acknowledged and seen, a bound reached, a failure
 *                                v
 *      any -----------------> closed: descriptor gone, `closed` called once, from a job;
 *         abort, reset, detach        it departs when its tasks have ended too
 */
#ifndef LC_STATE_H
#define LC_STATE_H

#include "conn/inside.h"

/* Whether the diagram above has this move. */
int lc_state_may_move(lc_state from, lc_state to);
void lc_conn_move(lc_conn *conn, lc_state to, const char *cause);
void lc_conn_tell(lc_conn *conn, unsigned what); /* `ready`, from a job */

#endif
