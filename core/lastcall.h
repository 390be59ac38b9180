/* lastcall.h - the whole public face of liblastcall.
 *
 * lastcall is the part of a TCP (or unix-domain stream) server that knows how to
 * leave: it stops listening without losing a client, lets everyone finish, ends
 * on time whatever a peer does, and reports who was slow.
 *
 * Threads. A loop and everything made from it belong to the thread that turns
 * it. Only lc_loop_wake may be called from other threads. There is no global
 * state, except the table of signal handlers; several loops may live in one
 * process.
 *
 * Callbacks are made from inside lc_loop_turn only, never from inside another
 * call, except `state`, which reports a move while it is made. A callback may
 * call anything but lc_loop_turn, lc_loop_free, and lc_server_free, which it
 * may call at LC_STEP_DONE only. What an API call causes is told a moment
 * later, in the same turn or the next.
 *
 * Results. Functions that can fail return 0 or a positive result, or a negative
 * code: one of those below, or another -errno. Times are nanoseconds on the
 * monotonic clock (lc_time); sizes are bytes.
 *
 * Ownership. What lc_x_new gives, lc_x_free takes. Connections are counted:
 * the library holds one reference while the descriptor is open, the embedder
 * takes more with lc_conn_ref. A closed connection stays readable (its state,
 * peer, verdict, statistics, buffered bytes) for as long as somebody holds it,
 * also when server and loop are gone. Options and settings are copied; event
 * tables and `cause` strings are not, and must outlive what they are given to.
 */
#ifndef LASTCALL_H
#define LASTCALL_H

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LC_VERSION "0.1.0"

/* ------------------------------------------------------------------ time -- */

typedef int64_t lc_time;
#define LC_NEVER INT64_MAX
#define LC_MILLISECOND ((lc_time)1000000)
#define LC_SECOND ((lc_time)1000000000)

/* Seconds to lc_time: clamps to [-LC_NEVER, LC_NEVER]; not-a-number gives 0. */
lc_time lc_seconds(double seconds);
double lc_to_seconds(lc_time time);
/* a + b without overflow; LC_NEVER stays LC_NEVER. */
lc_time lc_time_add(lc_time a, lc_time b);
lc_time lc_time_earlier(lc_time a, lc_time b);

/* ----------------------------------------------------------------- codes -- */

#define LC_AGAIN (-EAGAIN)         /* nothing yet: wait for `ready` */
#define LC_EOF (-ENODATA)          /* the peer finished cleanly */
#define LC_RESET (-ECONNRESET)     /* the peer reset the connection */
#define LC_BROKEN_PIPE (-EPIPE)    /* wrote after the peer had left */
#define LC_TIMEOUT (-ETIME)        /* a deadline of ours passed */
#define LC_PEER_LOST (-ETIMEDOUT)  /* keepalive, user timeout or heartbeat gave the peer up */
#define LC_CLOSED (-EBADF)         /* we closed it */
#define LC_DRAINING (-ESHUTDOWN)   /* this would begin new work, and the server is leaving */
#define LC_CANCELED (-ECANCELED)   /* the operation was canceled */
#define LC_TOO_LONG (-EMSGSIZE)    /* over the limit that the caller or the options set */
#define LC_FULL (-EDQUOT)          /* a queue is full */
#define LC_HOST_NOT_FOUND (-ENXIO) /* the name has no address */

/* The word of doc/contract.md for a code ("reset", "peer lost", "address in
 * use"), else the name of the errno in lower case ("emfile"). Static storage. */
const char *lc_code_name(int code);
/* A sentence fragment for people, as strerror gives. Static storage. */
const char *lc_code_text(int code);
/* "ECONNRESET" for what the kernel reported; NULL for codes of our own, and numbers that are none. */
const char *lc_code_errno(int code);

/* ------------------------------------------------------------- addresses -- */

typedef struct lc_address {
  union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
  } of;
  socklen_t length;
} lc_address;

#define LC_HOST_MAX 255         /* bytes of a host name, as DNS allows */
#define LC_ADDRESS_TEXT_MAX 320 /* enough for lc_address_format's longest result */

/* An address as people write it, taken apart but not looked up. */
typedef struct lc_endpoint {
  int is_unix;                /* then only `path` counts */
  char host[LC_HOST_MAX + 1]; /* "" for every interface */
  uint16_t port;
  char path[108]; /* first byte 0 for an abstract name */
  size_t path_length;
} lc_endpoint;

/* "host:port", "[v6]:port", ":port" or "*:port" (every interface, dual stack),
 * "unix:/path", "unix:@name" (abstract). A port is 0 to 65535, in digits. 0, or
 * -EINVAL with `*problem` saying what is wrong and what would be right. */
int lc_endpoint_parse(const char *text, size_t length, lc_endpoint *endpoint, const char **problem);

/* Without a look-up: 0 when the endpoint is a path, a numeric address or every
 * interface, else -EINVAL (it is a name: ask lc_resolve). An empty host gives
 * the IPv6 wildcard. */
int lc_endpoint_address(const lc_endpoint *endpoint, lc_address *address);

/* "127.0.0.1:80", "[::1]:80", "unix:/path", "unix:@name", "unix:" (unnamed).
 * An IPv4 address mapped into IPv6 is shown as IPv4. `size` at least
 * LC_ADDRESS_TEXT_MAX. Returns `text`. */
char *lc_address_format(const lc_address *address, char *text, size_t size);
/* The parts: host (or path) without brackets, port (0 for unix), and "inet",
 * "inet6" or "unix". `host` has room for LC_HOST_MAX + 1. */
const char *lc_address_parts(const lc_address *address, char *host, uint16_t *port);

/* ------------------------------------------------------------------ loop -- */

typedef struct lc_sys lc_sys; /* core/sys/sys.h: the seam to the operating system */
typedef struct lc_loop lc_loop;

/* A loop on `sys` (NULL: the real kernel). NULL with `*error` set to a code when a descriptor
 * or memory is lacking. */
lc_loop *lc_loop_new(const lc_sys *sys, int *error);
/* Closes what is left, without ceremony: connections are reset, listeners and servers go with it. No
 * callback. The embedder's own timers, polls, queries and the shutdown are closed or freed before. */
