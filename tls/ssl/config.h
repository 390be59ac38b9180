/* config.h - one set of options: certificates by name, trust, versions. */
#ifndef TLS_CONFIG_H
#define TLS_CONFIG_H

#include "ssl/inside.h"

typedef struct tls_failure {
  const char *code; /* a word for scripts */
  char text[240];   /* for people: the option, and what is wrong with it */
} tls_failure;

enum { TLS_NEVER, TLS_IF_THERE, TLS_ALWAYS }; /* whether the peer's certificate is checked */

typedef struct tls_text {
  const char *data;
  size_t length;
} tls_text;

/* Texts are PEM, but for `alpn`, which is as on the wire, and the words. Without data: not
 * given. */
typedef struct tls_options {
  int is_client;
  tls_text certificate, key, chain, ca, alpn, ticket_keys;
  const char *ciphers;
  int min_version; /* TLS1_2_VERSION or TLS1_3_VERSION */
  int verify;
  int has_tickets;
} tls_options;

/* Returns a config with one user; or NULL, and `failure` says why. */
tls_config *tls_config_new(const tls_options *options, tls_failure *failure);
/* Clients that ask for `name` ("*.example.org" too) get the certificate of `other`. Returns 0 or
 * -ENOMEM. */
int tls_config_name(tls_config *config, const char *name, tls_config *other);
tls_config *tls_config_hold(tls_config *config);
void tls_config_drop(tls_config *config);
SSL_CTX *tls_config_context(const tls_config *config);
int tls_config_verifies(const tls_config *config);
tls_tickets *tls_config_tickets(const tls_config *config); /* NULL: none are made */
/* Room for what one recv brings, TLS_INPUT bytes; in use during a call only. */
char *tls_config_input(const tls_config *config);
int tls_config_count(void); /* how many there are in this process */

#endif
