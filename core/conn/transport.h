/* transport.h - how the bytes of a connection cross its descriptor: unchanged (plain.c; pipe.c
 * where it is no socket), encrypted, framed, or moved by the embedder (foreign.c).
 *
 *   begin ---> open, repeatedly ---> receive, send ---> finish, repeatedly ---> end
 *     |           |                    |                 |                        ^
 *     `-----------+--------------------+-----------------+------------------------'
 *                                                          a failure, a reset
 *
 * No call blocks. A call that cannot go on returns LC_AGAIN, and sets `wants` to the event that it
 * waits for, because a TLS read may have to write first. It may wait for an event only after the
 * kernel has refused a read or a write, because the poller reports changes only. A call that does
 * not set `wants` waits for LC_POLL_IN when it receives, and for LC_POLL_OUT otherwise.
 *
 * A call may receive and send whatever it needs, and keep bytes in its state. No event announces
 * the bytes that a send or a finish has received: it sets `has_received`, and the core calls
 * `unread`. When a send waits for LC_POLL_IN, the core tries it again even if a receive has already
 * taken the bytes.
 *
 * The list below says what the core does when a call fails. A code is LC_RESET, LC_BROKEN_PIPE, ...
 * or -errno, down to INT16_MIN. -EAGAIN is a failure and does not mean LC_AGAIN.
 *
 *   begin     the core closes the descriptor, and the owner never hears of the connection;
 *             accepting pauses, as after any shortage
 *   open      the transport ends, and the connection closes with the code, as orderly as any: what
 *             the transport has said last is to arrive. An owner that has not heard of the
 *             connection is told the code alone
 *   receive   the connection ends with the code; but the reader gets -ENOMEM and -ENOBUFS, and may
 *             try again; and LC_TRUNCATED is an end like 0: the peer has finished, and the transport
 *             knows that bytes are missing, or cannot know that none are
 *   send      the connection ends with the code; but after -ENOMEM and -ENOBUFS the core tries
 *             again
 *   finish    the connection ends with the code
 *   unread    the result counts as 0
 *   unacked   the result counts as unknown: delivery is not confirmed, and the connection ends
 *             after its linger
 *
 * A call that returns LC_AGAIN for ever ends with a limit of the settings: handshake_timeout,
 * first_byte_timeout and max_age in `open`, read_timeout, write_timeout, and the linger in
 * `finish`. The ladder ends it in any case.
 *
 * The connection ends with -EPROTO when a receive returns more bytes than it had room for, when a
 * send returns more than it was given, when any other call returns a positive result, or when a
 * code is below INT16_MIN. The core cannot guard against a transport that writes beyond its room.
 *
 * A transport may come from another module, which does not see the core's functions. It calls the
 * kernel only through `sys`. `version` is that of this table and of sys.h at the time when the
 * transport was compiled.
 */
#ifndef LC_TRANSPORT_H
#define LC_TRANSPORT_H

#include <sys/uio.h>

#include "sys/sys.h"

#define LC_TRANSPORT_VERSION 7
_Static_assert(sizeof(lc_sys) == 86 * sizeof(void *),
               "sys.h has other calls: LC_TRANSPORT_VERSION grows");
/* Where modules of a script's exchange transports: the name of the metatable of a userdata that
 * holds one pointer to a table such as this one. */
#define LC_TRANSPORT_TYPE "lastcall.transport"

typedef struct lc_line {
  const lc_sys *sys;
  int fd;
  void *state;    /* the transport's, of this connection */
  uint32_t wants; /* LC_POLL_IN, LC_POLL_OUT, or both */
  int keeps;      /* set by a send that has taken bytes which the kernel refused */
  /* beside `keeps` or LC_AGAIN: no event will come, because the kernel lacks memory. The core tries
   * again a little later */
  int lacks_memory;
  int has_received; /* set by a send or a finish that has received bytes */
  /* set by a receive that has emptied the kernel's buffer, and keeps nothing for the next */
  int has_all;
  int has_more; /* of a send: more bytes follow at once */
} lc_line;

