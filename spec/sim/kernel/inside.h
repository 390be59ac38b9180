/* inside.h - the simulated kernel as its own files see it.
 *
 * Storeys, each using those before it: pool (memory), clock (time, chance, alarms), file (what
 * descriptors name), wait (epoll, poll, wake), packet (the network), tcp and output (one end of a
 * connection), listen (handshakes and the queue), unix and path (sockets without a network:
 * unix.h), socket, option, diag, signal, child (the calls), turns (programs), table (lc_sys).
 *
 * Nothing that a packet, an alarm or a planned call may still refer to is given back before the
 * kernel ends: ends of connections, files, requests.
 */
#ifndef SIM_INSIDE_H
#define SIM_INSIDE_H

#include <netinet/tcp.h>
#include <sys/epoll.h>

#include "../kernel.h"
#include "../truth.h"

enum { SIM_DESCRIPTORS = 1024, SIM_SIGNALS = 65, SIM_POOLS = 28 };

/* ------------------------------------------------------------------- pool -- */

typedef struct sim_chunk sim_chunk;
typedef struct sim_pool {
  sim_chunk *chunks;
  char *at; /* of the newest chunk, what is left */
  size_t left;
  void *free[SIM_POOLS]; /* by powers of two */
} sim_pool;

/* Zeroed memory; it is all given back with the pool. Ends the program when there is none. */
void *sim_take(sim_kernel *kernel, size_t size);
void sim_give(sim_kernel *kernel, void *memory, size_t size);
void sim_pool_free(sim_pool *pool);

/* ------------------------------------------------------------------ clock -- */

typedef struct sim_event {
  lc_time at;
  uint64_t order;
  void (*run)(void *user);
  void *user;
} sim_event;

/* Rings once when its time has come; set anew, it is moved. */
typedef struct sim_alarm {
  lc_time at;      /* 0: off */
  lc_time planned; /* when it looks whether its time has come; 0: never */
  void (*ring)(void *user);
  void *user;
  sim_kernel *kernel;
} sim_alarm;

void sim_alarm_set(sim_alarm *alarm, lc_time at);
void sim_alarm_clear(sim_alarm *alarm);
/* Does what is due now. */
void sim_settle(sim_kernel *kernel);
lc_time sim_next_at(const sim_kernel *kernel); /* LC_NEVER: nothing is planned */

/* ------------------------------------------------------------------ files -- */

typedef enum sim_kind {
  SIM_TCP,
  SIM_EVENT,
  SIM_EPOLL,
  SIM_NETLINK,
  SIM_DISK,
  SIM_UNIX,
  SIM_CHILD,
  SIM_PIPE_READER,
  SIM_PIPE_WRITER,
  SIM_LOCK
} sim_kind;

typedef struct sim_item sim_item;
typedef struct sim_file {
  sim_kind kind;
  unsigned references; /* descriptors, and messages that carry it */
  sim_kernel *kernel;
  sim_process *process;  /* that opened it */
  sim_process *acceptor; /* of a connection; NULL: nobody has accepted it */
  int host;
  sim_item *items; /* its registrations with epoll */
  void (*changed)(void *user);
  void *changed_user;
  int change_planned;
  uint64_t batch; /* the last one of epoll_wait that told of it */
} sim_file;

void sim_file_init(sim_file *file, sim_kind kind, sim_process *process);
/* Its descriptor, or -EMFILE. */
int sim_file_install(sim_process *process, sim_file *file);
/* NULL: no such descriptor. */
sim_file *sim_file_at(const sim_process *process, int fd);
int sim_file_close(sim_process *process, int fd);
/* One reference less. Behind the last the file ends. */
void sim_file_release(sim_file *file);
uint32_t sim_file_poll(const sim_file *file);
/* Wakes the waits for one of these events; 0: all waits. */
void sim_file_wake(sim_file *file, uint32_t key);

/* --------------------------------------------------------------- processes -- */

typedef struct sim_signal {
  int is_watched;
  int wake_fd, also_fd;
  lc_time pressed_at; /* the last that was no bounce */
  lc_signal_seen seen;
} sim_signal;

typedef struct sim_fault {
  unsigned made; /* calls so far */
  unsigned first, last;
  int code;
} sim_fault;

typedef struct sim_child sim_child;
typedef struct sim_path sim_path;
typedef struct sim_lock sim_lock;
typedef struct sim_turn sim_turn;
typedef struct sim_stage sim_stage;

