/* walk.h - what a step of the ladder does to every connection.
 *
 *   reach   follows the ladder: every connection hears of the drain, then is canceled, then reset.
 *           The walk of a step ends before the next begins, though the ladder may be further then
 *   visit   after the walk of the drain: closes idle connections
 *   mark    `quiet` after the drain began: takes the marks
 *
 * A share of a walk ends with the turn's time for ladders. Visits and marks also end after a number
 * of connections, for each costs a system call or two. At least one connection is reached, and the
 * ladder that walks first changes from turn to turn. So no walk starves.
 */
#ifndef LC_WALK_H
#define LC_WALK_H

#include "server/inside.h"

/* Continues every walk that is due, for its share of this turn. */
void lc_walk_on(lc_server *server);

#endif
