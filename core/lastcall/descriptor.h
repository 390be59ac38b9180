/* lastcall/descriptor.h - connections of descriptors that the program was given: sockets, ends of
 * pipes, terminals. */
#ifndef LASTCALL_DESCRIPTOR_H
#define LASTCALL_DESCRIPTOR_H

#include "lastcall/settings.h"
#include "lastcall/state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a descriptor names. The first four carry a stream of bytes. */
typedef enum lc_descriptor_kind {
  LC_DESCRIPTOR_SOCKET,   /* a stream socket, of TCP or of the unix domain, that does not listen */
  LC_DESCRIPTOR_PIPE,     /* an end of a pipe, or a FIFO */
  LC_DESCRIPTOR_TERMINAL, /* the side of the program that runs in it */
  LC_DESCRIPTOR_DEVICE,   /* another character device, or the side that shows a pseudo-terminal */
  LC_DESCRIPTOR_LISTENER,
  LC_DESCRIPTOR_MESSAGES, /* a socket of datagrams, or one that is no stream of bytes */
  LC_DESCRIPTOR_FILE,     /* a regular file, or a disk */
  LC_DESCRIPTOR_DIRECTORY,
  LC_DESCRIPTOR_OTHER
} lc_descriptor_kind;

/* Returns the kind, or a code: LC_CLOSED when the descriptor is not open. `goes_both_ways`: whether
 * bytes can be read and written. */
int lc_descriptor_look(lc_server *server, int fd, int *goes_both_ways);

/* Makes a connection of a descriptor, which belongs to the connection from then on. `settings`
 * (NULL: the server's) are copied. Returns 0; or a code, and the descriptor stays the caller's.
 *
 *   -EEXIST   the loop watches the descriptor already: it is that of another connection
 *   -EPERM    a device that events do not tell of
 *   -EINVAL   no stream of bytes: lc_descriptor_look says what it is
 *   -ENOTCONN a socket that is not connected, or whose peer has reset it
 *
 * O_NONBLOCK belongs to the open file description, which other processes may share. Of a pipe or a
 * terminal that blocks, the connection opens a description of its own by /proc, and the given
 * descriptor is closed: others see no change. Where that fails, a terminal is refused with the
 * code, and O_NONBLOCK is set on the pipe's. Sockets and devices get O_NONBLOCK. All get
 * FD_CLOEXEC. The connection of descriptor 0, 1 or 2 has another number, and /dev/null takes that
 * place. */
int lc_conn_own(lc_server *server, int fd, const lc_settings *settings, lc_conn **conn);

#ifdef __cplusplus
}
#endif

#endif
