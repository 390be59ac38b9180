/* http_client.c - a client of HTTP that keeps its connection: what comes is cut into replies, and
 * what goes keeps pauses. */
#include <string.h>

#include "run.h"

/* --------------------------------------------------------------- replies -- */

static void next_reply(http_talk *talk)
{
  lc_http_head_init(&talk->head, LC_HTTP_RESPONSE, talk->fields, HTTP_FIELDS);
  talk->length = 0;
}

static void reply_begins(client *c)
{
  http_talk *talk = &c->http;
  if (talk->is_last)
    run_fail(c->in, "client %u got a reply behind the one that was to be the last", c->index);
  talk->status = talk->head.status;
  talk->left = talk->head.content_length;
  talk->is_last = !talk->head.persists;
  run_trace(c->in, "client %u: reply %u%s", c->index, talk->status,
            talk->is_last ? ", the last" : "");
  if (talk->head.body != LC_HTTP_SIZED || !talk->left)
    run_fail(c->in, "client %u got a reply without a body", c->index);
  next_reply(talk);
}

/* Both return how many of the bytes they have taken. */
static size_t take_head(client *c, const char *bytes, size_t size)
{
  http_talk *talk = &c->http;
  size_t before = talk->length, room = sizeof talk->text - before;
  size_t some = size < room ? size : room;
  if (!before) next_reply(talk);
  memcpy(talk->text + before, bytes, some);
  talk->length += (unsigned)some;
  ssize_t whole = lc_http_head_read(&talk->head, talk->text, talk->length);
  if (whole == LC_AGAIN && some) return some;
  if (whole < 0) {
    run_fail(c->in, "client %u: what came is no reply", c->index);
    return size;
  }
  reply_begins(c);
  return (size_t)whole - before;
}

static size_t take_body(client *c, const char *bytes, size_t size)
{
  http_talk *talk = &c->http;
  size_t some = talk->left < size ? (size_t)talk->left : size;
  talk->left -= some;
  if (talk->status == 200) client_takes(c, bytes, some);
  else if (!talk->left) talk->otherwise++;
  return some;
}

void http_client_takes(client *c, const char *bytes, size_t size)
{
  while (size && !c->in->failure[0]) {
    size_t some = c->http.left ? take_body(c, bytes, size) : take_head(c, bytes, size);
    bytes += some;
    size -= some;
  }
}

int http_client_is_between(const client *c) { return !c->http.left && !c->http.length; }

/* --------------------------------------------------------------- pauses -- */

/* Exponential, with lines between the powers of two; the plan has the mean. */
lc_time http_client_pause(const client *c)
{
  sim_kernel *kernel = c->in->kernel;
  lc_time half = c->plan->think * 7 / 10;
  lc_time pause = (lc_time)sim_random(kernel, (uint64_t)half + 1);
  while (pause < 8 * half && sim_random(kernel, 2)) pause += half;
  return pause;
}
