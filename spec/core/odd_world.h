/* odd_world.h - a world whose server speaks over the odd transport, and peers that understand
 * it. */
#ifndef ODD_WORLD_H
#define ODD_WORLD_H

#include "odd_peer.h"
#include "world.h"

extern odd_transport odd; /* of the world that is set up */

/* For cmocka. At its end nothing is left of any connection's transport, and no memory. */
int odd_set_up(void **state);
int odd_tear_down(void **state);

#define ODD_TEST(name) cmocka_unit_test_setup_teardown(name, odd_set_up, odd_tear_down)

#define PUMP_UNTIL(w, peer, condition) TURN_UNTIL(w, (odd_peer_pump(peer), (condition)))

odd_peer *odd_come(world *w);              /* connected, and has not said a word */
seen *odd_meet(world *w, odd_peer **peer); /* one that the server has heard of */
/* Likewise, and it waits for what the peer says next. */
seen *odd_meet_waiting(world *w, odd_peer **peer, lc_wait wait);
void odd_buffer_little(seen *one);
/* Until the kernel is full, and stays so, for the peer does not listen; how much it took. */
size_t odd_fill_up(world *w, seen *one, odd_peer *peer);
void odd_finish_sending(odd_peer *peer); /* the last word, and the FIN */
/* Until the server has let go of all connections; frees the peer. */
void odd_until_gone(world *w, odd_peer *peer);

#endif
