/* check_http.c - what a client of HTTP must find when it has seen a clean end: by its replies, the
 * handler's calls, and the bytes that had come before our FIN.
 *
 * A server that leaves says so in its last reply. What comes nevertheless is counted as late.
 */
#include "http_words.h"
#include "run.h"

/* How many whole requests so many bytes of the client are. */
static unsigned whole_requests(const client *c, uint64_t bytes)
{
  unsigned count = 0;
  for (uint64_t size = 0; count < c->request; count++) {
    size += HTTP_WORDS_SIZE + client_asked(c, count)->body;
    if (size > bytes) break;
  }
  return count;
}

/* Each call of a handler has ended in a reply. Only the last one may be another than the handler's:
 * the library's own, with or without a call. */
static void check_calls(const client *c, const handler *h)
{
  unsigned most = c->answered + (c->http.otherwise ? 1 : 0);
  if (!http_client_is_between(c))
    run_fail(h->in, "client %u saw a clean end amid a reply", c->index);
  if (h->expected < c->answered || h->expected > most)
    run_fail(h->in, "client %u: %u calls of its handler, and %u replies", c->index, h->expected,
             c->answered + c->http.otherwise);
}

/* What had come before our FIN is answered or counted. A peer that has finished or a call that
 * takes time may have it otherwise; before the stop nothing is counted. */
static void check_unanswered(const client *c, const handler *h)
{
  const run *in = h->in;
  unsigned came = whole_requests(c, h->at_close.came_before_fin);
  unsigned replies = c->answered + c->http.otherwise;
  if (came <= replies || !h->was_leaving || h->at_close.fin_received) return;
  if (!h->is_late)
    run_fail(h->in,
             "client %u: %u of its requests had come before our FIN, %u are answered, and "
             "none is counted as late",
             c->index, came, replies);
  if (!c->http.is_last && !in->plan->cost && !in->plan->allocation)
    run_fail(h->in,
             "client %u: request %u had come before our FIN, and no reply was said to be "
             "the last",
             c->index, replies);
}

void check_http(const run *in, const client *c)
{
  const handler *h = check_handler_of(in, c);
  if (!h || c->end != SAW_EOF) return;
  check_calls(c, h);
  check_unanswered(c, h);
}
