/* fuzz_tls.c - a transport of TLS whose peer and kernel do what they like.
 *
 * The transport is a server's, also one that wants to see a certificate, or a client's. Its peer is
 * OpenSSL's other side, whose bytes are cut into pieces, changed, left out or followed by others; or
 * there is none, and the input itself comes. In between the core's calls are made in any order that
 * it allows, and the kernel takes less than it is offered, or fails. Whatever happens, a call returns
 * what transport.h lets it return; what arrives is the beginning of what was sent; and an end is one
 * when the peer has said so.
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

/* What the first byte of an input says. */
enum { HAS_PEER = 1, IS_OLD = 2, IS_CLIENT = 4, IS_PICKY = 8 };

static tls_config *server, *picky, *client;
static SSL_CTX *peers[2]; /* of a server, of a client */

/* Bytes of the application are those of a pattern, at the place where they stand in the stream. */
enum { PERIOD = 251, PIECE_MOST = 40000 };

static char pattern[PERIOD + PIECE_MOST];

static void must_be_pattern(const char *bytes, size_t size, size_t *at)
{
  MUST(memcmp(bytes, pattern + *at % PERIOD, size) == 0);
  *at += size;
}

static void must_be_fine(ssize_t result, size_t limit)
{
  MUST(result <= (ssize_t)limit);
  MUST(result >= INT16_MIN);
}

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

static tls_config *new_config(const tls_options *options)
{
  tls_failure failure;
  tls_config *made = tls_config_new(options, &failure);
  MUST(made);
  return made;
}

static SSL_CTX *new_peers(const SSL_METHOD *method, X509 *certificate, EVP_PKEY *key)
{
  SSL_CTX *made = SSL_CTX_new(method);
  MUST(made && SSL_CTX_use_certificate(made, certificate) == 1);
  MUST(SSL_CTX_use_PrivateKey(made, key) == 1);
  return made;
}

/* All show one certificate, which vouches for itself. */
static void set_up(void)
{
  tls_options options = {.min_version = TLS1_2_VERSION, .has_tickets = 1};
  EVP_PKEY *key = new_key();
  X509 *certificate = X509_new();
  X509_NAME *name = X509_get_subject_name(certificate);
  BIO *key_text = BIO_new(BIO_s_mem()), *text = BIO_new(BIO_s_mem());
  MUST(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1,
                                  -1, 0) == 1);
  X509_set_issuer_name(certificate, name);
  X509_set_pubkey(certificate, key);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  MUST(X509_sign(certificate, key, EVP_sha256()));
  MUST(PEM_write_bio_X509(text, certificate));
  MUST(PEM_write_bio_PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL));
  text_of(text, &options.certificate);
  text_of(key_text, &options.key);
  MUST(tls_wire_init() == 0);
  for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = (char)(i % PERIOD);
  server = new_config(&options);
  options.ca = options.certificate;
  options.verify = TLS_ALWAYS;
  picky = new_config(&options);
  options.is_client = 1;
  client = new_config(&options);
  peers[0] = new_peers(TLS_client_method(), certificate, key);
  peers[1] = new_peers(TLS_server_method(), certificate, key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  BIO_free(text);
  BIO_free(key_text);
}

static void bring(const uint8_t *bytes, size_t size)
{
  if (size > ROOM - to_us.to) size = ROOM - to_us.to;
  memcpy(to_us.bytes + to_us.to, bytes, size);
  to_us.to += size;
}

/* What the peer has to say goes to us, perhaps changed. */
static void deliver(BIO *from, fuzz_data *data)
{
  uint8_t bytes[4096];
  int got = BIO_read(from, bytes, sizeof bytes);
  if (got <= 0) return;
  unsigned change = fuzz_byte(data);
  size_t size = (size_t)got;
  if (change & 0x80) {
    bytes[(size_t)change * 37 % size] ^= (uint8_t)(1 + fuzz_byte(data) % 255);
  }
  if ((change & 0x60) == 0x60) size = size * (change & 15) / 16;
  bring(bytes, size);
}

/* ---------------------------------------------------------------------- a run -- */

typedef struct run {
  const lc_transport *table;
  void *state;
  SSL *peer; /* NULL: there is none */
  int is_open, is_over, has_finished, has_peer_finished;
  size_t said, heard;    /* bytes of the application, from the peer */
  size_t taken, reached; /* to the peer */
} run;

