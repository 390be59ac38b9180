/* tickets.c - the keys of the tickets by which clients resume their sessions. */
#include "ssl/tickets.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

#if OPENSSL_VERSION_NUMBER >= 0x30000000L
#include <openssl/core_names.h>
typedef EVP_MAC_CTX mac_context;
#else
typedef HMAC_CTX mac_context;
#endif

#define LIFE (2 * 3600 * LC_SECOND) /* of a key of our own in the first place */

enum { NAME = 16, SECRET = 32, IV = 16 };

typedef struct key {
  unsigned char name[NAME], mac[SECRET], cipher[SECRET];
} key;
_Static_assert(sizeof(key) == TLS_KEY, "keys are given as they lie");

struct tls_tickets {
  int is_own;
  unsigned count;
  lc_time made_at; /* of our own first key; 0: not used yet */
  key keys[TLS_KEYS];
};

/* Replaces a key of our own that is old enough. Without random bytes it stays. */
static void renew(tls_tickets *all, lc_time now)
{
  key fresh;
  if (!all->made_at) all->made_at = now;
  lc_time age = now - all->made_at;
  if (!all->is_own || age < LIFE || RAND_bytes((unsigned char *)&fresh, sizeof fresh) != 1) return;
  all->keys[1] = all->keys[0];
  all->keys[0] = fresh;
  all->count = age < 2 * LIFE ? 2 : 1; /* what the other has made is over, too */
  all->made_at = now;
}

static int set_mac(mac_context *mac, key *one)
{
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {
    OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, one->mac, sizeof one->mac),
    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, params);
#else
  return HMAC_Init_ex(mac, one->mac, sizeof one->mac, EVP_sha256(), NULL);
#endif
}

/* What OpenSSL wants to hear: the client gets no ticket, or is not resumed; or is; and gets a new
 * ticket besides. */
enum { NOT_NOW, FINE, FINE_AND_RENEW };

static int make(tls_tickets *all, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                mac_context *mac)
{
  key *one = &all->keys[0];
  if (RAND_bytes(iv, IV) != 1 || !set_mac(mac, one)) return NOT_NOW;
  memcpy(name, one->name, NAME);
  return EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, one->cipher, iv) ? FINE : NOT_NOW;
}

/* In TLS 1.3 a ticket is used once. */
static int take(tls_tickets *all, const SSL *ssl, const unsigned char *name,
                const unsigned char *iv, EVP_CIPHER_CTX *cipher, mac_context *mac)
{
  unsigned i = 0;
  while (i < all->count && memcmp(name, all->keys[i].name, NAME) != 0) i++;
  if (i == all->count || !set_mac(mac, &all->keys[i])) return NOT_NOW;
  if (!EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, all->keys[i].cipher, iv)) return NOT_NOW;
  return i || SSL_version(ssl) == TLS1_3_VERSION ? FINE_AND_RENEW : FINE;
}

static int choose(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                  mac_context *mac, int is_new)
{
  const tls_state *state = BIO_get_data(SSL_get_rbio(ssl));
  tls_tickets *all = state->tickets;
  renew(all, state->line->sys->now(state->line->sys));
  return is_new ? make(all, name, iv, cipher, mac) : take(all, ssl, name, iv, cipher, mac);
}

tls_tickets *tls_tickets_new(SSL_CTX *context, const char *keys, size_t length)
{
  tls_tickets *all = OPENSSL_zalloc(sizeof *all);
  if (!all) return NULL;
  all->is_own = !length;
  all->count = length ? (unsigned)(length / sizeof(key)) : 1;
  if (length) memcpy(all->keys, keys, length);
  int is_fine = length || RAND_bytes((unsigned char *)&all->keys[0], sizeof(key)) == 1;
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  is_fine = is_fine && SSL_CTX_set_tlsext_ticket_key_evp_cb(context, choose);
#else
  is_fine = is_fine && SSL_CTX_set_tlsext_ticket_key_cb(context, choose);
#endif
  if (is_fine) return all;
  tls_tickets_free(all);
  return NULL;
}

void tls_tickets_free(tls_tickets *tickets) { OPENSSL_clear_free(tickets, sizeof *tickets); }
