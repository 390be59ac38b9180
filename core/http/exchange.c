/* exchange.c - requests and their replies: made, held, and kept for the next. */
#include <stdlib.h>
#include <string.h>

#include "http/inside.h"

const char lc_http_name[] = "http";

/* Exchanges that wait for their next request, and the memory that each of them keeps. */
enum { POOLED_MOST = 256, KEPT_MOST = 4096 };

static void free_exchange(lc_http_exchange *x)
{
  lc_http_service *service = x->service;
  service->exchanges--;
  free(x->bytes);
  free(x->out.bytes);
  free(x);
}

/* A service that is over is freed with its last exchange. */
static void free_when_over(lc_http_service *service)
{
  if (!service->is_over || service->exchanges) return;
  free(service->ready_path);
  free(service->trusted);
  free(service);
}

static lc_http_exchange *make_exchange(lc_http_service *service)
{
  size_t fields = 2 * (size_t)service->options.max_fields;
  lc_http_exchange *x = malloc(sizeof *x + fields * sizeof *x->fields);
  if (!x) return NULL;
  memset(x, 0, sizeof *x);
  x->service = service;
  service->exchanges++;
  return x;
}

/* What one use leaves to the next. */
static void reuse(lc_http_exchange *x)
{
  lc_http_service *service = x->service;
  char *bytes = x->bytes, *out = x->out.bytes;
  size_t room = x->room, out_room = x->out.room;
  memset(x, 0, sizeof *x);
  x->service = service;
  x->bytes = bytes;
  x->room = room;
  x->out.bytes = out;
  x->out.room = out_room;
}

lc_http_exchange *lc_http_exchange_begin(lc_http_service *service)
{
  lc_http_exchange *x = service->pool;
  if (x) {
    service->pool = x->next;
    service->pooled--;
    reuse(x);
  } else {
    x = make_exchange(service);
    if (!x) return NULL;
  }
  x->holds = 1;
  x->id = ++service->last_id;
  lc_http_head_init(&x->head, LC_HTTP_REQUEST, x->fields, service->options.max_fields);
  x->head.max_head = service->options.max_head;
  return x;
}

void lc_http_exchange_uncount(lc_http_exchange *x)
{
  if (!x->counted) return;
  x->service->in_flight--;
  x->service->served++;
  x->counted = 0;
}

void lc_http_hold(lc_http_exchange *x) { x->holds++; }

void lc_http_release(lc_http_exchange *x)
{
  lc_http_service *service = x->service;
  if (--x->holds) return;
  lc_http_exchange_uncount(x);
  int is_large = x->room > KEPT_MOST || x->out.room > KEPT_MOST;
  if (!is_large && !service->is_over && service->pooled < POOLED_MOST) {
    x->next = service->pool;
    service->pool = x;
    service->pooled++;
    return;
  }
  free_exchange(x);
  free_when_over(service);
}

void lc_http_exchanges_end(lc_http_service *service)
{
  while (service->pool) {
    lc_http_exchange *x = service->pool;
    service->pool = x->next;
    free_exchange(x);
  }
  free_when_over(service);
}

void lc_http_exchange_leave(lc_conn *conn)
{
  lc_http_exchange *x = conn->protocol_state;
  conn->protocol_state = NULL;
  if (x) lc_http_release(x);
}

lc_http_exchange *lc_http_exchange_of(const lc_conn *conn)
{
  if (!conn->owner || lc_protocol_of(conn)->name != lc_http_name) return NULL;
  lc_http_exchange *x = conn->protocol_state;
  return x && x->stage == LC_HTTP_STAGE_UNIT ? x : NULL;
}

uint64_t lc_http_exchange_id(const lc_http_exchange *x) { return x->id; }

const lc_http_head *lc_http_request(const lc_http_exchange *x, const char **bytes)
{
  *bytes = x->bytes;
  return &x->head;
}