static void receive(run *r, lc_line *line)
{
  char into[3000];
  ssize_t got = r->table->receive(line, into, sizeof into);
  must_be_fine(got, sizeof into);
  if (got > 0) must_be_pattern(into, (size_t)got, &r->heard);
  MUST(r->heard <= r->said);
  if (got == 0) MUST(r->has_peer_finished);
  if (got == LC_TRUNCATED) MUST(to_us.has_end);
  if (got < 0 && got != LC_AGAIN && got != LC_TRUNCATED) r->is_over = 1;
}

static void call(run *r, unsigned which, size_t size)
{
  lc_line line = {.sys = &SYS, .fd = 3, .state = r->state};
  size_t sizes[] = {size % 1000, size % PIECE_MOST};
  struct iovec pieces[] = {{pattern + r->taken % PERIOD, sizes[0]},
                           {pattern + (r->taken + sizes[0]) % PERIOD, sizes[1]}};
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
      must_be_fine(result, sizes[0] + sizes[1]);
      if (result > 0) r->taken += (size_t)result;
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

/* Some steps have a word of the peer's that is none of the application. */
static void act(run *r, unsigned what)
{
  static const uint8_t goodbye_in_clear[] = {21, 3, 3, 0, 2, 1, 0};
  int is_open = SSL_is_init_finished(r->peer);
  switch (what & 0x30) {
    case 0x10: /* close_notify */
      if (is_open && SSL_shutdown(r->peer) >= 0) r->has_peer_finished = 1;
      break;
    case 0x20: /* another key, or another handshake */
      if (!is_open) break;
      if (SSL_version(r->peer) == TLS1_3_VERSION) SSL_key_update(r->peer, SSL_KEY_UPDATE_REQUESTED);
      else SSL_renegotiate(r->peer);
      break;
    case 0x30: bring(goodbye_in_clear, sizeof goodbye_in_clear); break;
    default: break;
  }
}

static void speak(run *r, fuzz_data *data)
{
  char words[3000];
  int got;
  if (SSL_do_handshake(r->peer) != 1) return;
  size_t size = fuzz_size(data) % sizeof words;
  if (size && SSL_write(r->peer, pattern + r->said % PERIOD, (int)size) > 0) r->said += size;
  while ((got = SSL_read(r->peer, words, sizeof words)) > 0)
    must_be_pattern(words, (size_t)got, &r->reached);
}

static void step(run *r, fuzz_data *data)
{
  static const int codes[] = {-EAGAIN, -EINTR, -ECONNRESET, -ENOMEM, -ENOBUFS, -EIO};
  unsigned what = fuzz_byte(data);
  most = what & 0x40 ? ROOM : 1 + fuzz_size(data) % 700;
  if (what & 0x80) code_next = codes[what % 6];
  if (what % 16 == 15) to_us.has_end = 1;
  if (r->peer) {
    BIO_write(SSL_get_rbio(r->peer), to_peer.bytes + to_peer.from,
              (int)(to_peer.to - to_peer.from));
    act(r, what);
    speak(r, data);
    deliver(SSL_get_wbio(r->peer), data);
  } else {
    size_t size = fuzz_size(data);
    if (size > data->left) size = data->left;
    bring(data->at, size);
    data->at += size;
    data->left -= size;
  }
  to_peer.from = to_peer.to = 0;
  call(r, what, fuzz_size(data));
}

static SSL *new_peer(unsigned how)
{
  SSL *peer = SSL_new(peers[how & IS_CLIENT ? 1 : 0]);
  MUST(peer);
  SSL_set_bio(peer, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  if (how & IS_CLIENT) SSL_set_accept_state(peer);
  else SSL_set_connect_state(peer);
  if (how & IS_OLD) SSL_set_max_proto_version(peer, TLS1_2_VERSION);
  return peer;
}

static tls_transport *new_transport(unsigned how)
{
  if (how & IS_CLIENT) return tls_transport_new(client, "localhost");
  return tls_transport_new(how & IS_PICKY ? picky : server, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  fuzz_data input = {data, size};
  run r = {0};
  if (!server) set_up();
  to_us = to_peer = (stream){.has_end = 0};
  code_next = 0;
  unsigned how = fuzz_byte(&input);
  tls_transport *transport = new_transport(how);
  r.table = &transport->table;
  MUST(r.table->begin(r.table, how & IS_CLIENT ? 1 : 0, &r.state) == 0);
  r.peer = how & HAS_PEER ? new_peer(how) : NULL;
  for (int i = 0; i < STEPS && input.left; i++) step(&r, &input);
  r.table->end(r.state);
  tls_transport_drop(transport);
  SSL_free(r.peer);
  return 0;
}