struct sim_process {
  lc_sys sys;
  sim_kernel *kernel;
  sim_process *next;
  int host;
  int is_gone; /* vanished */
  int limit;
  int open;
  lc_time cost;
  int interrupted; /* a signal has come: what waits returns */
  sim_file *files[SIM_DESCRIPTORS];
  sim_signal signals[SIM_SIGNALS];
  sim_fault faults[FAULT_CALLS];
  unsigned unlucky;
  unsigned disorder; /* in a thousand */
  void (*closing)(void *user, int fd, const sim_truth *truth);
  void *closing_user;
  uint64_t strange; /* calls on descriptors that are not open */
  int has_forked;
  sim_child *children; /* those that have not been waited for */
  sim_child *as_child; /* what its parent knows of it */
  int pid;
  sim_turn *turn; /* of its program, while that runs */
  int has_crashed;
  uint64_t
    left_watched; /* descriptors closed while epoll had them, except connections without copies */
};

/* ---------------------------------------------------------------- waiting -- */

struct sim_item {
  struct sim_epoll *set;
  sim_file *file;
  int fd;
  struct epoll_event wants;
  int is_ready;
  sim_item *next_of_file;
  sim_item *next_of_set, *previous_of_set;
  sim_item *next_ready, *previous_ready;
};

typedef struct sim_epoll {
  sim_file file;
  sim_item *first_ready, *last_ready;
  sim_item *items;
  uint64_t batch;
} sim_epoll;

typedef struct sim_counter { /* an eventfd */
  sim_file file;
  uint64_t count;
} sim_counter;

typedef struct sim_disk {
  sim_file file;
  uint64_t size;
  sim_fill *fill;
  void *user;
  lc_time modified;
} sim_disk;

/* What a process waits for: one of these. */
typedef struct sim_rest {
  const sim_epoll *set;
  struct pollfd *fds;
  unsigned count;
} sim_rest;

int sim_epoll_create(sim_process *process);
int sim_epoll_control(sim_process *process, int epoll, int operation, int fd,
                      const struct epoll_event *event);
int sim_epoll_wait(sim_process *process, int epoll, struct epoll_event *events, int capacity,
                   lc_time timeout);
int sim_poll(sim_process *process, struct pollfd *fds, unsigned count, lc_time timeout);
int sim_wake_create(sim_process *process);
int sim_wake(sim_process *process, int fd);
int sim_wake_clear(sim_process *process, int fd);
int sim_rest_is_over(const sim_process *process, const sim_rest *rest);
/* The file is gone, and its registrations with it; how many there were. */
int sim_items_forget(sim_file *file);
void sim_item_ready(sim_item *item);
/* Whether it asked for any of these; 0: for anything. */
int sim_item_wants(const sim_item *item, uint32_t key);

/* ------------------------------------------------------------------- TCP -- */

typedef struct sim_tcp sim_tcp;
typedef struct sim_request sim_request;
typedef struct sim_handling sim_handling;

/* Bytes on their way from one end to the other, from when they are written until they are read.
 * They belong to the reader: once the reader is gone, they are dropped. */
typedef struct sim_stream {
  char *bytes;
  size_t capacity; /* a power of two: byte n of the stream is at n & (capacity - 1) */
  uint64_t end;    /* how many were ever written */
  int is_deaf;
} sim_stream;

typedef struct sim_range {
  uint64_t from, to;
} sim_range;

enum { SIM_RANGES = 16 }; /* received ahead of a gap, at most; what comes beyond is lost */

typedef struct sim_address {
  sa_family_t family;
  uint16_t port;          /* host order; 0: none */
  unsigned char host[16]; /* IPv4 as mapped into IPv6; all zero: every interface */
} sim_address;

struct sim_tcp {
  sim_file file;
  uint8_t state; /* TCP_ESTABLISHED ... */
  sim_address local, remote;
  sim_tcp *peer;        /* the other end, when there is one */
  sim_request *request; /* of a client whose other end is still half-open */
  sim_tcp *next_bound;

  /* sending: acknowledged <= sent <= most_sent <= written, in bytes of the stream; FIN is one
   * more */
  sim_stream out;
  uint64_t acknowledged;
  lc_time acknowledged_at; /* when it last grew */
  uint64_t sent;
  uint64_t most_sent;
  uint64_t written;
  uint64_t edge;      /* how far the peer's window reaches */
  lc_time sent_since; /* when what is unacknowledged was first sent */
  unsigned backoff;
  unsigned retransmits;
  int fin_wanted; /* counted in written */
  uint64_t read_by_then, received_by_then;
  int wants_space;
  sim_alarm retransmit;

  /* receiving: read <= received, in bytes of the peer's stream */
  uint64_t read;
  uint64_t received;
  uint64_t told_edge; /* as far as the peer knows */
  uint64_t fin_at;    /* where its FIN is, once known; else UINT64_MAX */
  sim_range ahead[SIM_RANGES];
  int ranges;
  int fin_received;
  sim_alarm ack;

