/* fuzz_tls.c - a transport of TLS whose peer and kernel do what they like.
 *
 * The peer is a client of OpenSSL's whose bytes are cut into pieces, changed, left out or followed by
 * others; or there is none, and the input itself comes. In between the core's calls are made in any
 * order that it allows, and the kernel takes less than it is offered, or fails. Whatever happens, a
 * call returns what transport.h lets it return, and bytes that no one has changed arrive as they were
 * sent.
 */
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "fuzz.h"
#include "ssl/transport.h"
#include "ssl/wire.h"

enum { ROOM = 256 * 1024, STEPS = 200 };

typedef struct stream {
  uint8_t bytes[ROOM];
  size_t from, to;
  int has_end;
} stream;

static stream to_us, to_peer;
static int code_next; /* what the next call of the kernel fails with; 0: it does not */
static size_t most;   /* that the next calls of the kernel take or give */
static int is_touched;

static int trouble(void)
{
  int code = code_next;
  code_next = 0;
  return code;
}

static ssize_t fake_recv(const lc_sys *sys, int fd, void *into, size_t size, int flags)
{
  (void)sys, (void)fd;
  int code = trouble();
  size_t held = to_us.to - to_us.from;
  if (code) return code;
  if (!held) return to_us.has_end ? 0 : -EAGAIN;
  if (size > held) size = held;
  if (size > most) size = most;
  memcpy(into, to_us.bytes + to_us.from, size);
  if (!(flags & MSG_PEEK)) to_us.from += size;
  return (ssize_t)size;
}

static ssize_t fake_sendmsg(const lc_sys *sys, int fd, const struct msghdr *message, int flags)
{
  (void)sys, (void)fd, (void)flags;
  int code = trouble();
  size_t size = message->msg_iov[0].iov_len;
  if (code) return code;
  if (size > most) size = most;
  if (size > ROOM - to_peer.to) return -EAGAIN;
  memcpy(to_peer.bytes + to_peer.to, message->msg_iov[0].iov_base, size);
  to_peer.to += size;
  return size ? (ssize_t)size : -EAGAIN;
}

static int fake_unread(const lc_sys *sys, int fd)
{
  (void)sys, (void)fd;
  return (int)(to_us.to - to_us.from);
}

static int fake_unacked(const lc_sys *sys, int fd)
{
  (void)sys, (void)fd;
  return 0;
}

static int fake_shutdown(const lc_sys *sys, int fd, int how)
{
  (void)sys, (void)fd, (void)how;
  return trouble();
}

/* Now and then an hour passes: keys of tickets are replaced. */
static lc_time fake_now(const lc_sys *sys)
{
  static lc_time now = LC_SECOND;
  (void)sys;
  return now += to_us.to % 8 ? LC_SECOND : 3600 * LC_SECOND;
}

static const lc_sys SYS = {.now = fake_now,
                           .recv = fake_recv,
                           .sendmsg = fake_sendmsg,
                           .unread = fake_unread,
                           .unacked = fake_unacked,
                           .shutdown = fake_shutdown};

/* ----------------------------------------------------------------- both sides -- */

static tls_config *server;
static SSL_CTX *clients;

static void text_of(BIO *bio, tls_text *text)
{
  char *data;
  long length = BIO_get_mem_data(bio, &data);
  *text = (tls_text){data, (size_t)length};
}

static EVP_PKEY *new_key(void)
{
  EVP_PKEY *key = NULL;
  EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
  MUST(maker && EVP_PKEY_keygen_init(maker) == 1);
  MUST(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(maker, NID_X9_62_prime256v1) == 1);
  MUST(EVP_PKEY_keygen(maker, &key) == 1);
  EVP_PKEY_CTX_free(maker);
  return key;
}

/* A server with a certificate that nobody has signed, and clients that do not mind. */
static void set_up(void)
{
  tls_options options = {.min_version = TLS1_2_VERSION, .has_tickets = 1};
  tls_failure failure;
  EVP_PKEY *key = new_key();
  X509 *certificate = X509_new();
  BIO *key_text = BIO_new(BIO_s_mem()), *text = BIO_new(BIO_s_mem());
  X509_set_pubkey(certificate, key);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  MUST(X509_sign(certificate, key, EVP_sha256()));
  MUST(PEM_write_bio_X509(text, certificate));
  MUST(PEM_write_bio_PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL));
  text_of(text, &options.certificate);
  text_of(key_text, &options.key);
  MUST(tls_wire_init() == 0);
  server = tls_config_new(&options, &failure);
  MUST(server);
  clients = SSL_CTX_new(TLS_client_method());
  X509_free(certificate);
  EVP_PKEY_free(key);
  BIO_free(text);
  BIO_free(key_text);
}

