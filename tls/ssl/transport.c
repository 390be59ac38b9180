/* transport.c - the table of functions that the core calls. */
#include "ssl/transport.h"

#include <openssl/err.h>
#include <string.h>

#include "ssl/opening.h"
#include "ssl/reason.h"
#include "ssl/wire.h"

enum { RECORD = 16 * 1024 }; /* the most that a record carries */
enum { ALERT_MOST = 80 };    /* bytes of a record with an alert, whatever the cipher */
enum { TYPE_ALERT = 21, TYPE_DATA = 23, ALERT_OF_1_3 = 19 };

/* --------------------------------------------------------------------- life -- */

static int begin(const lc_transport *table, int is_outbound, void **made)
{
  tls_transport *transport = (tls_transport *)(uintptr_t)table;
  tls_state *state = OPENSSL_zalloc(sizeof *state);
  if (!state) return -ENOMEM;
  transport->users++;
  state->transport = transport;
  state->config = tls_config_hold(transport->config);
  state->tickets = tls_config_tickets(state->config);
  state->is_outbound = is_outbound ? 1 : 0;
  *made = state;
  return 0;
}

static void end(void *made)
{
  tls_state *state = made;
  SSL_free(state->ssl);
  tls_wire_free(state);
  tls_config_drop(state->config);
  tls_transport_drop(state->transport);
  OPENSSL_free(state);
}

static const char *explain(const void *made)
{
  const tls_state *state = made;
  return state->reason;
}

/* ---------------------------------------------------------------- receiving -- */

static ssize_t take(tls_state *state, void *into, size_t room)
{
  if (state->broken) return state->broken;
  ERR_clear_error();
  int most = room < INT16_MAX ? (int)room : INT16_MAX;
  int got = SSL_read(state->ssl, into, most);
  if (got > 0) return got;
  switch (SSL_get_error(state->ssl, got)) {
    case SSL_ERROR_ZERO_RETURN: return 0;
    case SSL_ERROR_WANT_READ:
      if (!state->has_fin) return LC_AGAIN;
      state->reason = "the peer finished without a close_notify";
      return LC_TRUNCATED;
    default: return state->broken = tls_reason_of(state);
  }
}

/* OpenSSL may answer by itself while it reads (a new key): that has to be sent, too. */
static ssize_t receive(lc_line *line, void *into, size_t room)
{
  tls_state *state = line->state;
  tls_wire_begin(state, line);
  int sent = tls_wire_flush(state);
  ssize_t got = take(state, into, room);
  if (got == LC_AGAIN && tls_wire_kept(state)) line->wants |= LC_POLL_OUT;
  line->has_all = got > 0 && tls_wire_is_empty(state);
  if (sent < 0 && sent != LC_AGAIN && got == LC_AGAIN) got = sent;
  tls_wire_end(state);
  return got;
}

/* A close_notify asks for no answer, so it does not count as unread. In TLS 1.3 it looks like two
 * bytes of data until it is decrypted. Two bytes alone, as the last that a peer sends, are taken
 * for one. */
static int is_alert_alone(const tls_state *state, const lc_line *line, int count)
{
  unsigned char head[5];
  ssize_t got;
  if (count > ALERT_MOST) return 0;
  LC_RETRY(got, line->sys->recv(line->sys, line->fd, head, sizeof head, MSG_PEEK));
  if (got < (ssize_t)sizeof head) return 0;
  int length = head[3] << 8 | head[4];
  if (count != length + (int)sizeof head) return 0;
  if (head[0] == TYPE_ALERT) return 1;
  return head[0] == TYPE_DATA && length == ALERT_OF_1_3 &&
         SSL_version(state->ssl) == TLS1_3_VERSION;
}

static int unread(lc_line *line)
{
  const tls_state *state = line->state;
  int count = state->has_fin ? 0 : line->sys->unread(line->sys, line->fd);
  if (count < 0) return count;
  if (!state->is_open) return count;
  if (SSL_get_shutdown(state->ssl) & SSL_RECEIVED_SHUTDOWN) return SSL_pending(state->ssl);
  size_t held = tls_wire_has_record(state) ? state->in_end - state->in_start : 0;
  if (count && !held && is_alert_alone(state, line, count)) count = 0;
  return count + (int)held + SSL_pending(state->ssl);
}

/* ------------------------------------------------------------------ sending -- */

/* Where the pieces go on. */
typedef struct place {
  const struct iovec *piece;
  const struct iovec *end;
  size_t skip;
} place;

/* Fills a record. Bytes that lie together are taken from where they are. */
static const char *next_record(place *at, char *record, size_t *length)
{
  size_t filled = 0;
  while (at->piece < at->end && at->skip == at->piece->iov_len) {
    at->piece++;
    at->skip = 0;
  }
  size_t here = at->piece < at->end ? at->piece->iov_len - at->skip : 0;
  if (here >= RECORD || at->piece + 1 >= at->end) {
    const char *from = here ? (const char *)at->piece->iov_base + at->skip : NULL;
    *length = here < RECORD ? here : RECORD;
    at->skip += *length;
    return from;
  }
  for (; at->piece < at->end && filled < RECORD; at->piece++, at->skip = 0) {
    here = at->piece->iov_len - at->skip;
    size_t size = here < RECORD - filled ? here : RECORD - filled;
    if (size) memcpy(record + filled, (const char *)at->piece->iov_base + at->skip, size);
    filled += size;
    at->skip += size;
    if (size < here) break;
  }
  *length = filled;
  return record;
}

