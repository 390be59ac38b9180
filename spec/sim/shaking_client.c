/* shaking_client.c - the handshake of the toy transport: the client's side. */
#include "run.h"

static size_t flight_of(const client *c) { return c->in->plan->flight; }

int shaking_client_is_open(const client *c) { return !c->in->plan->shakes || c->shaken_at > 0; }

size_t shaking_client_says(const client *c, const char **bytes)
{
  size_t until = c->shake_got < flight_of(c) ? SHAKE_HELLO : SHAKE_HELLO + SHAKE_ANSWER;
  if (c->plan->stops && c->plan->stops < until) until = c->plan->stops;
  if (c->shake_said >= until) return 0;
  size_t size = until - c->shake_said;
  *bytes = shaking_bytes(c->shake_said, &size);
  return size;
}

void shaking_client_said(client *c, size_t size)
{
  c->shake_said += size;
  if (c->shake_said == SHAKE_HELLO + SHAKE_ANSWER)
    run_trace(c->in, "client %u: has said its part of the handshake", c->index);
}

static void is_open(client *c)
{
  client_is_open(c);
  run_trace(c->in, "client %u: the handshake is over", c->index);
  if (c->shake_said < SHAKE_HELLO + SHAKE_ANSWER)
    run_fail(c->in, "client %u has not finished its handshake, and the server has", c->index);
}

size_t shaking_client_takes(client *c, const char *bytes, size_t size)
{
  size_t all = shaking_overhead(c->in->plan), open = flight_of(c) + SHAKE_DONE, taken = 0;
  while (taken < size && c->shake_got < all) {
    size_t some = size - taken < all - c->shake_got ? size - taken : all - c->shake_got;
    const char *own = shaking_bytes(c->shake_got, &some);
    for (size_t i = 0; i < some; i++)
      if (bytes[taken + i] != own[i]) {
        run_fail(c->in, "client %u: the bytes of the handshake are not its own", c->index);
        return size;
      }
    taken += some;
    c->shake_got += some;
    if (c->shake_got >= open && !c->shaken_at) is_open(c);
  }
  return taken;
}
