/* walk.h - what a step of the ladder does to every connection.

 *
 *   reach   follows the ladder: all are told of the drain, then canceled, then reset. Each step's walk goes to its
 *           end before the next one's begins, though the ladder may be further by then
 *   visit   from the drain's walk on: closes those that are idle
 *   mark    `quiet` after the drain began: takes the marks
 *
 * A share ends with the turn's time for ladders; visits and marks also after some number, for each is a system call
 * or two. One connection is reached at least, and who walks first changes from turn to turn: so no walk starves.
 */
#ifndef LC_WALK_H
#define LC_WALK_H

#include "server/inside.h"

/* Every walk that is due goes on for its share of this turn. */
void lc_walk_on(lc_server *server);

#endif
