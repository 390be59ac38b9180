/* code.c - two texts for a code: a word that scripts compare, and a phrase that people read. */
#include <limits.h>
#include <string.h>

#include "base/errors.h"
#include "lastcall.h"

typedef struct word {
  int error;
  const char *name;
  const char *text;
} word;

/* The words of the closing contract. */
static const word contract_words[] = {
  {ENODATA, "eof", "the peer finished cleanly"},
  {ECONNRESET, "reset", "the peer reset the connection"},
  {EPIPE, "broken pipe", "wrote after the peer had left"},
  {ETIME, "timeout", "a deadline passed"},
  {ETIMEDOUT, "peer lost", "the peer no longer answers"},
  {EBADF, "closed", "it was closed on this side"},
  {ESHUTDOWN, "draining", "no new work is begun, for the server is shutting down"},
  {ECANCELED, "canceled", "the operation was canceled"},
  {EMSGSIZE, "too long", "over the size limit"},
  {EDQUOT, "full", "the queue is full"},
  {ENXIO, "host not found", "the host name has no address"},
  {ENOLINK, "truncated", "the peer finished without saying so in TLS"},
  {EBADE, "handshake failed", "the TLS handshake failed"},
  {EPROTOTYPE, "not tls", "the peer does not speak TLS"},
  {EKEYREJECTED, "certificate not trusted", "the peer's certificate is not trusted"},
  {EKEYEXPIRED, "certificate expired", "the peer's certificate is not valid at this time"},
  {EKEYREVOKED, "certificate revoked", "the peer's certificate was revoked"},
  {ENOTUNIQ, "wrong name", "the peer's certificate is for another name"},
  {ECONNREFUSED, "refused", "nobody listens there"},
  {EHOSTUNREACH, "unreachable", "no way leads to the host"},
  {ENETUNREACH, "unreachable", "no way leads to the network"},
  {EADDRINUSE, "address in use", "another socket has the address, or a file is there"},
  {EADDRNOTAVAIL, "address not available",
   "the address is not one of this machine, or its ports have run out"},
  {EACCES, "permission denied", "the system does not permit it"},
  {EPERM, "permission denied", "the system does not permit it"},
};

static const word *find(int error)
{
  for (size_t i = 0; i < sizeof contract_words / sizeof *contract_words; i++) {
    if (contract_words[i].error == error) return &contract_words[i];
  }
  return NULL;
}

/* The errno behind a code; 0 for a result that is no failure. */
static int error_of(int code)
{
  if (code == INT_MIN) return INT_MAX; /* has no negative */
  return code < 0 ? -code : 0;
}

const char *lc_code_name(int code)
{
  int error = error_of(code);
  const word *known = find(error);
  if (error == 0) return "ok";
  if (known) return known->name;
  const lc_error *other = lc_error_find(error);
  return other ? other->word : "unknown error";
}

const char *lc_code_text(int code)
{
  int error = error_of(code);
  const word *known = find(error);
  if (error == 0) return "no error";
  if (known) return known->text;
  const lc_error *other = lc_error_find(error);
  return other ? other->text : "unknown error";
}

static int is_our_own(int error)
{
  static const int own[] = {-LC_EOF,       -LC_TIMEOUT,   -LC_CLOSED,    -LC_DRAINING,
                            -LC_CANCELED,  -LC_TOO_LONG,  -LC_FULL,      -LC_HOST_NOT_FOUND,
                            -LC_TRUNCATED, -LC_HANDSHAKE, -LC_NOT_TLS,   -LC_UNTRUSTED,
                            -LC_EXPIRED,   -LC_REVOKED,   -LC_WRONG_NAME};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
    if (own[i] == error) return 1;
  }
  return 0;
}

const char *lc_code_errno(int code)
{
  int error = error_of(code);
  const lc_error *known = is_our_own(error) ? NULL : lc_error_find(error);
  return known ? known->name : NULL;
}