void lc_loop_free(lc_loop *loop);

/* One turn: waits at most `timeout` nanoseconds for something to happen (0: not
 * at all; LC_NEVER: until it does), then does a bounded share of it. 0, or a
 * code when waiting itself failed. */
int lc_loop_turn(lc_loop *loop, lc_time timeout);
/* What it was made on. Static, or the embedder's. */
const lc_sys *lc_loop_sys(const lc_loop *loop);
/* Makes the turn under way, or the next one, return without waiting. Any thread. */
void lc_loop_wake(lc_loop *loop);
/* The same for the loop's own thread, where it mostly costs no system call. */
void lc_loop_hurry(lc_loop *loop);

/* The clock as read when the last wait ended; lc_loop_clock reads it now. */
lc_time lc_loop_now(const lc_loop *loop);
lc_time lc_loop_clock(const lc_loop *loop);

/* For another loop around this one: a descriptor that is readable when there is
 * something to do, and when lc_loop_turn must be called at the latest (0: at
 * once; LC_NEVER: only when the descriptor is readable). */
int lc_loop_pollfd(const lc_loop *loop);
lc_time lc_loop_next(const lc_loop *loop);

/* `run` is called once in each turn, after the events and timers of that turn;
 * while it returns non-zero, the next turn does not wait. One per loop. */
void lc_loop_on_turn(lc_loop *loop, int (*run)(void *user), void *user);

/* Calls `seen` in the turn after the signal arrived, with how often it came and
 * when; what a person would mean as several presses is told one by one. NULL
 * stops, and restores the disposition that was there before. 0, -EBUSY when
 * another loop owns the signal, -EINVAL for one that cannot be caught, -ENOMEM. */
int lc_loop_signal(lc_loop *loop, int number,
                   void (*seen)(void *user, int signal, unsigned count, lc_time at), void *user);

/* Waiting for a descriptor that somebody else owns and uses. `ready` is called once for each
 * lc_poll_want, with LC_READABLE and LC_WRITABLE as they are; an error counts as both. The descriptor
 * is never closed here, and may be closed by its owner while nothing is wanted. NULL for lack of memory. */
typedef struct lc_poll lc_poll;
lc_poll *lc_poll_new(lc_loop *loop, int fd, void (*ready)(void *user, unsigned what), void *user);
/* Waits for one of LC_READABLE and LC_WRITABLE, in place of what was wanted before; 0: for nothing.
 * A connection's own descriptor will do. -EPERM for what is always ready (a regular file), -EBADF, -ENOMEM,
 * -EMFILE. */
int lc_poll_want(lc_poll *poll, unsigned what);
void lc_poll_free(lc_poll *poll);

/* The same for any of several descriptors: `ready` is called in a turn as soon as one of them is ready for what
 * its `events` (POLLIN, POLLOUT) ask, or has failed; which one, poll() tells. They may be watched by
 * the loop already, even here. NULL with `*error` set; lc_select_end ends the wait and frees it. */
struct pollfd;
typedef struct lc_select lc_select;
lc_select *lc_select_begin(lc_loop *loop, const struct pollfd *fds, unsigned count,
                           void (*ready)(void *user), void *user, int *error);
void lc_select_end(lc_select *wait);

typedef struct lc_loop_stats {
  uint64_t turns;
  uint64_t events;
  lc_time longest_turn; /* from the end of a wait to the beginning of the next */
  uint32_t connections; /* open descriptors of connections */
  uint32_t timers;      /* armed */
} lc_loop_stats;
void lc_loop_stats_get(const lc_loop *loop, lc_loop_stats *stats);
void lc_loop_stats_reset(lc_loop *loop); /* begins a new longest_turn */
/* Work of the embedder's between two turns took so long: it counts as one of them. */
void lc_loop_held(lc_loop *loop, lc_time took);

/* A turn has 5 ms besides its numbers, in shares of one: the library's timers, ladders and jobs have one each, and `run`
 * may take two. lc_loop_share begins one: `kind` says what is done in it. lc_loop_share_is_over is called after each
 * piece of work: once it says 1, the rest is for the next turn, and comes first in it. It mostly costs a few
 * instructions. */
void lc_loop_share(lc_loop *loop, const char *kind);
int lc_loop_share_is_over(lc_loop *loop);

/* What took long in a turn: one piece of work, or several short ones of a kind together. */
typedef struct lc_part {
  const char *kind; /* "events", "timers", "ladders", "jobs", or the embedder's */
  uint64_t id;      /* the embedder's: those of the same kind and id are added up; 0: of several */
  lc_time took;
  char text[160]; /* the embedder's */
} lc_part;

typedef struct lc_turn_events {
  /* The piece of work just done in a share of the embedder's, or under way, took long: sets kind, id and text.
   * May be NULL. */
  void (*describe)(lc_part *part, void *user);
  /* A turn took so long; its longest parts, the longest first. Called at its end. */
  void (*held)(lc_time took, const lc_part *parts, unsigned count, void *user);
} lc_turn_events;
/* Tells of turns that take `bound` or longer; LC_NEVER: of none, as it is in the beginning. */
void lc_loop_watch_turns(lc_loop *loop, lc_time bound, const lc_turn_events *events, void *user);
/* The embedder's piece of work under way, of this kind and id, has been told of by itself: it counts no more. */
void lc_loop_told(lc_loop *loop, const char *kind, uint64_t id);

/* What the start-up self-test found; made by the first call or the first TCP listener. */
typedef struct lc_features {
  int hide;         /* a listener can be hidden from new clients without losing those under way */
  int sock_diag;    /* half-open handshakes can be counted */
  const char *stop; /* "hide" or "accept-close": how a TCP listener of our own is stopped */
  int
    hide_code; /* why not: 0, or what the kernel said; -EOPNOTSUPP where the option has no effect */
  int sock_diag_code; /* likewise */
} lc_features;
const lc_features *lc_loop_features(lc_loop *loop);

/* Socket options by name ("nodelay", "rcvbuf", "user_timeout", ...), on any descriptor. 0, -ENOENT for
 * a name that is not known, or the kernel's code. lc_sockopt_name gives the known names, NULL past
 * the last. */
