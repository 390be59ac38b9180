/* client.c - where a request comes from, when a proxy that is trusted has passed it on.
 *
 * Each proxy appends the address of its own peer to X-Forwarded-For. So the list is read from its
 * end, and one entry further only while the address in hand is trusted: what stands before may have
 * been written by anybody. */
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "http/inside.h"

/* More proxies than anybody has in a row: each look at an entry goes over the whole list. */
enum { BELIEVED_MOST = 32 };

static const char FOR[] = "X-Forwarded-For", PROTO[] = "X-Forwarded-Proto";

static int is_trusted(const lc_http_service *service, const lc_address *address)
{
  for (size_t i = 0; i < service->options.trusted_count; i++)
    if (lc_network_has(&service->trusted[i], address)) return 1;
  return 0;
}

/* ---------------------------------------------------------------- one entry -- */

static lc_slice trimmed(const char *from, const char *to)
{
  while (from < to && (*from == ' ' || *from == '\t')) from++;
  while (to > from && (to[-1] == ' ' || to[-1] == '\t')) to--;
  return (lc_slice){from, (size_t)(to - from)};
}

/* "192.0.2.1", "2001:db8::1", and both with a port. -EINVAL for anything else, such as
 * "unknown". */
static int parse_address(const lc_slice *text, lc_address *address)
{
  char room[LC_HOST_MAX];
  lc_endpoint endpoint;
  const char *problem;
  if (text->length + 4 > sizeof room) return -EINVAL;
  if (lc_endpoint_parse(text->data, text->length, &endpoint, &problem) == 0 && endpoint.host[0])
    return lc_endpoint_address(&endpoint, address);
  int is_bare6 = memchr(text->data, ':', text->length) && text->data[0] != '[';
  size_t length = 0;
  if (is_bare6) room[length++] = '[';
  memcpy(room + length, text->data, text->length);
  length += text->length;
  if (is_bare6) room[length++] = ']';
  memcpy(room + length, ":0", 2);
  length += 2;
  if (lc_endpoint_parse(room, length, &endpoint, &problem) < 0) return -EINVAL;
  return endpoint.is_unix || !endpoint.host[0] ? -EINVAL : lc_endpoint_address(&endpoint, address);
}

/* ---------------------------------------------------------------- the list -- */

/* How many entries the fields of a name have in all. */
static size_t count_entries(const lc_http_exchange *x, const char *name, size_t length)
{
  size_t count = 0;
  const lc_http_field *field = NULL;
  while ((field = lc_http_field_find(&x->head, x->bytes, name, length, field))) {
    const char *text = x->bytes + field->value.at;
    count++;
    for (uint32_t i = 0; i < field->value.length; i++) count += text[i] == ',';
  }
  return count;
}

/* The entry at `index`, from the first field's first. */
static lc_slice entry_at(const lc_http_exchange *x, const char *name, size_t length, size_t index)
{
  const lc_http_field *field = NULL;
  while ((field = lc_http_field_find(&x->head, x->bytes, name, length, field))) {
    const char *at = x->bytes + field->value.at, *end = at + field->value.length;
    for (;;) {
      const char *comma = memchr(at, ',', (size_t)(end - at));
      if (!index--) return trimmed(at, comma ? comma : end);
      if (!comma) break;
      at = comma + 1;
    }
  }
  return (lc_slice){"", 0};
}

/* Finds the client. Returns how many entries were believed. */
static size_t find_client(const lc_http_exchange *x, const lc_conn *conn, lc_address *client,
                          size_t count)
{
  size_t believed = 0;
  lc_conn_peer(conn, client);
  while (believed < count && believed < BELIEVED_MOST && is_trusted(x->service, client)) {
    lc_slice text = entry_at(x, FOR, sizeof FOR - 1, count - believed - 1);
    lc_address named;
    if (parse_address(&text, &named) < 0) break;
    *client = named;
    believed++;
  }
  return believed;
}

void lc_http_client(const lc_http_exchange *x, const lc_conn *conn, lc_address *client)
{
  find_client(x, conn, client,
              x->service->options.trusted_count ? count_entries(x, FOR, sizeof FOR - 1) : 0);
}

/* Each proxy may have appended what it knows, as to X-Forwarded-For: then the entry beside the
 * client's counts. Otherwise the last one, which the peer itself has written. */
const char *lc_http_scheme(const lc_http_exchange *x, const lc_conn *conn)
{
  lc_address peer, client;
  lc_conn_peer(conn, &peer);
  const char *own = lc_conn_is_secret(conn) ? "https" : "http";
  if (!is_trusted(x->service, &peer)) return own;
  size_t count = count_entries(x, PROTO, sizeof PROTO - 1);
  if (!count) return own;
  size_t index = count - 1;
  if (count > 1 && count == count_entries(x, FOR, sizeof FOR - 1)) {
    size_t believed = find_client(x, conn, &client, count);
    index = count - (believed ? believed : 1);
  }
  lc_slice text = entry_at(x, PROTO, sizeof PROTO - 1, index);
  return text.length == 5 && !strncasecmp(text.data, "https", 5) ? "https" : "http";
}
