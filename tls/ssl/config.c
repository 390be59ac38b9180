/* config.c - one set of options: certificates by name, trust, versions. */
#include "ssl/config.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ssl/tickets.h"

typedef struct named {
  char *name;
  tls_config *config;
} named;

struct tls_config {
  unsigned users;
  SSL_CTX *context;
  named *names;
  size_t count;
  char *alpn;
  size_t alpn_length;
  tls_tickets *tickets;
  int verifies;
  char input[TLS_INPUT];
};

static _Atomic int live; /* in this process */

/* ----------------------------------------------------------------- failures -- */

/* Empties the queue, which does not always tell: a key that could not be read is "unsupported". */
static int has_lacked_memory(void)
{
  void *probe = OPENSSL_malloc(TLS_INPUT);
  int has_lacked = !probe;
  OPENSSL_free(probe);
  for (unsigned long one; (one = ERR_get_error());)
    if (ERR_GET_REASON(one) == ERR_R_MALLOC_FAILURE) has_lacked = 1;
  return has_lacked;
}

/* Takes what OpenSSL says of its last failure along, and empties its queue. What it calls wrong may
 * be right, and it had no memory to read it. */
static int fail(tls_failure *failure, const char *code, const char *option, const char *what)
{
  const char *reason = ERR_reason_error_string(ERR_peek_last_error());
  if (has_lacked_memory()) {
    code = "enomem";
    what = "not enough memory";
    reason = NULL;
  }
  failure->code = code;
  snprintf(failure->text, sizeof failure->text, "%s: %s%s%s%s", option, what, reason ? " (" : "",
           reason ? reason : "", reason ? ")" : "");
  return -1;
}

static int no_memory(tls_failure *failure, const char *option)
{
  return fail(failure, "enomem", option, "not enough memory");
}

/* ------------------------------------------------------------- certificates -- */

static BIO *open_text(tls_text text) { return BIO_new_mem_buf(text.data, (int)text.length); }

/* A key with a password is refused: a server has no way to ask for it. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is OpenSSL's */
static int no_password(char *into, int size, int rwflag, void *user)
{
  (void)into;
  (void)size;
  (void)rwflag;
  (void)user;
  return -1;
}

/* Certificates until the end of the text. Returns how many, or -1. */
static int each_certificate(tls_text text, int (*take)(void *to, X509 *one), void *to)
{
  BIO *bio = open_text(text);
  int count = 0;
  if (!bio) return -1;
  for (X509 *one; (one = PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL)); count++) {
    int is_taken = take(to, one);
    X509_free(one);
    if (!is_taken) {
      BIO_free(bio);
      return -1;
    }
  }
  unsigned long last = ERR_peek_last_error();
  BIO_free(bio);
  if (last && (ERR_GET_LIB(last) != ERR_LIB_PEM || ERR_GET_REASON(last) != PEM_R_NO_START_LINE))
    return -1;
  ERR_clear_error();
  return count;
}

static int take_chain(void *to, X509 *one)
{
  SSL_CTX *context = to;
  if (!SSL_CTX_get0_certificate(context)) return SSL_CTX_use_certificate(context, one);
  return SSL_CTX_add1_chain_cert(context, one) == 1;
}

typedef struct facts {
  uint32_t flags; /* of its extensions, and whether it has signed itself */
  int bits;       /* of its key's strength */
} facts;

static facts facts_of(X509 *one)
{
  const EVP_PKEY *key = X509_get0_pubkey(one);
  return (facts){.flags = X509_get_extension_flags(one),
                 .bits = key ? EVP_PKEY_security_bits(key) : -1};
}

/* Where OpenSSL lacks memory to look at a certificate's key or extensions, it says nothing, does
 * not look again, and trusts nobody by the certificate. So two looks have to agree, now. */
static int is_short_of_memory(X509 *one)
{
  X509 *again = X509_dup(one);
  facts first = facts_of(one), second = again ? facts_of(again) : first;
  int is_short = !again || first.flags != second.flags || first.bits != second.bits;
  X509_free(again);
  ERR_clear_error();
  if (is_short) ERR_put_error(ERR_LIB_X509, 0, ERR_R_MALLOC_FAILURE, __FILE__, __LINE__);
  return is_short;
}

