/* tell.c - notices of a listener, and whether its stop is known to lose no client. */
#include "listen/inside.h"

void lc_listener_tell(lc_listener *listener, const char *event, int code)
{
  lc_listen_owner *owner = listener->owner;
  owner->calls->notice(owner, (lc_notice){.event = event, .code = code}, &listener->address);
}

void lc_listener_not_lossless(lc_listener *listener, const char *event, int code)
{
  listener->lossless = listener->is_unknown = 0;
  listener->owner->calls->lossy(listener->owner);
  lc_listener_tell(listener, event, code);
}

void lc_listener_lost_client(lc_listen_owner *owner, unsigned number)
{
  lc_listener *listener = NULL;
  do listener = lc_listener_next(owner, listener);
  while (listener && listener->number != number);
  if (!listener) owner->calls->lossy(owner); /* it has been forgotten */
  else if (listener->lossless || listener->is_unknown)
    lc_listener_not_lossless(listener, "client not accepted", 0);
}

void lc_listener_not_known(lc_listener *listener, const char *event, int code)
{
  int is_unknown = listener->lossless || listener->is_unknown;
  lc_listener_not_lossless(listener, event, code);
  listener->is_unknown = is_unknown;
}