struct lc_transport {
  unsigned version;
  const char *name;
  /* The embedder moves its handlers' bytes past the calls below (foreign.c). What these receive is
   * no handler's, and serves the end of the connection alone. */
  int is_bypassed;
  int is_secret; /* nobody on the way can read the bytes */
  /* The transport keeps no bytes itself. A receive that returns less than its room has emptied the
   * kernel's buffer, and a send that returns less than it was given has filled it. */
  int is_in_place;

  /* Makes `*state`. The core passes it to `end`, also when `begin` fails. May be NULL. Returns 0 or
   * a code. */
  int (*begin)(const lc_transport *transport, int is_outbound, void **state);
  /* Exchanges a handshake or a header, before the owner hears of the connection. NULL: there is
   * none. Returns 0, LC_AGAIN, or a code. */
  int (*open)(lc_line *line);
  /* Returns how many bytes came, 0 when the peer has finished, or a code. NULL: nothing can be
   * received, as at the write end of a pipe. */
  ssize_t (*receive)(lc_line *line, void *into, size_t room);
  /* Returns how many of the bytes it has taken, or a code. It may take less than it could: the core
   * calls it again until it returns LC_AGAIN or 0, which mean the same. After LC_AGAIN the core may
   * offer other bytes. So a transport that has encoded bytes takes them, and keeps what the kernel
   * refuses. Each call that leaves kept bytes sets `keeps`. The core then calls again, without
   * pieces if there is nothing else to send, and the transport sends the kept bytes first. NULL:
   * nothing can be sent. */
  ssize_t (*send)(lc_line *line, const struct iovec *pieces, int count);
  /* Sends a piece of a file without a copy. Returns how many bytes it has sent; 0 when the file
   * ends before `offset`; LC_AGAIN when the kernel is full; or another code: then the core reads
   * the piece and sends it. May be NULL. */
  ssize_t (*send_file)(lc_line *line, int file, uint64_t offset, size_t size);
  /* The same as `send`, with descriptors that go with the first byte, and stay the core's. NULL:
   * none can cross. */
  ssize_t (*send_fds)(lc_line *line, const struct iovec *pieces, int count, const int *fds,
                      int fd_count);
  /* The same as `receive`, with up to `*fd_count` descriptors, close-on-exec, which become the
   * core's. Sets `*fd_count` to how many came. Sets `*lost` when there were others, which the
   * kernel or the transport has closed. There when `send_fds` is. */
  ssize_t (*receive_fds)(lc_line *line, void *into, size_t room, int *fds, int *fd_count,
                         int *lost);
  /* Returns how many bytes have come and were not received, or a code. Bytes that no event
   * announces count too; an estimate may be too large. After a receive has returned LC_AGAIN, the
   * result is 0 until more bytes come. Kept bytes of an incomplete record do not count, or else the
   * connection would not be idle while it waits for the rest. */
  int (*unread)(lc_line *line);
  /* Returns how many bytes the peer's host has not acknowledged, or a code. Kept bytes and our FIN
   * count too. */
  int (*unacked)(lc_line *line);
  /* Ends sending: the kept bytes, a last record of its own, then the FIN. Returns 0, LC_AGAIN, or a
   * code. */
  int (*finish)(lc_line *line);
  /* Of a descriptor that is no socket: 0, or the code of a failure that an event has told. Only
   * close() ends what such a descriptor sends, so `finish` is NULL; and no event tells that the
   * peer has taken everything, so the closing looks, by `unacked`, which is exact. NULL: a socket,
   * whose SO_ERROR tells. */
  int (*error)(lc_line *line);
  /* Says more about the failure that the last call returned: a static string, or NULL. May be
   * NULL. */
  const char *(*explain)(const void *state);
  void (*end)(void *state); /* frees the state; may be NULL */
};

#endif
