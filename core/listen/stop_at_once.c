/* stop_at_once.c - stops a listener by closing it: other processes accept from the shared
 * socket. */
#include "listen/inside.h"

static int at_once_suits(const lc_listener *listener) { return listener->is_shared; }

static int at_once_begin(lc_listener *listener)
{
  (void)listener;
  return LC_LISTENER_CLOSED;
}

const lc_stop_method lc_stop_at_once = {
  .name = "close", .is_lossless = 1, .suits = at_once_suits, .begin = at_once_begin};
