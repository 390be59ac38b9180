/* lookout.h - counts the handshakes under way, for all listeners of a loop that settle.
 *
 * A look makes the kernel walk its table of all connections, which takes milliseconds. So one look
 * answers for all listeners that ask within a turn, and a thread makes it.
 */
#ifndef LC_LOOKOUT_H
#define LC_LOOKOUT_H

#include "listen/listener.h"

/* Asks for the next look. The answer is put into the listener (`is_answered`) later, and its timer
 * is due then. Returns 0 or -ENOMEM. */
int lc_lookout_ask(lc_listener *listener);
/* The listener gets no answer any more. */
void lc_lookout_leave(lc_listener *listener);

#endif