static int take_trusted(void *to, X509 *one)
{
  SSL_CTX *context = to;
  if (is_short_of_memory(one)) return 0;
  if (!X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one)) return 0;
  return SSL_CTX_add_client_CA(context, one); /* what a client is asked for */
}

static int use_key(SSL_CTX *context, tls_text text, tls_failure *failure)
{
  BIO *bio = open_text(text);
  EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
  BIO_free(bio);
  if (!key) return fail(failure, "bad key", "key", "no private key could be read");
  int is_used = SSL_CTX_use_PrivateKey(context, key);
  EVP_PKEY_free(key);
  if (!is_used || !SSL_CTX_check_private_key(context))
    return fail(failure, "wrong key", "key", "it does not belong to the certificate");
  return 0;
}

static int use_certificate(SSL_CTX *context, const tls_options *options, tls_failure *failure)
{
  if (!options->certificate.data) return 0;
  if (each_certificate(options->certificate, take_chain, context) < 1)
    return fail(failure, "bad certificate", "certificate", "no certificate could be read");
  if (options->chain.data && each_certificate(options->chain, take_chain, context) < 1)
    return fail(failure, "bad certificate", "chain", "no certificate could be read");
  return use_key(context, options->key.data ? options->key : options->certificate, failure);
}

/* -------------------------------------------------------------------- trust -- */

static int set_trust(SSL_CTX *context, const tls_options *options, tls_failure *failure)
{
  int mode = SSL_VERIFY_NONE;
  if (options->verify != TLS_NEVER) mode = SSL_VERIFY_PEER;
  if (options->verify == TLS_ALWAYS) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_CTX_set_verify(context, mode, NULL);
  if (options->ca.data) {
    if (each_certificate(options->ca, take_trusted, context) < 1)
      return fail(failure, "bad certificate", "ca", "no certificate could be read");
  } else if (options->verify != TLS_NEVER && !SSL_CTX_set_default_verify_paths(context)) {
    return fail(failure, "bad certificate", "ca", "the system's certificates could not be read");
  }
  return 0;
}

/* ------------------------------------------------------------ names, protocols -- */