int lc_sockopt_set(const lc_sys *sys, int fd, const char *name, int value);
int lc_sockopt_get(const lc_sys *sys, int fd, const char *name, int *value);
const char *lc_sockopt_name(unsigned index);

/* A timer is embedded in the embedder's own structure, zeroed, and opened once:
 * 0 or -ENOMEM. From then on setting it cannot fail; `at` is absolute, LC_NEVER
 * clears, and setting one that is armed moves it. `fire` runs in a turn, never
 * early, with the timer cleared, so that it may be set again or freed there.
 * Closing clears; it is harmless on one that is zeroed or closed. */
typedef struct lc_timer lc_timer;
struct lc_timer {
  uint32_t index; /* its place in the heap, from 1; 0 when it is not armed */
  uint32_t is_open;
  void (*fire)(lc_timer *timer, lc_time now);
};
int lc_timer_open(lc_loop *loop, lc_timer *timer, void (*fire)(lc_timer *timer, lc_time now));
void lc_timer_close(lc_loop *loop, lc_timer *timer);
void lc_timer_set(lc_loop *loop, lc_timer *timer, lc_time at);
void lc_timer_clear(lc_loop *loop, lc_timer *timer);

/* A question to the system's resolver, asked on a thread of its own; several are asked at once. */
#define LC_ADDRESSES_MAX 8
typedef struct lc_query lc_query;
struct lc_query {
  char host[LC_HOST_MAX + 1];
  uint16_t port;
  void (*answered)(lc_query *query); /* in a turn of the loop */
  void *user;
  int result; /* how many of `found` there are, or a code */
  lc_address found[LC_ADDRESSES_MAX];
  /* Another question than for the addresses of `host`: `ask` is called on a thread of the resolver's, `drop`
   * when the query is canceled, as it must be in the end, answered or not. While the question is being asked
   * its thread alone touches it, and drops it if it was canceled. NULL: that one. */
  void (*ask)(void *question);
  void (*drop)(void *question);
  void *question;
  lc_query *next;  /* the resolver's, as what follows */
  uint64_t ticket; /* which of all its questions this one is */
  int stage;
};
/* Asks for the addresses of query->host, with query->port in them; the rest of the query is zeroed but
 * for `answered` and `user`. It is the library's until answered or canceled. 0, -ENOMEM, or the code
 * with which no thread could be had. */
int lc_resolve(lc_loop *loop, lc_query *query);
/* `answered` will not be called; the query may be freed at once. Nothing waits for libc, whose answer is thrown
 * away: its thread may outlive the loop, but not the program's code (see dlclose). */
void lc_resolve_cancel(lc_loop *loop, lc_query *query);
/* The same, blocking the thread: for set-up. Fills query->found and returns result. */
int lc_resolve_blocking(lc_loop *loop, lc_query *query);

/* -------------------------------------------------------------- settings -- */

typedef struct lc_keepalive {
  lc_time idle;     /* silence before the first probe */
  lc_time interval; /* between probes */
  int count;        /* probes unanswered before the peer is given up; 0: keepalive off */
} lc_keepalive;

/* Signs of life in the application's own words: after `interval` without a byte from the peer the
 * `heartbeat` callback may ask for one, and `timeout` later the peer is lost (LC_PEER_LOST, reset). */
typedef struct lc_heartbeat {
  lc_time interval; /* LC_NEVER: off */
  lc_time timeout;
} lc_heartbeat;

#define LC_LINGER_BACKGROUND (-1) /* the same steps as a positive linger, nobody waits */

/* What one connection goes by. A server's connections share the server's until one is changed. */
typedef struct lc_settings {
  lc_time linger;             /* 3 s; 0 resets; negative: background */
  uint64_t linger_bytes;      /* 1 MiB: what is discarded at most while lingering */
  lc_keepalive keepalive;     /* 30 s, 10 s, 3 */
  lc_time user_timeout;       /* 60 s, as lc_keepalive_user_timeout gives; 0: off */
  lc_heartbeat heartbeat;     /* off; 10 s to answer */
  lc_time read_timeout;       /* LC_NEVER: ends a read with LC_TIMEOUT */
  lc_time write_timeout;      /* 30 s: ends a write with LC_TIMEOUT */
  lc_time first_byte_timeout; /* LC_NEVER: closes a connection that has not said a word */
  lc_time idle_timeout;       /* LC_NEVER: closes one that has been idle for so long */
  lc_time max_age;            /* LC_NEVER: closes one at its next idle moment; +-10 % of jitter */
  size_t max_line;            /* 64 KiB: what an embedder gives lc_conn_read_until */
  size_t max_read;            /* 16 MiB: the longest single read */
  size_t max_queue;           /* 256 KiB: posted and not yet sent */
  size_t gather; /* 16 KiB, 64 KiB at most: bytes kept together; 0 sends each write at once */
  int nodelay;   /* 1 */
} lc_settings;

typedef struct lc_drain_options {
  lc_time timeout; /* 25 s: the whole of it */
  lc_time delay;   /* 0: still accepting, but not ready; of the process's ladder alone */
  lc_time settle;  /* 5 s: the longest wait for handshakes under way */
  lc_time quiet;   /* 1 s: silence after which a connection counts as idle without having said so */
  lc_time grace;   /* 1 s, at most a tenth of timeout: between cancel and kill */
  lc_time
    hooks; /* kept back for hooks, if any; negative: a fifth of timeout, or of the time that a shutdown is given */
  lc_time spread; /* 0: idle connections are closed over so long a time */
} lc_drain_options;

/* How bytes cross a descriptor: core/conn/transport.h. */
typedef struct lc_transport lc_transport;
/* What they mean: core/conn/protocol.h. */
typedef struct lc_protocol lc_protocol;

