/* check_ws.c - what a client of WebSocket must find when it has seen a clean end: a Close before it, and all of its
 * messages with the handler that had come before our FIN.
 */
#include "run.h"

/* A pong for which there is no room is left out. */
static int is_exact(const run *in)
{
  return check_is_easy(in) && !in->plan->allocation &&
         in->plan->server.settings.max_queue >= RUN_BYTES;
}

void check_ws(const run *in, const client *c)
{
  run *noted = c->in;
  const handler *h = check_handler_of(in, c);
  if (!h || c->end != SAW_EOF || h->is_cut_short) return;
  if (!c->ws.code) run_fail(noted, "client %u saw a clean end without Close", c->index);
  if (c->ws.left || c->ws.length)
    run_fail(noted, "client %u saw a clean end amid a frame", c->index);
  if (c->ws.pongs < c->answered && is_exact(in))
    run_fail(noted, "client %u: %u answers, and only %u pongs", c->index, c->answered, c->ws.pongs);
  if (h->leaves_early || in->cancel_at) return;
  int is_between;
  unsigned came = ws_client_whole(c, h->at_close.came_before_fin, &is_between);
  if (h->expected < came)
    run_fail(noted, "client %u: %u of its messages had come before our FIN, %u are handed over",
             c->index, came, h->expected);
}
