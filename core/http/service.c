/* service.c - an HTTP service: its options, and what its connections share. */
#include <stdlib.h>
#include <string.h>

#include "http/arrival.h"
#include "http/inside.h"

void lc_http_options_init(lc_http_options *options)
{
  *options = (lc_http_options){.head_timeout = 10 * LC_SECOND,
                               .body_timeout = 30 * LC_SECOND,
                               .body_rate = 240,
                               .max_body = 16u << 20,
                               .max_head = LC_HTTP_MAX_HEAD,
                               .max_fields = LC_HTTP_MAX_FIELDS,
                               .ready_path = ""};
}

/* There is a zero byte behind, and memory also for nothing. */
static void *copy_of(const void *from, size_t size)
{
  char *copy = calloc(size + 1, 1);
  if (copy && size) memcpy(copy, from, size);
  return copy;
}

lc_http_service *lc_http_service_new(const lc_http_options *options)
{
  lc_http_service *service = calloc(1, sizeof *service);
  if (!service) return NULL;
  if (options) service->options = *options;
  else lc_http_options_init(&service->options);
  const char *path = service->options.ready_path;
  service->ready_length = path ? strlen(path) : 0;
  service->ready_path = copy_of(path, service->ready_length);
  size_t size = service->options.trusted_count * sizeof *service->trusted;
  service->trusted = copy_of(service->options.trusted, size);
  if (!service->ready_path || !service->trusted) {
    free(service->ready_path);
    free(service->trusted);
    free(service);
    return NULL;
  }
  service->options.ready_path = service->ready_path;
  service->options.trusted = service->trusted;
  service->date_of = service->date_at = -1;
  lc_http_arrival_init(&service->own);
  return service;
}

void lc_http_service_free(lc_http_service *service)
{
  if (!service) return;
  service->is_over = 1;
  lc_http_exchanges_end(service);
}

const lc_protocol *lc_http_service_protocol(const lc_http_service *service)
{
  return &service->own;
}

uint32_t lc_http_service_in_flight(const lc_http_service *service) { return service->in_flight; }
uint64_t lc_http_service_served(const lc_http_service *service) { return service->served; }
uint64_t lc_http_service_failed(const lc_http_service *service) { return service->failed; }
