/* stop_accept_close.c - a TCP listener that cannot be hidden: its queue is emptied, and handshakes
 * under way are reset when it closes. */
#include "kernel/hide.h"
#include "listen/inside.h"

static int accept_close_begin(lc_listener *listener)
{
  (void)listener;
  return LC_LISTENER_EMPTYING;
}

const lc_stop_method lc_stop_accept_close = {
  .name = LC_STOP_WITHOUT_HIDING, .has_handshakes = 1, .begin = accept_close_begin};
