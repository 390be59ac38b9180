/* heartbeat.h - asks a peer for signs of life. The kernel cannot see that the peer's program has
 * stopped, for the peer's host still acknowledges.
 *
 *   quiet ---- interval without a byte ----> asked ---- timeout without a byte ----> lost
 *     ^                                        |
 *     `-------- any byte that arrives ---------'
 *
 * Receiving costs nothing more: the connection's timer looks, every interval, whether bytes have
 * arrived. Bytes that wait to be read are a sign of life, too.
 */
#ifndef LC_HEARTBEAT_H
#define LC_HEARTBEAT_H

#include "conn/inside.h"

int lc_heartbeat_begin(lc_conn *conn); /* starts the interval, if heartbeats are on: 0 or -ENOMEM */
lc_time lc_heartbeat_at(const lc_conn *conn);
void lc_heartbeat_due(lc_conn *conn, lc_time now);

#endif
