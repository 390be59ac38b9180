/* lastcall/kernel.h - what this kernel can do, and options of its sockets. */
#ifndef LASTCALL_KERNEL_H
#define LASTCALL_KERNEL_H

#include "lastcall/loop.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The result of the start-up self-test. */
typedef struct lc_features {
  /* 1: a listener can be hidden from new clients without losing those whose handshake is under
   * way. */
  int hide;
  /* 1: half-open handshakes can be counted. */
  int sock_diag;
  /* "hide" or "accept-close": how the library stops a TCP listener of its own. */
  const char *stop;
  /* Why a listener cannot be hidden: the kernel's code, or -EOPNOTSUPP where the option has no
   * effect. Else 0. */
  int hide_code;
  /* Why handshakes cannot be counted, likewise. */
  int sock_diag_code;
} lc_features;
/* The first call, or the first TCP listener, makes the test. */
const lc_features *lc_loop_features(lc_loop *loop);

/* Socket options by name ("nodelay", "rcvbuf", "user_timeout", ...), on any descriptor. Returns 0,
 * -ENOENT for an unknown name, or the kernel's code. */
int lc_sockopt_set(const lc_sys *sys, int fd, const char *name, int value);
int lc_sockopt_get(const lc_sys *sys, int fd, const char *name, int *value);
/* The known names by index; NULL past the last. */
const char *lc_sockopt_name(unsigned index);

#ifdef __cplusplus
}
#endif

#endif
