/* facts.c - what the owner can ask of a listener. */
#include <string.h>

#include "base/address.h"
#include "listen/inside.h"

lc_listener *lc_listener_next(const lc_listen_owner *owner, const lc_listener *listener)
{
  const lc_link *link = listener ? listener->in_owner.next : owner->listeners.next;
  return link == &owner->listeners ? NULL : LC_OWNER(link, lc_listener, in_owner);
}

int lc_listener_is_open(const lc_listener *listener) { return listener->state == LC_LISTENER_OPEN; }

int lc_listener_is_closed(const lc_listener *listener)
{
  return listener->state == LC_LISTENER_CLOSED;
}

int lc_listener_is_settled(const lc_listener *listener)
{
  return listener->state >= LC_LISTENER_EMPTYING;
}

lc_time lc_listener_closed_at(const lc_listener *listener)
{
  return listener->stop_began + listener->settled;
}

int lc_listener_fd(const lc_listener *listener)
{
  return listener->state == LC_LISTENER_CLOSED ? -1 : listener->watch.fd;
}

const lc_address *lc_listener_address(const lc_listener *listener) { return &listener->address; }

int lc_listener_is_bound_to(const lc_listener *listener, const lc_address *address)
{
  return lc_address_is_path(&listener->bound) &&
         strcmp(listener->bound.of.un.sun_path, address->of.un.sun_path) == 0;
}

void lc_listener_describe(const lc_listener *listener, lc_listener_report *report)
{
  *report = (lc_listener_report){.address = listener->address,
                                 .method = listener->method ? listener->method->name : NULL,
                                 .lossless = listener->lossless,
                                 .is_unknown = listener->is_unknown,
                                 .is_closed = listener->state == LC_LISTENER_CLOSED,
                                 .settled = listener->settled};
}