typedef struct lc_server_options {
  uint32_t max_connections; /* 0: what the descriptor limit leaves */
  int is_outbound;          /* only for lc_conn_connect: the process's shutdown passes it by */
  int
    late; /* 1: the report counts those whose last bytes no handler was given; 0 where clients say goodbye after our FIN */
  /* Who decides. What the embedder takes on, the server does no more. */
  int accepts_by_hand; /* 0; 1: connections wait for lc_server_accept, and `opened` is not called */
  int
    closes_idle; /* 1: a drain closes connections that are idle, as by lc_conn_dismiss; 0: `draining` tells of
                           them, and the embedder closes them */
  int
    closes_at_cancel; /* 1: connections are closed at LC_STEP_CANCEL; 0: the embedder ends its own work then */
  const lc_transport *transport; /* NULL: bytes as they are */
  const lc_protocol *protocol;   /* NULL: guessed by what tasks wait for */
  lc_settings settings;
  lc_drain_options drain;
} lc_server_options;
/* All of it as the comments say. */
void lc_server_options_init(lc_server_options *options);
/* Brings grace and hooks into their bounds, by timeout, and LC_NEVER to 73 years; lc_server_new and
 * lc_shutdown_new do the same with their copies. */
void lc_drain_options_fit(lc_drain_options *drain);
/* The user timeout that goes with it: idle + interval * count, 0 when keepalive is off. */
lc_time lc_keepalive_user_timeout(const lc_keepalive *keepalive);

typedef struct lc_listen_options {
  int backlog;   /* 4096 */
  int reuseaddr; /* 1 */
  int reuseport; /* 0; 1: other sockets may listen on the address too (a SO_REUSEPORT group) */
  /* Which of them this one is, from 0, in the order of listen(), and how many there are: when it
   * stops, new clients are steered to the others. 0 and 0: not known. */
  int reuseport_place;
  int reuseport_of;
  int ipv6_only;    /* 0 */
  int defer_accept; /* 0; seconds */
  int unix_mode;    /* -1: as the umask leaves it */
  int shared;       /* another process accepts from the same socket too */
  /* Called with the socket before bind; a code that it returns makes listen fail with it. 0: go on. */
  int (*control)(int fd, void *user);
  void *user; /* of `control` */
} lc_listen_options;
void lc_listen_options_init(lc_listen_options *options);

/* ---------------------------------------------------------------- states -- */

typedef struct lc_conn lc_conn;
typedef struct lc_server lc_server;

/*  new ----> active <----> idle        new: accepted, not a byte received yet
 *   |  \       |            |          active: somebody owes it work
 *   |   `------+----.-------'          idle: between two requests
 *   v               v                  closing: our side is finished, the peer's is not
 * closed <------ closing               closed: the descriptor is gone
 * (any state may go to closed directly: an abort, a reset; new may go to idle) */
typedef enum lc_state {
  LC_STATE_NEW,
  LC_STATE_ACTIVE,
  LC_STATE_IDLE,
  LC_STATE_CLOSING,
  LC_STATE_CLOSED,
  LC_STATES
} lc_state;
const char *lc_state_name(lc_state state);

/* The ladder of a shutdown, in order. A server goes from LC_STEP_STOP to LC_STEP_KILL; the rest is the process's. */
typedef enum lc_step {
  LC_STEP_SERVING,
  LC_STEP_UNREADY,
  LC_STEP_STOP,
  LC_STEP_DRAIN,
  LC_STEP_CANCEL,
  LC_STEP_KILL,
  LC_STEP_HOOKS,
  LC_STEP_DONE,
  LC_STEPS
} lc_step;
const char *lc_step_name(lc_step step);

/* What `ready` says; several may come together. */
enum {
  LC_READABLE = 1,     /* a read that waited may go on: bytes, or the end, or an error */
  LC_WRITABLE = 2,     /* likewise a write */
  LC_READ_TIMEOUT = 4, /* the deadline of the read that waits has passed */
  LC_WRITE_TIMEOUT = 8,
  LC_ENDED = 16,     /* closed by us or failed: every wait is over, lc_conn_error says why */
  LC_CONNECTED = 32, /* the connect that was under way has succeeded */
  /* The peer's FIN has come; bytes may lie before it. Said once, in any state of waiting. */
  LC_FINISHED = 64,
  /* A unit of a protocol that knows its units is there: lc_conn_unit_ended says when the work for it is done. */
  LC_UNIT = 128
};

/* Something an operator wants in the log. The strings are static or valid during the call. */
typedef struct lc_notice {
  const char *event;   /* "accept paused", "accept resumed", "stop degraded", "flush failed", ... */
  int code;            /* or 0 */
  const char *address; /* of the listener, or NULL */
  lc_conn *conn;       /* or NULL */
  lc_time retry;       /* when it will be tried again, from now; 0 when it will not */
  /* "max_connections reached", and "accept paused" for lack of descriptors: which limit that is, how many
   * connections the server has, and how many clients are connected and wait to be accepted (of a
   * unix-domain socket only whether any do). Else the limit is 0. */
  uint32_t limit;
  uint32_t connections;
  uint32_t queue;
} lc_notice;

/* What a server tells. A callback decides nothing by being there: lc_server_options says who does what. */
typedef struct lc_events {
  /* Accepted, in state new. */
  void (*opened)(lc_conn *conn, void *user);
  /* Something that was waited for has come, or it is all over: LC_READABLE and the other flags. */
  void (*ready)(lc_conn *conn, unsigned what, void *user);
  /* A legal move was made; `cause` is a static string. For taking a note: must not call back. */
  void (*state)(lc_conn *conn, lc_state from, lc_state to, const char *cause, void *user);
  /* The server drains and this connection is idle. */
  void (*draining)(lc_conn *conn, void *user);
  /* Nothing was heard for heartbeat.interval: the moment to lc_conn_post a question. */
  void (*heartbeat)(lc_conn *conn, void *user);
  /* The descriptor is gone and the verdict is known. The last callback for this connection. */
  void (*closed)(lc_conn *conn, void *user);
  /* A connection has left the registry: there is one less. */
  void (*departed)(lc_server *server, void *user);
  /* Connections wait for lc_server_accept; or accepting has ended. */
  void (*acceptable)(lc_server *server, void *user);
  /* The ladder has come to this step. */
  void (*step)(lc_server *server, lc_step step, void *user);
  /* From LC_STEP_DRAIN to LC_STEP_KILL, each connection is reached by each step, some of them each turn: to be told,
   * canceled, noted. After LC_STEP_KILL's it is reset. */
  void (*reached)(lc_conn *conn, lc_step step, void *user);
  /* All have been: what else is to be told, canceled or ended. Non-zero: there is more, and it is called again. */
  int (*reached_all)(lc_server *server, lc_step step, void *user);
  void (*notice)(lc_server *server, const lc_notice *notice, void *user);
} lc_events;

