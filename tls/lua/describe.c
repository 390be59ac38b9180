/* describe.c - what a connection has agreed on with its peer, as a table for scripts. */
#include "lua/describe.h"

#include <lauxlib.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static void set_string(lua_State *L, const char *name, const char *value)
{
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

/* The text of a BIO, which is freed; nothing where it could not be written. */
static void set_text(lua_State *L, const char *name, BIO *bio, int is_written)
{
  char *text;
  long length = is_written ? BIO_get_mem_data(bio, &text) : 0;
  if (length > 0) {
    lua_pushlstring(L, text, (size_t)length);
    lua_setfield(L, -2, name);
  }
  BIO_free(bio);
}

static void set_name(lua_State *L, const char *field, const X509_NAME *name)
{
  unsigned long how = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
  BIO *bio = BIO_new(BIO_s_mem());
  set_text(L, field, bio, bio && X509_NAME_print_ex(bio, name, 0, how) >= 0);
}

static void set_time(lua_State *L, const char *field, const ASN1_TIME *time)
{
  struct tm tm;
  if (!ASN1_TIME_to_tm(time, &tm)) return;
  char text[32];
  size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
  lua_pushlstring(L, text, length);
  lua_setfield(L, -2, field);
}

static void set_fingerprint(lua_State *L, X509 *certificate)
{
  static const char digits[] = "0123456789abcdef";
  unsigned char raw[EVP_MAX_MD_SIZE];
  char text[2 * EVP_MAX_MD_SIZE];
  unsigned length = 0;
  if (!X509_digest(certificate, EVP_sha256(), raw, &length)) return;
  for (unsigned i = 0; i < length; i++) {
    text[2 * i] = digits[raw[i] >> 4];
    text[2 * i + 1] = digits[raw[i] & 15];
  }
  lua_pushlstring(L, text, 2 * (size_t)length);
  lua_setfield(L, -2, "sha256");
}

static void push_certificate(lua_State *L, X509 *certificate)
{
  lua_createtable(L, 0, 6);
  set_name(L, "subject", X509_get_subject_name(certificate));
  set_name(L, "issuer", X509_get_issuer_name(certificate));
  set_time(L, "not_before", X509_get0_notBefore(certificate));
  set_time(L, "not_after", X509_get0_notAfter(certificate));
  set_fingerprint(L, certificate);
  BIO *bio = BIO_new(BIO_s_mem());
  set_text(L, "pem", bio, bio && PEM_write_bio_X509(bio, certificate));
}

void tls_describe(lua_State *L, const tls_state *state)
{
  const unsigned char *alpn;
  unsigned length;
  SSL *ssl = state->ssl;
  lua_createtable(L, 0, 7);
  set_string(L, "version", SSL_get_version(ssl));
  set_string(L, "cipher", SSL_get_cipher_name(ssl));
  set_string(L, "sni", SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
  SSL_get0_alpn_selected(ssl, &alpn, &length);
  if (length) {
    lua_pushlstring(L, (const char *)alpn, length);
    lua_setfield(L, -2, "alpn");
  }
  lua_pushboolean(L, SSL_session_reused(ssl));
  lua_setfield(L, -2, "resumed");
  X509 *peer = SSL_get_peer_certificate(ssl);
  if (!peer) return;
  push_certificate(L, peer);
  lua_setfield(L, -2, "peer");
  X509_free(peer);
  lua_pushboolean(
    L, SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE && SSL_get_verify_result(ssl) == X509_V_OK);
  lua_setfield(L, -2, "verified");
}
