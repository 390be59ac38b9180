/* transport.h - how the bytes of a connection cross its descriptor: as they are (plain.c), or encrypted, framed, moved
 * by the embedder (foreign.c).
 *
 *   begin ----> open, again and again ----> receive, send ----> finish ----> end
 *     |              |                           |                |           ^
 *     `--------------+---------------------------+----------------+-----------'  a failure, a reset
 *
 * A call that cannot go on says LC_AGAIN, and in `wants` which event it waits for: a TLS read may have to write first.
 * It waits for an event only after the kernel has refused, for events come at edges. Where `wants` is left alone, receiving
 * waits for LC_POLL_IN, and all else for LC_POLL_OUT.
 *
 * A transport may come from another module, which does not see the core's functions: it reaches the kernel by `sys`
 * alone. Its version says which layout of this table, and of sys.h, it was compiled with.
 */
#ifndef LC_TRANSPORT_H
#define LC_TRANSPORT_H

#include <sys/uio.h>

#include "sys/sys.h"

#define LC_TRANSPORT_VERSION 1

typedef struct lc_line {
  const lc_sys *sys;
  int fd;
  void *state;    /* the transport's, of this connection */
  uint32_t wants; /* LC_POLL_IN, LC_POLL_OUT, or both */
} lc_line;

struct lc_transport {
  unsigned version;
  const char *name;
  int is_opaque;   /* what is in the kernel says nothing of the bytes that handlers are given */
  int is_in_place; /* a receive that gives less than it had room for has taken all that there was */

  /* Makes `*state`; NULL where there is none. 0 or a code. */
  int (*begin)(const lc_transport *transport, int is_outbound, void **state);
  /* A handshake, or a header, before the owner hears of the connection; NULL: there is none. 0, LC_AGAIN, or a code. */
  int (*open)(lc_line *line);
  ssize_t (*receive)(lc_line *line, void *into,
                     size_t room); /* bytes, 0 at the peer's end, or a code */
  ssize_t (*send)(lc_line *line, const struct iovec *pieces, int count); /* bytes, or a code */
  /* How many bytes have come and were not received, those that no event tells of included; an estimate may be too
   * large. Or a code. */
  int (*unread)(lc_line *line);
  /* What the peer's host has not acknowledged, our FIN included; or a code. */
  int (*unacked)(lc_line *line);
  int (*finish)(
    lc_line *line);         /* nothing more is sent: the FIN comes last. 0, LC_AGAIN, or a code */
  void (*end)(void *state); /* frees it; NULL where there is none */
};

#endif
