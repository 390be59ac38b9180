/* reason.c - what went wrong, as a code of the core and in words. */
#include "ssl/reason.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

static int code_of_verify(long result)
{
  switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID: return LC_EXPIRED;
    case X509_V_ERR_CERT_REVOKED: return LC_REVOKED;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return LC_WRONG_NAME;
    default: return LC_UNTRUSTED;
  }
}

/* The first bytes that came were none of TLS. */
static int is_no_tls(int reason)
{
  switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_UNEXPECTED_MESSAGE:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_RECORD_LENGTH_MISMATCH:
#ifdef SSL_R_RECORD_TOO_SMALL
    case SSL_R_RECORD_TOO_SMALL:
#endif
    case SSL_R_UNKNOWN_PROTOCOL: return 1;
    default: return 0;
  }
}

/* Alerts of the peer that speak of our certificate. */
static int code_of_alert(int reason)
{
  switch (reason) {
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED: return LC_EXPIRED;
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED: return LC_REVOKED;
    default: return LC_HANDSHAKE;
  }
}

int tls_reason_of(tls_state *state)
{
  unsigned long error = ERR_peek_error();
  int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
  long verified = state->ssl ? SSL_get_verify_result(state->ssl) : X509_V_OK;
  int code;
  state->reason = ERR_reason_error_string(error);
  if (state->failure) {
    code = state->failure;
    state->reason = NULL;
  } else if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    state->reason = X509_verify_cert_error_string(verified);
    code = code_of_verify(verified);
  } else if (!state->is_open && is_no_tls(reason)) {
    code = LC_NOT_TLS;
  } else if (!error && state->has_fin) {
    state->reason = "the peer finished in the middle of it";
    code = LC_HANDSHAKE;
  } else {
    code = state->is_open ? -EPROTO : code_of_alert(reason);
  }
  ERR_clear_error();
  return code;
}
