/* ladder.h - the ladder of one server.
 *
 *   serving ---> stop ---> drain ---> cancel ---> kill ---> done
 *            shutdown   at once    cancel_at    kill_at    nothing is left
 *                                                          (from any step on)
 *
 *   stop    every listener begins to stop, and goes on with that during the next steps
 *   drain   idle connections are closed, the others finish
 *   cancel  connections are closed (with closes_at_cancel 0 the embedder ends its
 *           own work)
 *   kill    every connection left is reset; the embedder ends its own work
 *   done    no listener, connection, or task of the server is left
 *
 * Steps only go forward. A request for a step only notes how far the ladder is to
 * go. The job climbs there step by step, so callbacks always come from a turn. What
 * a step does to every connection is a walk.
 */
#ifndef LC_LADDER_H
#define LC_LADDER_H

#include "server/inside.h"

int lc_ladder_open(lc_server *server); /* opens its timer: 0 or -ENOMEM */

#endif