/* ---------------------------------------------------------------- server -- */

/* A server: any number of listeners, one registry of connections, one ladder.
 * `options` NULL: the defaults. `events` must outlive it, each of them may be
 * NULL; `user` is handed to every callback. NULL with `*error` set: -ENOMEM, or
 * -EPROTONOSUPPORT for a transport of another version. A server that never listens is a registry for connections made with
 * lc_conn_connect. */
lc_server *lc_server_new(lc_loop *loop, const lc_server_options *options, const lc_events *events,
                         void *user, int *error);
/* Resets and closes what is left of it; no callbacks. Connections that are still held stay valid. */
void lc_server_free(lc_server *server);

/* Opens a listener. Several are fine. 0, or a code: LC_CLOSED when the server has been told to shut
 * down, LC_DRAINING when the process's ladder has told all servers to stop, -EADDRINUSE, -EACCES, ... */
int lc_server_listen(lc_server *server, const lc_address *address,
                     const lc_listen_options *options);
/* Takes over a listening descriptor; it is the server's from success on, else it stays the caller's:
 * -EINVAL for a socket that does not listen, -ENOTSOCK, -EBADF, LC_CLOSED and LC_DRAINING as above. */
int lc_server_listen_fd(lc_server *server, int fd, const lc_listen_options *options);
/* Stops listeners without losing a client and leaves connections alone. NULL: all of them.
 * How many were stopped; they go on accepting what was under way for a moment. */
int lc_server_unlisten(lc_server *server, const lc_address *address);
/* The i-th address listened on, with the port in use; -ENOENT past the last. */
int lc_server_address(const lc_server *server, unsigned index, lc_address *address);

/* The descriptor of the i-th listener, for options and for looking; -1 when it is closed, or past the
 * last. It stays the server's. */
int lc_server_listener_fd(const lc_server *server, unsigned index);
/* Closes the listeners now, whoever queues there, and leaves connections alone: the server is done
 * when the last of them is gone. */
void lc_server_retire(lc_server *server);

/* Not accepting for a while, and again; clients wait in the kernel's queue meanwhile. */
void lc_server_suspend(lc_server *server);
void lc_server_resume(lc_server *server);

/* Hands connections to `opened` (1) or to lc_server_accept (0, as it begins). */
void lc_server_serve(lc_server *server, int serving);
/* 0 with a connection in state new (the server holds it: lc_conn_ref to keep it), LC_AGAIN, or LC_CLOSED
 * when the last listener has stopped. */
int lc_server_accept(lc_server *server, lc_conn **conn);
/* Whether another connection may still come: a listener is open. */
int lc_server_is_listening(const lc_server *server);

/* Starts the ladder (stop, drain, cancel, kill) that ends at `kill_at` at the
 * latest; a further call can only bring the end nearer. 0. */
int lc_server_shutdown(lc_server *server, lc_time kill_at);
/* When its ladder ends at the latest; LC_NEVER before a shutdown. */
lc_time lc_server_deadline(const lc_server *server);
/* What its ladder goes by, until it begins: as lc_server_options.drain. */
void lc_server_set_drain(lc_server *server, const lc_drain_options *drain);
/* Jumps ahead to LC_STEP_CANCEL or LC_STEP_KILL. Never goes back. */
void lc_server_advance(lc_server *server, lc_step step);
lc_step lc_server_step(const lc_server *server);
/* Whether it has been told to shut down: from that call on, a moment before its first step. */
int lc_server_is_leaving(const lc_server *server);
/* While it is held, a server is not done: tasks it owns. Each hold is released once. */
void lc_server_hold(lc_server *server);
void lc_server_release(lc_server *server);

lc_loop *lc_server_loop(const lc_server *server);
void *lc_server_user(const lc_server *server);
const lc_server_options *lc_server_options_get(const lc_server *server);
/* Connections in a state; LC_STATES: all that are registered, those with tasks left included. */
uint32_t lc_server_count(const lc_server *server, lc_state state);
/* Walks the registry: the first connection (NULL) or the one after `conn`. Connections may be
 * closed on the way, for they leave the registry only in a later turn. */
lc_conn *lc_server_next(const lc_server *server, const lc_conn *conn);
/* The connection with that lc_conn_id, as long as it is registered; else NULL. */
lc_conn *lc_server_find(const lc_server *server, uint64_t id);

typedef struct lc_listener_report {
  lc_address address;
  const char *method; /* "hide", "steer", "close", "shutdown", "accept-close" */
  int lossless;
  int is_unknown; /* not lossless only because the kernel did not show it: nobody may be lost */
  int is_closed;
  lc_time settled; /* how long it took */
} lc_listener_report;

typedef struct lc_report {
  lc_time step_at[LC_STEPS]; /* when each step began; 0: not reached */
  uint64_t accepted;         /* since the server began */
  uint64_t accepted_while_stopping;
  uint64_t finished; /* closed in order since the ladder began, by their handlers or peers */
  uint64_t closed_idle;
  uint64_t canceled;
  uint64_t killed;
  uint64_t reset_by_us;
  uint64_t reset_by_peer;
  uint64_t undelivered_bytes;
  uint64_t failed_flushes;
  uint64_t detached;
  uint64_t received; /* bytes, since the server began, of connections already closed */
  uint64_t sent;
  uint64_t resets_at_rest; /* by peers, while nothing was owed either way; since the server began */
  uint64_t held_back;      /* how often clients began to wait, because a limit was reached */
  uint64_t stopped_earlier; /* listeners stopped before the last 16 that are told of one by one */
  uint64_t
    late; /* connections whose peer sent bytes that no handler was given: lc_conn_stats.late */
  int lossless; /* every listener is known to have been stopped without loss */
} lc_report;
/* The account so far; the server's, and true until it is freed. */
const lc_report *lc_server_report(const lc_server *server);
/* 0 and the report of the i-th listener, open or stopped; -ENOENT past the last. Of those stopped while
 * the server served on, listening anew forgets all but the last 16. */