/* What the client has to say goes to us, perhaps changed. */
static void deliver(BIO *from, fuzz_data *data)
{
  uint8_t bytes[4096];
  int got = BIO_read(from, bytes, sizeof bytes);
  if (got <= 0) return;
  unsigned change = fuzz_byte(data);
  size_t size = (size_t)got;
  if (change & 0x80) {
    bytes[(size_t)change * 37 % size] ^= (uint8_t)(1 + fuzz_byte(data) % 255);
    is_touched = 1;
  }
  if ((change & 0x60) == 0x60) {
    size = size * (change & 15) / 16;
    is_touched = 1;
  }
  if (size > ROOM - to_us.to) size = ROOM - to_us.to;
  memcpy(to_us.bytes + to_us.to, bytes, size);
  to_us.to += size;
}

/* ---------------------------------------------------------------------- a run -- */

typedef struct run {
  const lc_transport *table;
  void *state;
  int is_open, is_over, has_finished;
  size_t said, heard; /* bytes of the application, from the client */
} run;

static void must_be_fine(ssize_t result, size_t limit)
{
  MUST(result <= (ssize_t)limit);
  MUST(result >= INT16_MIN);
}

static void receive(run *r, lc_line *line)
{
  char into[3000];
  ssize_t got = r->table->receive(line, into, sizeof into);
  must_be_fine(got, sizeof into);
  if (got > 0 && !is_touched)
    for (ssize_t i = 0; i < got; i++) MUST(into[i] == (char)(r->heard + (size_t)i));
  if (got > 0) r->heard += (size_t)got;
  if (got < 0 && got != LC_AGAIN && got != LC_TRUNCATED) r->is_over = 1;
}

static void call(run *r, unsigned which, size_t size)
{
  static char words[40000];
  lc_line line = {.sys = &SYS, .fd = 3, .state = r->state};
  struct iovec pieces[] = {{words, size % 1000}, {words, size % sizeof words}};
  ssize_t result = 0;
  if (r->is_over) return;
  if (!r->is_open) {
    result = r->table->open(&line);
    must_be_fine(result, 0);
    r->is_open = result == 0;
    if (result < 0 && result != LC_AGAIN) r->is_over = 1;
    return;
  }
  switch (which % 4) {
    case 0: receive(r, &line); break;
    case 1:
      if (r->has_finished) break;
      result = r->table->send(&line, pieces, 2);
      must_be_fine(result, pieces[0].iov_len + pieces[1].iov_len);
      break;
    case 2: must_be_fine(r->table->unread(&line), ROOM * 2); break;
    default:
      r->has_finished = 1;
      result = r->table->finish(&line);
      must_be_fine(result, 0);
      break;
  }
  if (result < 0 && result != LC_AGAIN) r->is_over = 1;
}

static void speak(run *r, SSL *client, fuzz_data *data)
{
  char words[3000];
  if (SSL_do_handshake(client) != 1) return;
  size_t size = fuzz_size(data) % sizeof words;
  for (size_t i = 0; i < size; i++) words[i] = (char)(r->said + i);
  if (size && SSL_write(client, words, (int)size) > 0) r->said += size;
  while (SSL_read(client, words, sizeof words) > 0) continue;
}

static void step(run *r, SSL *client, fuzz_data *data)
{
  static const int codes[] = {-EAGAIN, -EINTR, -ECONNRESET, -ENOMEM, -ENOBUFS, -EIO};
  unsigned what = fuzz_byte(data);
  most = what & 0x40 ? ROOM : 1 + fuzz_size(data) % 700;
  if (what & 0x80) code_next = codes[what % 6];
  if (what % 16 == 15) to_us.has_end = 1;
  if (client) {
    BIO_write(SSL_get_rbio(client), to_peer.bytes + to_peer.from, (int)(to_peer.to - to_peer.from));
    speak(r, client, data);
    deliver(SSL_get_wbio(client), data);
  } else {
    size_t size = fuzz_size(data);
    if (size > data->left) size = data->left;
    if (size > ROOM - to_us.to) size = ROOM - to_us.to;
    memcpy(to_us.bytes + to_us.to, data->at, size);
    to_us.to += size;
    data->at += size;
    data->left -= size;
    is_touched = 1;
  }
  to_peer.from = to_peer.to = 0;
  call(r, what, fuzz_size(data));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  fuzz_data input = {data, size};
  run r = {0};
  if (!server) set_up();
  to_us = to_peer = (stream){.has_end = 0};
  code_next = is_touched = 0;
  unsigned how = fuzz_byte(&input);
  tls_transport *transport = tls_transport_new(server, NULL);
  r.table = &transport->table;
  MUST(r.table->begin(r.table, 0, &r.state) == 0);
  SSL *client = how & 1 ? SSL_new(clients) : NULL;
  if (client) {
    SSL_set_bio(client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(client);
    if (how & 2) SSL_set_max_proto_version(client, TLS1_2_VERSION);
  }
  for (int i = 0; i < STEPS && input.left; i++) step(&r, client, &input);
  r.table->end(r.state);
  tls_transport_drop(transport);
  SSL_free(client);
  return 0;
}
