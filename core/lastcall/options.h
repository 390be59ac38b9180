/* lastcall/options.h - options of a server, of its listeners, and of a drain. */
#ifndef LASTCALL_OPTIONS_H
#define LASTCALL_OPTIONS_H

#include "lastcall/address.h"
#include "lastcall/settings.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How long a shutdown takes, and its steps. The comments begin with the default. */
typedef struct lc_drain_options {
  /* 25 s: the whole of it. */
  lc_time timeout;
  /* 0: still accepting, but not ready. Only the process's ladder uses it. */
  lc_time delay;
  /* 5 s: the longest wait for handshakes under way. */
  lc_time settle;
  /* 1 s: a connection that may be idle, but has not said so, counts as idle after this silence. */
  lc_time quiet;
  /* 1 s, at most a tenth of timeout: between cancel and kill. */
  lc_time grace;
  /* Time kept back for hooks, if there are any. Negative, the default: a fifth of timeout, or of
   * the time that a shutdown is given. */
  lc_time hooks;
  /* 0: idle connections are closed one after the other over this time. */
  lc_time spread;
} lc_drain_options;

/* How bytes cross a descriptor: as they are, encrypted, framed. core/conn/transport.h says what a
 * transport does, and what becomes of the connection when it fails. During its handshake nothing
 * can be read, and what is written waits. */
typedef struct lc_transport lc_transport;
/* What the bytes mean: core/conn/protocol.h. */
typedef struct lc_protocol lc_protocol;

/* The comments begin with the default. */
typedef struct lc_server_options {
  /* 0: as many as the limit of descriptors leaves. */
  uint32_t max_connections;
  /* 0. 1: the server has connections made with lc_conn_connect only, and the process's shutdown
   * leaves it alone. */
  int is_outbound;
  /* 1: the report counts connections whose last bytes no handler received. 0: for protocols whose
   * clients still send something, such as a goodbye, after our FIN. */
  int late;
  /* 0: `opened` has new connections. 1: they wait for lc_server_accept, and `opened` is not
   * called. */
  int accepts_by_hand;
  /* 1: a drain closes idle connections, as lc_conn_dismiss does. 0: `draining` names them, and the
   * embedder closes them. */
  int closes_idle;
  /* 1: LC_STEP_CANCEL closes connections, as their protocol takes leave. 0: the embedder ends its
   * own work then. */
  int closes_at_cancel;
  /* NULL: bytes cross as they are. */
  const lc_transport *transport;
  /* 4096: so many handshakes of the transport may be under way at once; further clients wait in the
   * kernel's queue. 0: no limit. */
  uint32_t max_handshakes;
  /* NULL: the library guesses by what tasks wait for. */
  const lc_protocol *protocol;
  lc_settings settings;
  lc_drain_options drain;
} lc_server_options;
/* Sets all of them to the defaults. */
void lc_server_options_init(lc_server_options *options);
/* Brings grace and hooks within the bounds that timeout sets, and LC_NEVER to 73 years.
 * lc_server_new and lc_shutdown_new do the same with their copies. */
void lc_drain_options_fit(lc_drain_options *drain);

/* The comments begin with the default. */
typedef struct lc_listen_options {
  int backlog;   /* 4096 */
  int reuseaddr; /* 1 */
  int reuseport; /* 0; 1: other sockets may listen on the address too (a SO_REUSEPORT group) */
  /* The place of this socket in its group, from 0, in the order of listen(), and the size of the
   * group: when the listener stops, new clients are steered to the others. 0 and 0: not known. */
  int reuseport_place;
  int reuseport_of;
  int ipv6_only;    /* 0 */
  int defer_accept; /* 0; seconds */
  int unix_mode;    /* -1: as the umask leaves it */
  int shared;       /* 0; 1: another process accepts from the same socket too */
  /* For a descriptor: the path by which clients know a unix-domain socket, where the kernel has
   * another name for it. NULL: the kernel's name. */
  const lc_address *known_as;
  /* Called with the socket before bind. Returns 0, or a code with which listening then fails. */
  int (*control)(int fd, void *user);
  void *user; /* of `control` */
} lc_listen_options;
void lc_listen_options_init(lc_listen_options *options);

#ifdef __cplusplus
}
#endif

#endif