int lc_server_listener_report(const lc_server *server, unsigned index, lc_listener_report *report);
/* For the embedder's own part of the account: counts a connection once, however often it is told. */
void lc_server_count_canceled(lc_server *server, lc_conn *conn);
void lc_server_count_killed(lc_server *server, lc_conn *conn);

/* ----------------------------------------------------------- connections -- */

/* Begins a connection to `to`, registered in `server`, of state active; `ready`
 * says LC_CONNECTED or LC_ENDED. `from`, to bind to, may be NULL. 0 with a
 * connection that the server holds, or a code: what the kernel said at once
 * (-ECONNREFUSED, -ENETUNREACH, -EMFILE, ...) and nothing is left. What is
 * written before it has succeeded is sent when it has. */
int lc_conn_connect(lc_server *server, const lc_address *to, const lc_address *from, int nodelay,
                    lc_conn **conn);

/* Registers a connected stream socket that the caller has made, as it is: no option of it is changed.
 * `settings` (NULL: the server's) are copied. 0, and it is the connection's from then on; or a code,
 * and it stays the caller's. */
int lc_conn_adopt(lc_server *server, int fd, const lc_settings *settings, lc_conn **conn);
/* Another protocol takes over from here on, with the bytes that are buffered: an upgrade. 0 or a code; then the protocol
 * is the one before. */
int lc_conn_set_protocol(lc_conn *conn, const lc_protocol *protocol);
/* The work for the unit that LC_UNIT has told of is done: the connection is parked, or the next unit is told. */
void lc_conn_unit_ended(lc_conn *conn);

/* For a caller who learns from elsewhere (poll) that the descriptor is ready: the next attempt asks
 * the kernel, whatever the loop knows. */
void lc_conn_look(lc_conn *conn);

/* Bytes that somebody else has moved on a duplicate of the descriptor (a TLS library): for the state,
 * the statistics, and for knowing when it is idle. */
void lc_conn_note(lc_conn *conn, size_t received, size_t sent);

/* One reference more, and `conn`; one less, and the last one frees it. */
lc_conn *lc_conn_ref(lc_conn *conn);
void lc_conn_unref(lc_conn *conn);

uint64_t lc_conn_id(const lc_conn *conn); /* of its loop's, never used twice */
int lc_conn_fd(const lc_conn *conn);      /* -1 once closed */
lc_state lc_conn_state(const lc_conn *conn);
lc_server *lc_conn_server(const lc_conn *conn); /* NULL once it has left the registry */
void *lc_conn_user(const lc_conn *conn);
void lc_conn_set_user(lc_conn *conn, void *user);
void lc_conn_peer(const lc_conn *conn, lc_address *address);
/* Our end's address: 0, LC_CLOSED once it is closed, or the kernel's code. */
int lc_conn_local(const lc_conn *conn, lc_address *address);
/* 0 while it is usable; else the code that every further operation gives. */
int lc_conn_error(const lc_conn *conn);
/* Whether the peer's FIN is known to have come, read or not; 0 once we have shut our reading half. */
int lc_conn_is_finished(const lc_conn *conn);
/* Whether the ladder has it closed: it was idle, or would have begun something new. */
int lc_conn_is_dismissed(const lc_conn *conn);

#define LC_UNKNOWN SIZE_MAX /* a number of bytes that the kernel does not tell */

typedef struct lc_conn_stats {
  lc_time opened_at;
  lc_time last_byte_at; /* either way; opened_at before the first */
  uint64_t received;
  uint64_t sent; /* handed to the kernel */
  size_t unsent; /* accepted for writing, not handed to the kernel */
  size_t
    unacked; /* in the kernel, not acknowledged; LC_UNKNOWN on a unix-domain socket that has any */
  uint64_t late; /* closing in a shutdown: bytes from the peer that no handler was given */
} lc_conn_stats;
void lc_conn_stats_get(const lc_conn *conn, lc_conn_stats *stats);

/* Reading never waits. A slice points into the library's memory and is valid
 * until the next call on any connection of the loop; what it holds has been
 * consumed. LC_AGAIN: tell lc_conn_wait, and try again at `ready`. At LC_EOF,
 * an error or LC_TOO_LONG whatever was left stays in lc_conn_buffered. */
typedef struct lc_slice {
  const char *data;
  size_t length;
} lc_slice;
int lc_conn_read_some(lc_conn *conn, size_t max, lc_slice *slice);
/* The same into memory of the caller's, `room` bytes at most, from 1 to INT32_MAX: how many, at least
 * one, or a code. Large pieces are copied once less. */
ssize_t lc_conn_read_into(lc_conn *conn, void *into, size_t room);
/* Exactly `size` bytes, at most settings.max_read. */
int lc_conn_read_exact(lc_conn *conn, size_t size, lc_slice *slice);
/* Up to and including the delimiter; LC_TOO_LONG when it is not within `max` bytes. */
int lc_conn_read_until(lc_conn *conn, const char *delimiter, size_t length, size_t max,
                       lc_slice *slice);
/* Everything until the peer finishes; LC_TOO_LONG over `max`. */
int lc_conn_read_all(lc_conn *conn, size_t max, lc_slice *slice);
/* 0 when at least one byte has arrived. Consumes nothing. */
int lc_conn_await(lc_conn *conn);
/* What has been received and not consumed; lc_conn_take consumes it. */
void lc_conn_buffered(const lc_conn *conn, lc_slice *slice);
void lc_conn_take(lc_conn *conn, size_t size);
/* Puts bytes that were consumed in front of what is buffered: a read of several parts that was
 * canceled between two of them. Copied. 0 or -ENOMEM. */
int lc_conn_give_back(lc_conn *conn, const char *data, size_t size);

/* How somebody waits for input: it decides whether the connection counts as idle. */
typedef enum lc_wait {
  LC_WAIT_NONE,  /* nobody does: it is being worked for */
  LC_WAIT_READ,  /* any read */
  LC_WAIT_LINES, /* the next line of an iterator */
  LC_WAIT_AWAIT  /* the next unit of work: idle by its own word */
} lc_wait;
/* Declares it, with a deadline (LC_NEVER: only settings.read_timeout counts). A read that waits again
 * goes on under the deadline it began with, until it succeeds, fails, or is given up. */