  sim_alarm alive;
  lc_time heard_at;
  unsigned unanswered; /* probes of keepalive */

  int shutdown; /* bits: 1 << SHUT_RD, 1 << SHUT_WR */
  int error;    /* to be told once; positive */
  int was_reset;
  int is_orphan;     /* its last descriptor is closed */
  int is_deaf;       /* nothing arrives */
  int is_connecting; /* what became of connect() has not been told to whoever connects again */
  int is_time_wait;

  /* options */
  int reuseaddr, reuseport, nodelay, quickack, keepalive, keep_idle, keep_interval, keep_count;
  int user_timeout; /* milliseconds */
  int defer_accept; /* seconds */
  int syn_count;    /* SYNs after the first */
  int device;       /* not 0: one that does not exist */
  int v6_only;
  unsigned send_buffer, receive_buffer;
  struct linger linger;

  /* listening */
  sim_tcp **queue;
  unsigned queue_length, queue_capacity, backlog;
  sim_request *requests;
  uint32_t drops;
};

/* A handshake under way, on the listener's side. */
struct sim_request {
  sim_tcp *listener; /* NULL: it has ended */
  sim_tcp *client;
  sim_request *next;
  unsigned repeated; /* SYN-ACKs after the first */
  int is_acked;
  sim_alarm timer;
};

enum { SIM_SYN = 1, SIM_ACK = 2, SIM_FIN = 4, SIM_RST = 8, SIM_PROBE = 16 };

typedef struct sim_packet {
  sim_tcp *from, *to; /* to NULL: whoever listens, or is from's peer when it arrives */
  unsigned flags;
  uint64_t sequence;
  uint64_t length;
  uint64_t ack;
  uint64_t edge;
} sim_packet;

sim_tcp *sim_tcp_new(sim_process *process, sa_family_t family);

/* packet.c */
void sim_packet_send(const sim_packet *packet);
lc_time sim_round_trip(const sim_tcp *tcp);
/* Whoever has, or last had, a port for listening; or NULL. */
sim_tcp *sim_port_owner(const sim_kernel *kernel, uint16_t port);

/* tcp.c: what arrives, and what becomes of an end. */
void sim_tcp_arrive(sim_tcp *tcp, const sim_packet *packet);
void sim_tcp_establish(sim_tcp *tcp);
void sim_tcp_done(sim_tcp *tcp);
void sim_tcp_fail(sim_tcp *tcp, int error); /* positive */
void sim_tcp_release(sim_tcp *tcp);         /* its last descriptor is gone */
uint32_t sim_tcp_poll(const sim_tcp *tcp);
int sim_tcp_is_writable(const sim_tcp *tcp);

/* output.c */
void sim_tcp_push(sim_tcp *tcp); /* sends what the window lets */
void sim_tcp_send(sim_tcp *tcp, unsigned flags, uint64_t sequence, uint64_t length);
void sim_tcp_ack(sim_tcp *tcp);
void sim_tcp_ack_soon(sim_tcp *tcp);
void sim_tcp_reset_peer(sim_tcp *tcp);
void sim_tcp_connect(sim_tcp *tcp);
void sim_tcp_open_window(sim_tcp *tcp); /* bytes were read */
void sim_tcp_rearm(sim_tcp *tcp);
void sim_tcp_keep_alive(sim_tcp *tcp);
size_t sim_stream_write(sim_tcp *tcp, const char *bytes, size_t size);
void sim_stream_read(const sim_tcp *tcp, char *bytes, size_t size);
void sim_stream_drop(sim_kernel *kernel, sim_stream *stream);

/* listen.c */
sim_tcp *sim_listener_for(sim_kernel *kernel, const sim_address *to);
void sim_listener_arrive(const sim_packet *packet);
void sim_listener_close(sim_tcp *tcp);
unsigned sim_half_open(const sim_tcp *tcp);
/* Calls `end` now; or, where the processor stands still, later. */
void sim_arrival_end(void (*end)(sim_tcp *listener, sim_tcp *client), sim_tcp *listener,
                     sim_tcp *client);
void sim_arrivals_end(sim_kernel *kernel); /* processors stand still no longer */

/* ------------------------------------------------------------------ calls -- */

int sim_address_get(sim_address *to, const struct sockaddr *from, socklen_t length);
void sim_address_put(const sim_address *from, sa_family_t family, struct sockaddr *to,
                     socklen_t *length);