/* "*.example.org" stands for one more label. */
static int is_match(const char *pattern, const char *name)
{
  if (strncmp(pattern, "*.", 2)) return !strcasecmp(pattern, name);
  const char *dot = strchr(name, '.');
  return dot && dot > name && !strcasecmp(pattern + 1, dot);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is OpenSSL's */
static int choose_by_name(SSL *ssl, int *alert, void *user)
{
  const tls_config *config = user;
  const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (!name) return SSL_TLSEXT_ERR_NOACK;
  for (size_t i = 0; i < config->count; i++) {
    if (!is_match(config->names[i].name, name)) continue;
    if (SSL_set_SSL_CTX(ssl, config->names[i].config->context)) return SSL_TLSEXT_ERR_OK;
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  return SSL_TLSEXT_ERR_OK;
}

static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *length,
                           const unsigned char *offered, unsigned offered_length, void *user)
{
  const tls_config *config = user;
  unsigned char *found;
  (void)ssl;
  int result = SSL_select_next_proto(&found, length, (const unsigned char *)config->alpn,
                                     (unsigned)config->alpn_length, offered, offered_length);
  *chosen = found;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int set_protocols(tls_config *config, const tls_options *options)
{
  if (!options->alpn.data) return 0;
  config->alpn = OPENSSL_malloc(options->alpn.length);
  if (!config->alpn) return -1;
  memcpy(config->alpn, options->alpn.data, options->alpn.length);
  config->alpn_length = options->alpn.length;
  if (!options->is_client) {
    SSL_CTX_set_alpn_select_cb(config->context, choose_protocol, config);
    return 0;
  }
  return SSL_CTX_set_alpn_protos(config->context, (const unsigned char *)config->alpn,
                                 (unsigned)config->alpn_length);
}

int tls_config_name(tls_config *config, const char *name, tls_config *other)
{
  named *names = OPENSSL_realloc(config->names, (config->count + 1) * sizeof *names);
  if (!names) return -ENOMEM;
  config->names = names;
  names[config->count].name = OPENSSL_strdup(name);
  if (!names[config->count].name) return -ENOMEM;
  names[config->count++].config = tls_config_hold(other);
  return 0;
}

/* ------------------------------------------------------------------ tickets -- */

/* A ticket at the end of the handshake would be lost on a client that writes and closes at once,
 * and its reset would take the client's bytes along. So the ticket goes out before the first reply,
 * where OpenSSL can do that (3.0); else one ticket, instead of two. */
static int set_tickets(tls_config *config, const tls_options *options, tls_failure *failure)
{
  SSL_CTX *context = config->context;
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (options->is_client) return 0;
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  size_t at_once = 0;
#else
  size_t at_once = options->has_tickets ? 1 : 0;
#endif
  if (SSL_CTX_set_session_id_context(context, (const unsigned char *)"lastcall", 8) != 1 ||
      SSL_CTX_set_num_tickets(context, at_once) != 1)
    return no_memory(failure, "tickets");
  if (!options->has_tickets) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    return 0;
  }
  config->tickets =
    tls_tickets_new(context, options->ticket_keys.data, options->ticket_keys.length);
  return config->tickets ? 0 : no_memory(failure, "tickets");
}

/* -------------------------------------------------------------------- birth -- */

static int set_versions(SSL_CTX *context, const tls_options *options, tls_failure *failure)
{
  if (SSL_CTX_set_min_proto_version(context, options->min_version) != 1)
    return fail(failure, "eopnotsupp", "min_version", "this OpenSSL does not have it");
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(
    context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  if (!options->ciphers) return 0;
  /* Those of TLS 1.3 begin with "TLS_", and are a list of their own. */
  int is_new = strncmp(options->ciphers, "TLS_", 4) == 0;
  int is_known = is_new ? SSL_CTX_set_ciphersuites(context, options->ciphers)
                        : SSL_CTX_set_cipher_list(context, options->ciphers);
  return is_known ? 0 : fail(failure, "bad ciphers", "ciphers", "OpenSSL knows none of them");
}

static int fill(tls_config *config, const tls_options *options, tls_failure *failure)
{
  SSL_CTX *context = config->context;
  if (set_versions(context, options, failure) < 0) return -1;
  if (use_certificate(context, options, failure) < 0) return -1;
  if (set_trust(context, options, failure) < 0) return -1;
  if (set_tickets(config, options, failure) < 0) return -1;
  if (set_protocols(config, options)) return no_memory(failure, "alpn");
  if (!options->is_client) {
    SSL_CTX_set_tlsext_servername_callback(context, choose_by_name);
    SSL_CTX_set_tlsext_servername_arg(context, config);
  }
  config->verifies = options->verify != TLS_NEVER;
  return 0;
}

tls_config *tls_config_new(const tls_options *options, tls_failure *failure)
{
  tls_config *config = OPENSSL_zalloc(sizeof *config);
  ERR_clear_error();
  if (config)
    config->context = SSL_CTX_new(options->is_client ? TLS_client_method() : TLS_server_method());
  if (!config || !config->context) {
    OPENSSL_free(config);
    no_memory(failure, "tls");
    return NULL;
  }
  config->users = 1;
  live++;
  if (fill(config, options, failure) == 0) return config;
  tls_config_drop(config);
  return NULL;
}

tls_config *tls_config_hold(tls_config *config)
{
  config->users++;
  return config;
}

void tls_config_drop(tls_config *config)
{
  if (!config || --config->users) return;
  for (size_t i = 0; i < config->count; i++) {
    OPENSSL_free(config->names[i].name);
    tls_config_drop(config->names[i].config);
  }
  SSL_CTX_free(config->context);
  tls_tickets_free(config->tickets);
  OPENSSL_free(config->names);
  OPENSSL_free(config->alpn);
  OPENSSL_free(config);
  live--;
}

SSL_CTX *tls_config_context(const tls_config *config) { return config->context; }
int tls_config_verifies(const tls_config *config) { return config->verifies; }
tls_tickets *tls_config_tickets(const tls_config *config) { return config->tickets; }
char *tls_config_input(const tls_config *config)
{
  return ((tls_config *)(uintptr_t)config)->input;
}
int tls_config_count(void) { return live; }
