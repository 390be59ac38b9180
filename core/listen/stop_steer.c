/* stop_steer.c - stops a member of a SO_REUSEPORT group: new clients are steered to the others, and
 * the member is hidden and settles.
 *
 * The kernel still gives clients to a hidden member, and their SYNs get no answer. Another member
 * serves them when they repeat the SYN, a second later. Steering avoids that where our place in the
 * group is known. The program outlives its author, so it is detached just before close(), while we
 * are hidden: a client that the kernel gives to us in between is late, but not lost.
 *
 * Where we cannot be hidden, clients are steered all the same. Then it is not known whether a
 * client is lost: in spite of the program the kernel gives clients to us when no other member is
 * left, or when our place is not the one that we were told.
 */
#include "kernel/reuseport.h"
#include "listen/inside.h"

static int steer_suits(const lc_listener *listener) { return listener->group_size > 1; }

static int steer_begin(lc_listener *listener)
{
  int result = lc_reuseport_steer(listener->owner->loop->sys, listener->watch.fd, listener->place,
                                  listener->group_size);
  if (result < 0) return result; /* clients reach the others in the end, but late */
  result = lc_listener_hide(listener);
  if (result < 0) lc_listener_not_known(listener, "stop degraded", result);
  return lc_settle_begin(listener);
}

static void steer_end(lc_listener *listener)
{
  int result = -EOPNOTSUPP; /* without the program we would get clients again, and reset them */
  if (listener->is_hidden)
    result = lc_reuseport_release(listener->owner->loop->sys, listener->watch.fd);
  if (result < 0) /* another member must detach it, or one of them may get no clients */
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
