/* stop_steer.c - one of a SO_REUSEPORT group: its new clients are steered to the others, and it is hidden and settles.
 *
 * A hidden member of a group is still dealt clients, whose SYNs come to nothing. Another member serves them when
 * they repeat the SYN, a second later. Hence steering, where our place is known. The program outlives its author, so
 * it is taken away just before close(), while we are hidden: a client dealt to us in between is late and not lost.
 *
 * Where we cannot be hidden, clients are steered all the same. It is not known then whether somebody was lost: the kernel
 * deals clients to us in spite of the program when no other member is left, or our place is another than we were told.
 */
#include "kernel/reuseport.h"
#include "listen/inside.h"

static int steer_suits(const lc_listener *listener) { return listener->group_size > 1; }

static int steer_begin(lc_listener *listener)
{
  int result = lc_reuseport_steer(listener->owner->loop->sys, listener->watch.fd, listener->place,
                                  listener->group_size);
  if (result < 0) return result; /* clients find the others in the end, but late */
  result = lc_listener_hide(listener);
  if (result < 0) lc_listener_not_known(listener, "stop degraded", result);
  return lc_settle_begin(listener);
}

static void steer_end(lc_listener *listener)
{
  int result = -EOPNOTSUPP; /* we would be dealt clients again, and reset them */
  if (listener->is_hidden)
    result = lc_reuseport_release(listener->owner->loop->sys, listener->watch.fd);
  if (result < 0) /* another member must, or one of them may get no clients */
    lc_listener_tell(listener, "group still steered", result);
}

const lc_stop_method lc_stop_steer = {.name = "steer",
                                      .is_lossless = 1,
                                      .has_handshakes = 1,
                                      .suits = steer_suits,
                                      .begin = steer_begin,
                                      .refused = "stop not steered",
                                      .due = lc_settle_due,
                                      .end = steer_end};