void lc_conn_wait(lc_conn *conn, lc_wait wait, lc_time deadline);
/* When the read that waits is over, or the one that an event has just woken; LC_NEVER when there is none.
 * For a read of several parts: given to lc_conn_wait for the next one, all go by one deadline. */
lc_time lc_conn_read_deadline(const lc_conn *conn);
/* The read that waited was given up: forgets its deadline and how far it had searched. */
void lc_conn_end_read(lc_conn *conn);
/* Whether what a read would begin with is still handed over while the server drains: 0 or LC_DRAINING, after
 * which the connection ends with the farewell. `quiet` after the drain began (after the first byte, if that
 * came later) each connection has its mark, at what has arrived by then. What begins before it is handed
 * over until cancel. What begins behind it is refused, unless a guard is held, or something was consumed and
 * not answered (by a write, or lc_conn_answered); LC_WAIT_AWAIT says that nothing is under way. To be asked
 * before the first attempt to read a unit, and again after a wait during which none of it came. */
int lc_conn_admit(lc_conn *conn, lc_wait wait);
/* What was read needs no answer: the connection is between two units of work, as after a write. */
void lc_conn_answered(lc_conn *conn);

/* Writing never waits. Accepts all it can: the number of bytes accepted, from 0
 * to the whole, or a code. Less than the whole: tell lc_conn_wait_write and go
 * on at LC_WRITABLE; until then nothing else is sent in between. Small writes
 * are gathered and sent at the latest when the callback returns. */
ssize_t lc_conn_write(lc_conn *conn, const struct iovec *pieces, int count);
/* The writer waits for room (deadline as for lc_conn_wait). */
void lc_conn_wait_write(lc_conn *conn, lc_time deadline);
/* The writer that waited has finished or given up: others may write. */
void lc_conn_end_write(lc_conn *conn);
/* A write was given up half-way: nothing may follow it. Further writes fail with `code`, and closing
 * resets, for the peer must not take half a message for a whole one. */
void lc_conn_break_write(lc_conn *conn, int code);
/* 0 when the kernel took everything, LC_AGAIN, or a code. */
int lc_conn_flush(lc_conn *conn);
/* Queues whole pieces, to be sent between two writes; LC_FULL over settings.max_queue, when the kernel
 * does not take enough of it at once either. */
int lc_conn_post(lc_conn *conn, const struct iovec *pieces, int count);
/* Sends what is gathered for the connection that wrote last. The loop calls it after each
 * callback; an embedder with tasks of its own calls it when one is suspended. */
void lc_loop_flush(lc_loop *loop);

/* Deadline for reads and writes alike, absolute; LC_NEVER clears. Holds for an operation that already waits. */
void lc_conn_set_deadline(lc_conn *conn, lc_time at);
/* Changes this connection's settings: copy lc_conn_settings, change, set. 0, -ENOMEM, or the
 * code with which the kernel refused keepalive or nodelay. */
const lc_settings *lc_conn_settings(const lc_conn *conn);
int lc_conn_set_settings(lc_conn *conn, const lc_settings *settings);
/* Sent as the last words when the ladder closes the connection. Copied. 0 or -ENOMEM. */
int lc_conn_set_farewell(lc_conn *conn, const char *data, size_t length);

/* Tasks that belong to the connection: it stays registered while one is left. */
void lc_conn_hold(lc_conn *conn);
void lc_conn_release(lc_conn *conn);
/* When it will have been silent, either way, for as long as the ladder asks for before it takes a connection to be
 * idle: for a caller that carries its bytes and knows which side spoke last. LC_NEVER while bytes wait to be read or sent. */
lc_time lc_conn_quiet_from(lc_conn *conn);
/* While guarded, it is not idle. */
void lc_conn_guard(lc_conn *conn);
void lc_conn_unguard(lc_conn *conn);

/* Half-closes: SHUT_WR after everything written was sent (LC_AGAIN until then: call again at LC_WRITABLE),
 * SHUT_RD, after which reads give LC_EOF, SHUT_RDWR. Idempotent. 0 or a code. */
int lc_conn_shutdown(lc_conn *conn, int how);

/* Closes in order: what was written, the FIN, discarding until the peer's FIN,
 * close(); all within `linger` (0, or after a write that was given up half-way:
 * reset; negative: as lc_conn_finish). Idempotent; a shorter linger shortens. `closed` says when it is over, lc_conn_verdict how. */
void lc_conn_close(lc_conn *conn, lc_time linger, const char *cause);
/* The handler has returned. The closing goes on while the peer's host acknowledges something within each
 * settings.write_timeout: in a drain to the end of the ladder, else until settings.max_age. Once everything is
 * acknowledged, the peer has settings.linger to finish. */
void lc_conn_finish(lc_conn *conn, const char *cause);
/* The same, by the ladder's wish: the farewell is the last that is written. */
void lc_conn_dismiss(lc_conn *conn, const char *cause);
/* Ends a linger early, where nothing waits to be sent any more: the kernel delivers what it has. For who needs
 * the descriptor more. Whether it did; 0 for a connection that is not closing, or not that far. */
int lc_conn_let_go(lc_conn *conn);
/* Resets: unsent bytes are discarded. Idempotent. */
void lc_conn_abort(lc_conn *conn, const char *cause);

/* How it ended. */
typedef struct lc_verdict {
  int
    code; /* 0: the peer's host acknowledged every byte and our FIN, or a unix-domain peer read it all */
  size_t unacked; /* bytes accepted for writing and not known to have arrived; or LC_UNKNOWN */
} lc_verdict;
/* 0 when the verdict is known, LC_AGAIN before. */
int lc_conn_verdict(const lc_conn *conn, lc_verdict *verdict);

/* Whether the peer has reset it when it had read all that was sent, and no request was under way. */
int lc_conn_was_at_rest(const lc_conn *conn);
/* Whether its server's report counts it in failed_flushes. */
int lc_conn_is_undelivered(const lc_conn *conn);

/* Hands the descriptor to the caller, with the bytes already read left in
 * lc_conn_buffered; output is flushed first (LC_AGAIN until then). The
 * connection is closed for us, its descriptor open for the caller. It stays
 * registered as detached until lc_conn_release_detached. */
