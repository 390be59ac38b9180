/* transport.h - how the bytes of a connection cross its descriptor: as they are (plain.c), or encrypted, framed, moved
 * by the embedder (foreign.c).
 *
 *   begin ----> open, again and again ----> receive, send ----> finish, again and again ----> end
 *     |              |                           |                |                            ^
 *     `--------------+---------------------------+----------------+----------------------------'  a failure, a reset
 *
 * No call waits. A call that cannot go on says LC_AGAIN, and in `wants` which event it waits for: a TLS read may have to
 * write first. It waits for an event only after the kernel has refused, for events come at edges. Where `wants` is left
 * alone, receiving waits for LC_POLL_IN, and all else for LC_POLL_OUT.
 *
 * A call may receive and send whatever it needs, and keep it in its state. So the core asks `unread` after each send
 * whether bytes have come that no event will tell of. A send that waits for LC_POLL_IN is tried again although a receive
 * has taken what came: the event tells of the room to write at least.
 *
 * What the core does when a call fails. A code is LC_RESET, LC_BROKEN_PIPE, ... or -errno, down to INT16_MIN; -EAGAIN is
 * a failure, not LC_AGAIN.
 *
 *   begin          the descriptor is closed, and nobody hears of it; accepting pauses, as for any shortage
 *   open           the connection ends with the code. Where the owner has not heard of it, it never does
 *   receive        it ends with the code; -ENOMEM and -ENOBUFS the reader is told, and may try again
 *   send           it ends with the code; after -ENOMEM and -ENOBUFS the core tries again soon
 *   finish         it ends with the code
 *   unread         counts as 0
 *   unacked        counts as unknown: the connection is not known to have delivered, and ends when its linger is over
 *   LC_AGAIN for ever    ends with the limit of what waits: first_byte_timeout and max_age in open, read_timeout,
 *                  write_timeout, in finish the linger; and with the ladder in any case
 *
 * More bytes than there was room for, more sent than was given, a positive result of any other call, a code below
 * INT16_MIN: the connection ends with -EPROTO. A transport that writes beyond the room it was given cannot be helped.
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
  int keeps;      /* of a send: it has taken bytes that the kernel has refused */
} lc_line;

struct lc_transport {
  unsigned version;
  const char *name;
  int is_opaque; /* what is in the kernel says nothing of the bytes that handlers are given */
  /* What it has not received, and not sent, is the kernel's: less than asked for means that there was no more, or no
   * more room. */
  int is_in_place;

  /* Makes `*state`, which `end` frees, also when this fails; NULL where there is none. 0 or a code. */
  int (*begin)(const lc_transport *transport, int is_outbound, void **state);
  /* A handshake, or a header, before the owner hears of the connection; NULL: there is none. 0, LC_AGAIN, or a code. */
  int (*open)(lc_line *line);
  /* How many bytes, 0 at the peer's end, or a code. */
  ssize_t (*receive)(lc_line *line, void *into, size_t room);
  /* How many of the bytes it has taken, or a code. It may take less than it could: it is called again until it says
   * LC_AGAIN or 0, which mean the same. After LC_AGAIN it may be given other bytes. So a transport that has encoded
   * some takes them, keeps what the kernel refuses, and says so in `keeps`, at each call that leaves something: it is
   * called again, without pieces if there is nothing else to send, and sends what it has kept first. */
  ssize_t (*send)(lc_line *line, const struct iovec *pieces, int count);
  /* How many bytes have come and were not received, those that no event tells of included; an estimate may be too
   * large. 0 after a receive has said LC_AGAIN, until more comes: what it keeps of a unit that is not whole does not
   * count, or the connection would not be idle while it waits for the rest. Or a code. */
  int (*unread)(lc_line *line);
  /* What the peer's host has not acknowledged, what is kept and our FIN included; or a code. */
  int (*unacked)(lc_line *line);
  /* Nothing more is sent: what is kept, last words, then the FIN. 0, LC_AGAIN, or a code. */
  int (*finish)(lc_line *line);
  void (*end)(void *state); /* frees it, if there is one */
};

#endif