int sim_bind(sim_process *process, int fd, const struct sockaddr *address, socklen_t length);
int sim_listen(sim_process *process, int fd, int backlog);
int sim_accept(sim_process *process, int fd, struct sockaddr *address, socklen_t *length);
int sim_connect(sim_process *process, int fd, const struct sockaddr *address, socklen_t length);
int sim_name(sim_process *process, int fd, int of_peer, struct sockaddr *address,
             socklen_t *length);
ssize_t sim_recv(sim_process *process, int fd, void *buffer, size_t size, int flags);
ssize_t sim_recvmsg(sim_process *process, int fd, struct msghdr *message, int flags);
ssize_t sim_sendmsg(sim_process *process, int fd, const struct msghdr *message);
int sim_open_file(sim_process *process, const char *path);
int sim_file_facts(sim_process *process, int fd, lc_file_facts *facts);
ssize_t sim_read_at(sim_process *process, int fd, void *buffer, size_t size, uint64_t offset);
ssize_t sim_send_file(sim_process *process, int fd, int from, uint64_t offset, size_t size);
int sim_spawn(sim_process *process, const lc_subprocess_options *options, lc_birth **birth,
              lc_start_step *step);
int sim_born(sim_process *process, lc_birth *birth, lc_start_step *step);
int sim_process_watch(sim_process *process, int pid);
int sim_process_end(sim_process *process, int pid, int keep, lc_subprocess_end *end);
int sim_process_any_ended(sim_process *process);
/* A machine of two processors. */
int sim_processors(sim_process *process, int *numbers, int capacity);
int sim_process_pin(sim_process *process, int pid, int processor);
int sim_child_signal(sim_process *process, int pid, int to_group, int signal);
uint32_t sim_child_poll(const sim_file *file);
void sim_child_end(sim_process *process, lc_subprocess_end end); /* the process has ended */
void sim_turn_end(sim_process *process, lc_subprocess_end how);
void sim_turn_call(sim_process *process); /* it makes a call */
/* Others go on until this process can. */
void sim_turn_rest(sim_process *process, const sim_rest *rest, lc_time until);
int sim_shutdown(sim_process *process, int fd, int how);
typedef struct sim_pipe sim_pipe;
int sim_pipe_open(sim_process *process, int *fds); /* 0, or a code */
uint32_t sim_pipe_poll(const sim_file *file);
void sim_pipe_release(sim_file *file);     /* the last descriptor of this end is gone */
int sim_pipe_unread(const sim_file *file); /* -ENOTTY: it is no pipe */
ssize_t sim_read(sim_process *process, int fd, void *buffer, size_t size);
ssize_t sim_write(sim_process *process, int fd, const struct iovec *pieces, int count);
ssize_t sim_say(sim_process *process, int fd, const char *text, size_t size);
int sim_descriptor_facts(sim_process *process, int fd, lc_descriptor_facts *facts);
int sim_unread(sim_process *process, int fd);
int sim_unacked(sim_process *process, int fd);
/* The TCP socket of a descriptor, or NULL with *error. */
sim_tcp *sim_tcp_at(sim_process *process, int fd, int *error);

int sim_setsockopt(sim_process *process, int fd, int level, int name, const void *value,
                   socklen_t length);
int sim_getsockopt(sim_process *process, int fd, int level, int name, void *value,
                   socklen_t *length);

int sim_diag_open(sim_process *process);
ssize_t sim_diag_ask(sim_file *file, const struct msghdr *message);
ssize_t sim_diag_answer(sim_file *file, void *buffer, size_t size, int flags);
uint32_t sim_diag_poll(const sim_file *file);

int sim_signal_watch(sim_process *process, int number, int wake_fd);
int sim_signal_release(sim_process *process, int number);
int sim_signal_look(sim_process *process, int number, lc_signal_seen *seen, int take);
int sim_signal_also_wake(sim_process *process, int number, int wake_fd);

void sim_table_fill(sim_process *process);
void sim_absent_fill(lc_sys *sys);

/* ----------------------------------------------------------------- kernel -- */

struct sim_kernel {
  lc_time now;
  uint64_t chance[4];
  sim_event *events; /* a heap, the first at 1 */
  uint32_t event_count, event_capacity;
  uint64_t order;
  int is_running; /* something planned is at work: calls take no time */
  sim_pool pool;
  sim_network network;
  sim_handling *handled; /* packets at which a processor stands still */
  sim_process *processes;
  sim_tcp *bound; /* sockets with a port of their own: listening, or about to */
  uint16_t next_port;
  sim_path *paths;
  sim_lock *locks;
  struct sim_named *named; /* files that can be opened */
  sim_stage *stage;        /* NULL: no process has a program */
  sim_exec *exec;          /* NULL: children are thin */
  void *exec_user;
  uint64_t last_inode;
  unsigned next_name;
  uint64_t batches;
  unsigned last_pid;
};

#endif
