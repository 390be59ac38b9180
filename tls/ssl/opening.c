/* opening.c - the handshake. */
#include "ssl/opening.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "ssl/config.h"
#include "ssl/reason.h"
#include "ssl/wire.h"

/* The answer to plain HTTP, for people who forgot the s of https. The core lingers, so that it
 * arrives. */
static const char SPOKE_HTTP[] =
  "HTTP/1.1 400 Bad Request\r\n"
  "Content-Type: text/plain\r\n"
  "Content-Length: 57\r\n"
  "Connection: close\r\n"
  "\r\n"
  "This port speaks HTTPS: ask for it with https:// instead\n";

static void answer_in_clear(tls_state *state)
{
  const lc_line *line = state->line;
  struct iovec piece = {(void *)(uintptr_t)SPOKE_HTTP, sizeof SPOKE_HTTP - 1};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
  ssize_t sent;
  LC_RETRY(sent, line->sys->sendmsg(line->sys, line->fd, &message, MSG_NOSIGNAL));
  (void)sent;
}

/* A client tells the server which host it wants to reach, and checks that the certificate is for
 * that host. */
static int aim(SSL *ssl, const char *host, int is_checked)
{
  unsigned char raw[sizeof(struct in6_addr)];
  if (!host) return 1;
  int is_number = inet_pton(AF_INET, host, raw) == 1 || inet_pton(AF_INET6, host, raw) == 1;
  if (!is_number && !SSL_set_tlsext_host_name(ssl, host)) return 0;
  if (!is_checked) return 1;
  X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
  if (is_number) return X509_VERIFY_PARAM_set1_ip_asc(param, host);
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(ssl, host);
}

static int make_ssl(tls_state *state)
{
  const tls_transport *transport = state->transport;
  state->ssl = SSL_new(tls_config_context(state->config));
  if (!state->ssl || tls_wire_attach(state) < 0) return -ENOMEM;
  if (!state->is_outbound) {
    SSL_set_accept_state(state->ssl);
    return 0;
  }
  SSL_set_connect_state(state->ssl);
  return aim(state->ssl, transport->host, tls_config_verifies(state->config)) ? 0 : -ENOMEM;
}

/* Whether a client has sent something: until then a connection costs no memory of OpenSSL's. */
static int await_first_byte(tls_state *state)
{
  lc_line *line = state->line;
  char byte;
  ssize_t got;
  LC_RETRY(got, line->sys->recv(line->sys, line->fd, &byte, 1, MSG_PEEK));
  if (got == -EAGAIN || tls_lacks_memory(line, got)) return LC_AGAIN;
  if (got == 0) return LC_EOF;
  return got < 0 ? (int)got : 0;
}

static int begin(tls_state *state)
{
  int result = state->is_outbound ? 0 : await_first_byte(state);
  if (!result) result = make_ssl(state);
  return result;
}

static int failed(tls_state *state)
{
  int is_http = ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST;
  int code = tls_reason_of(state);
  if (code == LC_NOT_TLS && is_http && !state->is_outbound) answer_in_clear(state);
  return code;
}

static int go_on(tls_state *state)
{
  ERR_clear_error();
  int result = state->ssl ? 0 : begin(state);
  if (!result) result = tls_wire_flush(state);
  if (result < 0) return result;
  int done = SSL_do_handshake(state->ssl);
  if (done != 1) {
    int is_waiting = SSL_get_error(state->ssl, done) == SSL_ERROR_WANT_READ;
    if (!is_waiting || state->has_fin) return failed(state);
    return LC_AGAIN;
  }
  result = tls_wire_flush(state);
  if (!result) state->is_open = 1;
  return result;
}

int tls_open(lc_line *line)
{
  tls_state *state = line->state;
  tls_wire_begin(state, line);
  int result = go_on(state);
  line->wants = tls_wire_kept(state) ? LC_POLL_OUT : LC_POLL_IN;
  tls_wire_end(state);
  return result == LC_AGAIN && state->broken ? state->broken : result; /* no event may come */
}
