/* heartbeat.h - signs of life asked of peers, for what the kernel cannot see: a host that
 * acknowledges for a program that has stopped.
 *
 *   quiet ---- interval without a byte ----> asked ---- timeout without a byte ----> lost
 *     ^                                        |
 *     `-------- any byte that arrives ---------'
 *
 * What arrives is not noted when it does: the connection's timer looks, every interval, whether
 * anything has. Bytes that nobody has read yet are a sign of life as well.
 */
#ifndef LC_HEARTBEAT_H
#define LC_HEARTBEAT_H

#include "conn/inside.h"

int lc_heartbeat_begin(lc_conn *conn); /* its clock starts, if it is on: 0 or -ENOMEM */
lc_time lc_heartbeat_at(const lc_conn *conn);
void lc_heartbeat_due(lc_conn *conn, lc_time now);

#endif
