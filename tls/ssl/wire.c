/* wire.c - the encrypted bytes, between OpenSSL and the kernel. */
#include "ssl/wire.h"

#include <errno.h>
#include <openssl/bio.h>
#include <string.h>

#include "ssl/config.h"

enum { RECORD_HEAD = 5 };

static BIO_METHOD *method;

/* ------------------------------------------------------------------ sending -- */

int tls_lacks_memory(lc_line *line, ssize_t result)
{
  if (result != -ENOMEM && result != -ENOBUFS) return 0;
  line->lacks_memory = 1;
  return 1;
}

size_t tls_wire_kept(const tls_state *state) { return state->out_end - state->out_start; }

/* Returns how many bytes the kernel took, or a code. */
static ssize_t push(tls_state *state, const char *data, size_t length)
{
  lc_line *line = state->line;
  struct iovec piece = {(void *)(uintptr_t)data, length};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
  ssize_t sent;
  LC_RETRY(sent, line->sys->sendmsg(line->sys, line->fd, &message, MSG_NOSIGNAL));
  return sent == -EAGAIN || tls_lacks_memory(line, sent) ? 0 : sent;
}

static int keep(tls_state *state, const char *data, size_t length)
{
  if (state->out_end + length > state->out_room) {
    size_t room = state->out_end + length;
    char *out = OPENSSL_realloc(state->out, room);
    if (!out) return -ENOMEM;
    state->out = out;
    state->out_room = room;
  }
  memcpy(state->out + state->out_end, data, length);
  state->out_end += length;
  return 0;
}

int tls_wire_flush(tls_state *state)
{
  while (tls_wire_kept(state)) {
    ssize_t sent = push(state, state->out + state->out_start, tls_wire_kept(state));
    if (sent < 0) return (int)sent;
    if (sent == 0) return LC_AGAIN;
    state->out_start += (size_t)sent;
  }
  OPENSSL_free(state->out);
  state->out = NULL;
  state->out_start = state->out_end = state->out_room = 0;
  return 0;
}

static int bio_write(BIO *bio, const char *data, int length)
{
  tls_state *state = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (length <= 0) return 0;
  if (state->failure) return -1;
  size_t total = (size_t)length;
  ssize_t sent = tls_wire_kept(state) ? 0 : push(state, data, total);
  if (sent < 0) state->failure = (int)sent;
  else if ((size_t)sent < total) state->failure = keep(state, data + sent, total - (size_t)sent);
  return state->failure ? -1 : length;
}

/* ---------------------------------------------------------------- receiving -- */

static size_t left(const tls_state *state) { return state->in_end - state->in_start; }

/* Returns 1 when there are bytes, else 0. */
static int fetch(tls_state *state)
{
  lc_line *line = state->line;
  ssize_t got;
  if (left(state)) return 1;
  if (state->has_fin || state->failure) return 0;
  state->in = tls_config_input(state->config);
  LC_RETRY(got, line->sys->recv(line->sys, line->fd, state->in, TLS_INPUT, 0));
  if (got == -EAGAIN) return 0;
  if (!state->is_open && tls_lacks_memory(line, got)) return 0;
  if (got < 0) state->failure = (int)got;
  if (got == 0) state->has_fin = 1;
  if (got <= 0) return 0;
  line->has_received = 1;
  state->in_start = 0;
  state->in_end = (size_t)got;
  state->was_short = got < TLS_INPUT;
  return 1;
}

static int bio_read(BIO *bio, char *into, int room)
{
  tls_state *state = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (room <= 0) return 0;
  if (!fetch(state)) {
    if (!state->failure) BIO_set_retry_read(bio);
    return -1;
  }
  size_t size = left(state) < (size_t)room ? left(state) : (size_t)room;
  memcpy(into, state->in + state->in_start, size);
  state->in_start += size;
  return (int)size;
}

/* Bytes that were received are lost. */
static void lose(tls_state *state)
{
  state->broken = state->is_open ? -EPROTO : LC_HANDSHAKE;
  state->reason = "there is not enough memory to receive";
}

/* Other connections receive into the same buffer, so the bytes that OpenSSL has left move out of
 * it. */
static void hold(tls_state *state)
{
  if (!left(state)) {
    OPENSSL_free(state->held);
    state->held = state->in = NULL;
    state->in_start = state->in_end = 0;
    return;
  }
  if (state->in == state->held) return;
  char *held = OPENSSL_malloc(left(state));
  if (held) memcpy(held, state->in + state->in_start, left(state));
  else lose(state);
  OPENSSL_free(state->held);
  state->held = state->in = held;
  state->in_end = held ? left(state) : 0;
  state->in_start = 0;
}

int tls_wire_is_empty(const tls_state *state)
{
  return state->was_short && !left(state) && !SSL_pending(state->ssl);
}

int tls_wire_has_record(const tls_state *state)
{
  if (left(state) < RECORD_HEAD) return 0;
  const unsigned char *head = (const unsigned char *)state->in + state->in_start;
  return left(state) >= RECORD_HEAD + (size_t)(head[3] << 8 | head[4]);
}

/* -------------------------------------------------------------------- a BIO -- */

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
  (void)bio;
  (void)number;
  (void)pointer;
  return command == BIO_CTRL_FLUSH;
}

int tls_wire_init(void)
{
  if (method) return 0;
  int index = BIO_get_new_index();
  BIO_METHOD *made = index < 0 ? NULL : BIO_meth_new(index | BIO_TYPE_SOURCE_SINK, "lastcall");
  if (!made) return -1;
  if (!BIO_meth_set_write(made, bio_write) || !BIO_meth_set_read(made, bio_read) ||
      !BIO_meth_set_ctrl(made, bio_control)) {
    BIO_meth_free(made);
    return -1;
  }
  method = made;
  return 0;
}

int tls_wire_attach(tls_state *state)
{
  BIO *bio = BIO_new(method);
  if (!bio) return -1;
  BIO_set_data(bio, state);
  BIO_set_init(bio, 1);
  SSL_set_bio(state->ssl, bio, bio);
  return 0;
}

void tls_wire_begin(tls_state *state, lc_line *line)
{
  state->line = line;
  state->failure = 0;
  state->was_short = 0;
}

void tls_wire_end(tls_state *state)
{
  hold(state);
  state->line = NULL;
}

void tls_wire_free(tls_state *state)
{
  OPENSSL_free(state->held);
  OPENSSL_free(state->out);
}
