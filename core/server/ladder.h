/* ladder.h - the ladder of one server.
 *
 *   serving ---> stop ---> drain ---> cancel ---> kill ---> done
 *            shutdown   at once    cancel_at    kill_at    nothing is left
 *                                                          (from any step on)
 *
 *   stop    every listener begins to stop; that goes on beside the next steps
 *   drain   idle connections are closed, the others finish
 *   cancel  the embedder cancels what still runs (without an embedder's `step`,
 *           connections are closed)
 *   kill    every connection left is reset; the embedder ends what still runs
 *   done    no listener, connection, or task of the server is left
 *
 * Steps only go forward. Whoever asks for a step sets how far the ladder is to
 * go; the job climbs, so that callbacks come from a turn, one step after the
 * other, whatever called for them. What a step does to every connection is a walk.
 */
#ifndef LC_LADDER_H
#define LC_LADDER_H

#include "server/inside.h"

int lc_ladder_open(lc_server *server); /* its timer: 0 or -ENOMEM */

#endif