static void give_ticket(tls_state *state)
{
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  if (state->has_ticket || state->is_outbound) return;
  state->has_ticket = 1;
  int is_wanted =
    SSL_version(state->ssl) == TLS1_3_VERSION && !(SSL_get_options(state->ssl) & SSL_OP_NO_TICKET);
  if (is_wanted) (void)SSL_new_session_ticket(state->ssl); /* without it the client has no ticket */
#else
  (void)state;
#endif
}

static ssize_t encrypt(tls_state *state, const struct iovec *pieces, int count)
{
  char record[RECORD];
  place at = {pieces, pieces + count, 0};
  size_t taken = 0, length;
  give_ticket(state);
  for (const char *from; (from = next_record(&at, record, &length)) && length; taken += length) {
    ERR_clear_error();
    int done = SSL_write(state->ssl, from, (int)length);
    if (done <= 0) {
      state->broken = tls_reason_of(state);
      return taken ? (ssize_t)taken : state->broken;
    }
    if (tls_wire_kept(state)) return (ssize_t)(taken + length);
  }
  /* OpenSSL 3.0 keeps its buffer for writing in spite of SSL_MODE_RELEASE_BUFFERS. */
  if (!SSL_has_pending(state->ssl)) SSL_free_buffers(state->ssl);
  return (ssize_t)taken;
}

/* Without memory in the middle of a record, the connection cannot go on: a part of the record is
 * out. */
static ssize_t lasting(tls_state *state, ssize_t result)
{
  if (result != -ENOMEM && result != -ENOBUFS) return result;
  state->reason = "there is not enough memory to encrypt";
  return state->broken = -EPROTO;
}

static ssize_t send_some(lc_line *line, const struct iovec *pieces, int count)
{
  tls_state *state = line->state;
  size_t total = 0;
  for (int i = 0; i < count; i++) total += pieces[i].iov_len;
  if (state->broken) return state->broken;
  tls_wire_begin(state, line);
  ssize_t result = tls_wire_flush(state);
  if (!result && total) result = encrypt(state, pieces, count);
  line->keeps = tls_wire_kept(state) > 0;
  line->has_received = 0; /* OpenSSL reads nothing here */
  tls_wire_end(state);
  if (result == LC_AGAIN && !total) return 0;
  return result < 0 && result != LC_AGAIN ? lasting(state, result) : result;
}

static int unacked(lc_line *line)
{
  const tls_state *state = line->state;
  int count = line->sys->unacked(line->sys, line->fd);
  return count < 0 ? count : count + (int)tls_wire_kept(state);
}

/* Our close_notify goes out once. The peer's is not awaited. */
static int finish(lc_line *line)
{
  tls_state *state = line->state;
  tls_wire_begin(state, line);
  int result = tls_wire_flush(state);
  if (!result && !state->has_said_last && !state->broken) {
    state->has_said_last = 1;
    ERR_clear_error();
    if (SSL_shutdown(state->ssl) < 0) ERR_clear_error();
    result = state->failure ? state->failure : tls_wire_flush(state);
  }
  line->has_received = 0;
  tls_wire_end(state);
  if (!result) LC_RETRY(result, line->sys->shutdown(line->sys, line->fd, SHUT_WR));
  return result;
}

/* -------------------------------------------------------------------- birth -- */

static const lc_transport TABLE = {.version = LC_TRANSPORT_VERSION,
                                   .name = "tls",
                                   .is_secret = 1,
                                   .begin = begin,
                                   .open = tls_open,
                                   .receive = receive,
                                   .send = send_some,
                                   .unread = unread,
                                   .unacked = unacked,
                                   .finish = finish,
                                   .explain = explain,
                                   .end = end};

tls_transport *tls_transport_new(tls_config *config, const char *host)
{
  tls_transport *transport = OPENSSL_zalloc(sizeof *transport);
  if (!transport) return NULL;
  transport->host = host ? OPENSSL_strdup(host) : NULL;
  if (host && !transport->host) {
    OPENSSL_free(transport);
    return NULL;
  }
  transport->table = TABLE;
  transport->users = 1;
  transport->config = tls_config_hold(config);
  return transport;
}

void tls_transport_reconfigure(tls_transport *transport, tls_config *config)
{
  tls_config *before = transport->config;
  transport->config = tls_config_hold(config);
  tls_config_drop(before);
}

void tls_transport_drop(tls_transport *transport)
{
  if (!transport || --transport->users) return;
  tls_config_drop(transport->config);
  OPENSSL_free(transport->host);
  OPENSSL_free(transport);
}
