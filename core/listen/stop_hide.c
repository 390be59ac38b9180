/* stop_hide.c - stops a TCP listener: it is hidden, so that new clients are refused, and
 * settles. */
#include "kernel/hide.h"
#include "listen/inside.h"

int lc_listener_hide(lc_listener *listener)
{
  lc_loop *loop = listener->owner->loop;
  int result = lc_loop_features(loop)->hide_code;
  if (!result) result = lc_hide(loop->sys, listener->watch.fd);
  listener->is_hidden = result == 0;
  return result;
}

static int hide_begin(lc_listener *listener)
{
  int result = lc_listener_hide(listener);
  return result < 0 ? result : lc_settle_begin(listener);
}

const lc_stop_method lc_stop_hide = {.name = LC_STOP_BY_HIDING,
                                     .is_lossless = 1,
                                     .has_handshakes = 1,
                                     .begin = hide_begin,
                                     .due = lc_settle_due};