int lc_conn_detach(lc_conn *conn, int *fd);
void lc_conn_release_detached(lc_conn *conn);

/* -------------------------------------------------------------- shutdown -- */

/* The process's ladder: unready, then every server of the loop, then hooks. */
typedef struct lc_shutdown lc_shutdown;
typedef struct lc_shutdown_events {
  /* In order, unready first; once more LC_STEP_KILL when a third signal comes during the hooks. */
  void (*step)(lc_step step, void *user);
} lc_shutdown_events;
/* One for each loop. `options` NULL: the defaults; `events` may be NULL. NULL with `*error` set: -EBUSY
 * when the loop has one, -ENOMEM. */
lc_shutdown *lc_shutdown_new(lc_loop *loop, const lc_drain_options *options,
                             const lc_shutdown_events *events, void *user, int *error);
/* Before the loop is. Servers go on with the ladders they are on. */
void lc_shutdown_free(lc_shutdown *shutdown);

/* Starts, as of `began` (the moment the signal arrived); further calls join and may only shorten.
 * `timeout` negative: the options'. A server whose own drain.timeout is shorter ends earlier. */
void lc_shutdown_begin(lc_shutdown *shutdown, lc_time began, lc_time timeout);
/* What a signal does: the first drains, the second cancels, the third kills and skips the hooks;
 * those less than 0.1 s apart count once. */
void lc_shutdown_signal(lc_shutdown *shutdown, lc_time at);
/* The ladder stays on the steps unready and hooks while it is held; not beyond their time. */
void lc_shutdown_hold(lc_shutdown *shutdown);
void lc_shutdown_release(lc_shutdown *shutdown);
/* The step drain goes on while work is guarded, until cancel; afterwards a guard holds nothing. The count is looked at
 * only when the embedder's share of the turns has nothing ready, for at most drain.quiet: what is ready may be
 * about to guard its work. */
void lc_shutdown_guard(lc_shutdown *shutdown);
void lc_shutdown_unguard(lc_shutdown *shutdown);
/* Whether time is to be kept back for hooks. */
void lc_shutdown_set_hooks(lc_shutdown *shutdown, int any);
lc_step lc_shutdown_step(const lc_shutdown *shutdown);
int lc_shutdown_skips_hooks(const lc_shutdown *shutdown);
lc_time lc_shutdown_deadline(const lc_shutdown *shutdown); /* LC_NEVER before it begins */
lc_time lc_shutdown_began(const lc_shutdown *shutdown);
/* When each step began; 0: not reached. */
lc_time lc_shutdown_step_at(const lc_shutdown *shutdown, lc_step step);

/* -------------------------------------------------------------- watchdog -- */

/* A thread that watches the loop's thread: it tells of work that holds the loop too long, interrupts
 * work that holds it while a ladder's step is due, and, past the deadline of the process's ladder,
 * ends the process when work cannot be interrupted. One for each loop. */
typedef struct lc_watchdog lc_watchdog;

/* What the loop's thread is at. */
typedef enum lc_work {
  LC_WORK_NONE,   /* waiting for events, or outside the loop */
  LC_WORK_LOOP,   /* the library's own work */
  LC_WORK_SCRIPT, /* the embedder's: watched */
  LC_WORK_ENDING  /* the embedder's, ending something by force: given LC_ENDING_GRACE each */
} lc_work;

#define LC_ENDING_GRACE (25 * LC_MILLISECOND)
#define LC_EXIT_STUCK 70 /* the status with which the watchdog ends the process (EX_SOFTWARE) */

/* What lc_watchdog_asked says; several may come together. */
enum {
  LC_ASK_NOTICE = 1, /* it has held the loop longer than max_block: asked once for each work */
  LC_ASK_YIELD = 2,  /* a ladder needs the loop: let it go on, and continue later */
  LC_ASK_END = 4     /* its time is over */
};

typedef struct lc_watchdog_options {
  lc_time max_block; /* 250 ms; LC_NEVER: none is told of */
  int exit_stuck;    /* 1: the process ends with LC_EXIT_STUCK when nothing else helps */
} lc_watchdog_options;
void lc_watchdog_options_init(lc_watchdog_options *options);

typedef struct lc_watchdog_events {
  /* On the loop's thread, in a signal handler: have it call lc_watchdog_asked as soon as it can. */
  void (*interrupt)(void *user);
  /* On the loop's thread, in a signal handler, before it stands still for good: note where it is. */
  void (*locate)(void *user);
  /* On the watchdog's thread, while the loop's stands still: writes what is to be said of what was
   * stuck, at which work; how many bytes. Neither this nor `locate` may allocate, lock, or call anything but pure
   * functions of this header. */
  size_t (*stuck)(lc_work work, char *text, size_t size, void *user);
} lc_watchdog_events;

/* Begins to watch the calling thread, which is to be the loop's. `events` must outlive it. 0, or a code. */
int lc_watchdog_start(lc_loop *loop, const lc_watchdog_options *options,
                      const lc_watchdog_events *events, void *user);
/* Ends the thread and joins it; from the same thread. */
void lc_watchdog_stop(lc_loop *loop);
/* This signal, which lc_loop_signal watches, begins the process's ladder or drives it on: the
 * watchdog goes by it from the moment it arrives, though the loop may not come to it. 0, or a code. */
int lc_watchdog_follow(lc_loop *loop, int signal);
/* It no longer does: to be called before lc_loop_signal ceases to watch it. */
void lc_watchdog_unfollow(lc_loop *loop, int signal);
/* Says what the loop's thread is at from now on; what it was at before. */
lc_work lc_loop_enter(lc_loop *loop, lc_work work);
/* What is asked of the work in hand. On the loop's thread. */
unsigned lc_watchdog_asked(lc_loop *loop);
/* How long the work in hand is known to have taken. On the loop's thread. */
lc_time lc_watchdog_held(lc_loop *loop);
/* The embedder wants the loop at this moment, as a ladder does; LC_NEVER: no longer. */
void lc_watchdog_limit(lc_loop *loop, lc_time at);
/* A bound that is smaller than the options' max_block, or larger again. */
void lc_watchdog_set_max_block(lc_loop *loop, lc_time max_block);

#ifdef __cplusplus
}
#endif

#endif
