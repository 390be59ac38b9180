/* server/by_hand.h - servers from which only LuaSocket's accept takes clients.
 *
 * When the ladder has ended their listeners, accept has no more clients to give. A script that is
 * told so may end, or fail, and then it serves no client any more. So it is told only when it has
 * no client left to serve: when each of these servers has given out its last client and all of
 * these clients are closing, or at the step cancel.
 */
#ifndef LC_BINDING_SERVER_BY_HAND_H
#define LC_BINDING_SERVER_BY_HAND_H

#include "server/box.h"

/* A run does not wait for the server, because only tasks accept from it. */
void by_hand_add(server_box *box);
/* The server is collected. */
void by_hand_remove(server_box *box);
int by_hand_is_over(const runtime *rt);
/* A listener or a connection of the server has ended, or the server's ladder has climbed. If the
 * script has nothing left to serve, wakes the tasks that accept or select. */
void by_hand_changed(const server_box *box);
/* No code is left that could accept from it: clients that still wait are lost. */
void by_hand_desert(server_box *box);
/* No code is left that could accept or serve: closes what the script has left open, as the end of a
 * script would. */
void by_hand_abandon(const runtime *rt);

#endif
