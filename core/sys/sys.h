/* sys.h - the one seam between lastcall and the operating system.
 *
 * Every system call of the core, and every reading of the clock, goes through a
 * table of this type. So a test can replace the real kernel by a faulty or a
 * simulated one.
 *
 * Convention: a descriptor, a count or 0 on success, -errno on failure; errno
 * itself is not part of the interface. Calls that the kernel may interrupt
 * return -EINTR like any other failure; LC_RETRY repeats them. close() is never
 * repeated: on Linux it has released the descriptor even then.
 *
 * A new descriptor is never 0, 1 or 2, even when those are closed.
 *
 * The thread that runs the loop uses the table. Threads of the resolver call
 * `resolve`; where it has threads, they also ask netlink (`now`, `socket`,
 * `sendmsg`, `recv`, `close`, `wait_for_arrivals`). The watchdog's thread calls
 * `now`, `wake`, `wake_wait`, `wake_clear`, `signal_peek`, `interrupt`, `ran`,
 * `blocked`, `setsockopt`, `say` and `exit`.
 *
 * Few variables belong to the whole process, and lie in the files of this folder:
 * the signal table and the threads that can be interrupted (signal.c), whether the
 * process has forked (fork.c), whether the kernel lacks epoll_pwait2 (poller.c).
 */
#ifndef LC_SYS_H
#define LC_SYS_H

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "lastcall.h"

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62 /* unknown to kernel headers before 5.1 */
#endif

#define LC_RETRY(result, call) \
  do {                         \
    (result) = (call);         \
  } while ((result) == -EINTR)

/* A signal that follows another within this time is a bounce. */
#define LC_SIGNALS_APART (100 * LC_MILLISECOND)

/* The arrivals of a signal since its owner last looked. */
typedef struct lc_signal_seen {
  unsigned count;   /* arrivals */
  unsigned presses; /* arrivals that were no bounce */
  lc_time first_at; /* stamped by the handler */
  lc_time last_at;
} lc_signal_seen;

/* When the i-th press arrived. Only the first and the last have stamps; the times between are
 * estimates. */
static inline lc_time lc_signal_press_at(const lc_signal_seen *seen, unsigned index)
{
  if (index > 0 && index + 1 >= seen->presses) return seen->last_at;
  return seen->first_at + (lc_time)index * LC_SIGNALS_APART;
}

/* Identifies the file at a unix-domain path, so that only a file of our own is unlinked; and says
 * whose it is. */
typedef struct lc_file_identity {
  uint64_t device;
  uint64_t inode;
  int is_socket;
  int is_directory;
  uint32_t owner;
  uint32_t mode; /* the permission bits */
} lc_file_identity;

/* A descriptor that the program was given. `kind` is LC_DESCRIPTOR_SOCKET for every socket. */
typedef struct lc_descriptor_facts {
  lc_descriptor_kind kind;
  int can_read, can_write;
  int is_nonblocking;
} lc_descriptor_facts;

/* How open_file opens. */
enum {
  LC_OPEN_BENEATH = 0x1,
  LC_OPEN_NO_LINK = 0x2,  /* -ELOOP when the last part of the path is a symbolic link */
  LC_OPEN_DIRECTORY = 0x4 /* only to open what is in it */
};

/* The events that a poller waits for and reports. */
enum {
  LC_POLL_IN = 0x1,         /* something can be read */
  LC_POLL_URGENT = 0x2,     /* an urgent byte was announced */
  LC_POLL_OUT = 0x4,        /* there is room to write */
  LC_POLL_ERROR = 0x8,      /* always reported, as is the next */
  LC_POLL_HANG_UP = 0x10,   /* both directions are closed */
  LC_POLL_FINISHED = 0x2000 /* the peer has announced its FIN */
};
/* How a poller waits: for one event only; for changes only. */
#define LC_POLL_ONCE (UINT32_C(1) << 30)
#define LC_POLL_EDGE (UINT32_C(1) << 31)

typedef enum lc_poller_deed { LC_POLLER_ADD, LC_POLLER_REMOVE, LC_POLLER_CHANGE } lc_poller_deed;

typedef struct lc_poll_event {
  uint32_t seen;
  uint64_t tag; /* as it was given to poller_control */
} lc_poll_event;

#define LC_STDERR 2

typedef struct lc_birth lc_birth; /* of a child: from its start until its program runs */

struct lc_sys {
  void *state;     /* the table's own; the real kernel needs none */
  int has_threads; /* any thread may call it, not the loop's alone */

  lc_time (*now)(const lc_sys *); /* monotonic: all of lastcall's own times */
  /* The kernel's last tick, by the same clock: its timers count from it. It is behind `now` by a tick, and by more where a
   * processor of a virtual machine stands still. */
  lc_time (*tick)(const lc_sys *);
  /* Since 1970. It jumps when the clock is set, so it is shown but never used for deadlines. */
  lc_time (*time_of_day)(const lc_sys *);
  /* The processor's counter, which grows by at least 10^9 a second. Reading it takes a few
   * instructions. It says when reading the clock is worth while, and measures nothing. 0 where
   * there is none. */
  uint64_t (*ticks)(const lc_sys *);
  int (*random)(const lc_sys *, void *buffer, size_t size);

  int (*socket)(const lc_sys *, int family, int type, int protocol);
  int (*bind)(const lc_sys *, int fd, const struct sockaddr *address, socklen_t length);
  int (*listen)(const lc_sys *, int fd, int backlog);
  /* Always SOCK_NONBLOCK | SOCK_CLOEXEC. `address` and `length` may be NULL. */
  int (*accept)(const lc_sys *, int fd, struct sockaddr *address, socklen_t *length);
  int (*connect)(const lc_sys *, int fd, const struct sockaddr *address, socklen_t length);
  /* Waits, some 10 ms, until each packet that a processor handles now has had its effect. A code where the kernel cannot
   * wait for that. */
  int (*wait_for_arrivals)(const lc_sys *);
  int (*getsockname)(const lc_sys *, int fd, struct sockaddr *address, socklen_t *length);
  int (*getpeername)(const lc_sys *, int fd, struct sockaddr *address, socklen_t *length);
  int (*setsockopt)(const lc_sys *, int fd, int level, int name, const void *value,
                    socklen_t length);
  int (*getsockopt)(const lc_sys *, int fd, int level, int name, void *value, socklen_t *length);
  ssize_t (*recv)(const lc_sys *, int fd, void *buffer, size_t size, int flags);
  ssize_t (*sendmsg)(const lc_sys *, int fd, const struct msghdr *message, int flags);
  /* Never waits. Descriptors that come with the message are close-on-exec. One that could not be had is absent
   * (MSG_CTRUNC), or a code in its place. */
  ssize_t (*recvmsg)(const lc_sys *, int fd, struct msghdr *message, int flags);
  int (*shutdown)(const lc_sys *, int fd, int how);
  int (*close)(const lc_sys *, int fd);
  int (*set_nonblocking)(const lc_sys *, int fd); /* and FD_CLOEXEC, for inherited ones */
  int (*duplicate)(const lc_sys *, int fd);       /* a copy of the descriptor, FD_CLOEXEC */

  /* 1 when this process has neither forked nor given a descriptor away: then no other process can have copies of its
   * descriptors. A child that runs another program has none either: it closes them first. */
  int (*is_alone)(const lc_sys *);

  /* `unread`: bytes received and not read (FIONREAD). `unacked`: bytes sent and not acknowledged,
   * the FIN included (SIOCOUTQ). */
  int (*unread)(const lc_sys *, int fd);
  int (*unacked)(const lc_sys *, int fd);

  int (*poller_create)(const lc_sys *); /* a descriptor that is readable while there is an event */
  /* LC_POLLER_REMOVE ignores `wanted` and `tag`. */
  int (*poller_control)(const lc_sys *, int poller, lc_poller_deed deed, int fd, uint32_t wanted,
                        uint64_t tag);
  /* Waits at most `timeout` nanoseconds (negative: without limit). Rounding never makes the wait
   * shorter. */
  int (*poller_wait)(const lc_sys *, int poller, lc_poll_event *events, int capacity,
                     lc_time timeout);

  /* The same for a caller outside a loop. It may block the thread. */
  int (*poll)(const lc_sys *, struct pollfd *fds, unsigned count, lc_time timeout);

  int (*wake_create)(const lc_sys *);  /* a descriptor that `wake` makes readable */
  int (*wake)(const lc_sys *, int fd); /* from any thread, or a signal handler */
  int (*wake_clear)(const lc_sys *, int fd);
  /* Any thread: waits for a wake, at most `timeout`. Returns 1, or 0 when the time is over. */
  int (*wake_wait)(const lc_sys *, int fd, lc_time timeout);

  /* The signal table belongs to the whole process. A signal has one owner (-EBUSY for a second).
   * Each arrival is counted and stamped, and `wake_fd` is made readable. SIGKILL and SIGSTOP give
   * -EINVAL. `signal_release` restores the earlier disposition. */
  int (*signal_watch)(const lc_sys *, int signal, int wake_fd);
  int (*signal_release)(const lc_sys *, int signal);
  int (*signal_take)(const lc_sys *, int signal, lc_signal_seen *seen);
  /* Reads the arrivals without taking them. Any thread may call it. */
  int (*signal_peek)(const lc_sys *, int signal, lc_signal_seen *seen);
  /* Each arrival makes a second descriptor readable, until release. -1: none. */
  int (*signal_also_wake)(const lc_sys *, int signal, int wake_fd);
  /* While this is on, a signal whose disposition is the default does nothing. exec restores the
   * default in a child. Returns 1 when it is on: the caller turns it off again. Returns 0 when the
   * program has chosen another disposition. */
  int (*signal_deaf)(const lc_sys *, int signal, int on);
  /* Process 1 does not end at a signal without a handler. While this is on, it does, with status
   * 128 + signal, unless the signal has an owner. When a socket of the process listens, the signal
   * is kept for the next owner instead. Returns as signal_deaf does. */
  int (*signal_act)(const lc_sys *, int signal, int on);
  /* the number of listening sockets grows by `more` (negative: shrinks) */
  void (*listening)(const lc_sys *, int more);

  /* Makes this thread interruptible. Returns a number for `interrupt`, by which any thread makes
   * this one call `function` in a signal handler. When `function` returns non-zero, the thread
   * stands still for good. `uninterruptible` ends it, on the same thread, once no thread will call
   * `interrupt` any more. -EBUSY: no real-time signal is free. */
  int (*interruptible)(const lc_sys *, int (*function)(void *user), void *user);
  int (*interrupt)(const lc_sys *, int number);
  int (*uninterruptible)(const lc_sys *, int number);
  /* The processor time that this thread has had so far, and whether it is blocked in a call now: it
   * neither runs nor waits for a processor. A code where the kernel does not tell. */
  lc_time (*ran)(const lc_sys *, int number);
  int (*blocked)(const lc_sys *, int number);

  /* Writes to a descriptor of a log, and waits for room there at most `patience` in all. Leaves the flags of the
   * descriptor alone, and raises no SIGPIPE. Returns how many bytes were written; -EAGAIN or
   * another code when there were none. */
  ssize_t (*say)(const lc_sys *, int fd, const char *text, size_t length, lc_time patience);
  void (*exit)(const lc_sys *, int status); /* _exit */

  int (*process_id)(const lc_sys *);
  /* Children do not inherit the variable. No other thread may use the environment meanwhile. */
  int (*forget_variable)(const lc_sys *, const char *name);

  int (*descriptor_limit)(const lc_sys *); /* RLIMIT_NOFILE, the soft one */
  int (*descriptors_open)(const lc_sys *); /* the number that this process has open */
  int (*file_identity)(const lc_sys *, const char *path, lc_file_identity *identity); /* lstat */
  int (*unlink)(const lc_sys *, const char *path);
  int (*chmod)(const lc_sys *, const char *path, unsigned mode);
  int (*rename)(const lc_sys *, const char *from, const char *to);
  /* Opens for reading, never waiting for a writer of a FIFO. `directory` is the descriptor of the one that a relative path
   * begins at; -1: the current one. LC_OPEN_BENEATH: neither the path nor a link in it leads out of it, or -EXDEV;
   * -ENOSYS where the kernel cannot tell. */
  int (*open_file)(const lc_sys *, int directory, const char *path, unsigned how);
  int (*file_facts)(const lc_sys *, int fd, lc_file_facts *facts); /* fstat */
  ssize_t (*read_at)(const lc_sys *, int fd, void *buffer, size_t size, uint64_t offset);
  /* To a socket, without a copy. Raises no SIGPIPE. 0: the file ends before `offset`. -EINVAL: not from this file, or not
   * here. */
  ssize_t (*send_file)(const lc_sys *, int fd, int file, uint64_t offset, size_t size);
  int64_t (*user)(const lc_sys *); /* the number of the user that the process acts for */
  int (*make_directory)(const lc_sys *, const char *path, unsigned mode);
  /* Fills in the names, each with its zero byte. Returns how many bytes; -ENOBUFS when there is no
   * room for all. */
  ssize_t (*directory_names)(const lc_sys *, const char *path, char *names, size_t size);
  /* The absolute path of a file that exists, without links and dots. */
  int (*real_path)(const lc_sys *, const char *path, char *real, size_t size);
  /* Returns a descriptor that keeps the directory locked (flock) until it is closed. -EAGAIN:
   * another process has the lock. */
  int (*lock_directory)(const lc_sys *, const char *path);

  /* Two connected descriptors, close-on-exec, blocking: a child may get one of them. */
  int (*socketpair)(const lc_sys *, int fds[2]);
  int (*pipe)(const lc_sys *, int fds[2]); /* to read from, to write to */
  /* Starts a child, and returns its pid when its program runs; or a code, with the step that
   * failed. With `birth` it may return earlier: then `*birth` is not NULL, and `born` is to be asked. */
  int (*spawn)(const lc_sys *, const lc_subprocess_options *options, lc_birth **birth,
               lc_start_step *step);
  /* 0: the program does not run yet. 1: it does, or the child has ended. A code: it could not run, at this step, and the
   * child has been waited for. The birth is over, unless 0. */
  int (*born)(const lc_sys *, lc_birth *birth, lc_start_step *step);
  /* A descriptor that is readable when the child has ended. -ENOSYS: unknown to this kernel. */
  int (*process_watch)(const lc_sys *, int pid);
  /* 1: the child has ended, and is waited for unless `keep`. 0: it runs. -ECHILD: no child of this
   * process, or its status has been taken already. */
  int (*process_end)(const lc_sys *, int pid, int keep, lc_subprocess_end *end);
  /* The number of a child that has ended, and whose status has not been taken. 0: there is none; -ECHILD: this process has
   * no child. */
  int (*process_any_ended)(const lc_sys *);
  /* To a child that has not been waited for, or to the group that it leads. */
  int (*process_signal)(const lc_sys *, int pid, int to_group, int signal);
  /* Runs another program in the place of this one, with the descriptors in `kept` and no others; all
   * signals are blocked until it calls `let_signals_in`. Returns a code when it cannot. */
  int (*replace_program)(const lc_sys *, const char *const *argv, const char *const *env,
                         const int *kept, size_t count);
  void (*let_signals_in)(const lc_sys *);
  /* The processors that this process may use, in order: fills in the numbers of up to `capacity` of them. Returns how many
   * it has filled in. */
  int (*processors)(const lc_sys *, int *numbers, int capacity);
  /* From now on the main thread of the process, and what it starts, uses this processor alone. -EINVAL: it may not, or
   * there is no such processor any more. */
  int (*process_pin)(const lc_sys *, int pid, int processor);

  /* ---- descriptors that the program was given */
  int (*descriptor_facts)(const lc_sys *, int fd, lc_descriptor_facts *facts);
  /* Opens what a pipe's or a terminal's descriptor names once more, for the same directions, non-blocking: the new
   * description belongs to this process alone, and the flags of the old one stay as they are. */
  int (*open_again)(const lc_sys *, int fd);
  int (*open_null)(const lc_sys *); /* /dev/null */
  /* Makes `fd` name what `by` names. Children keep `fd` open. */
  int (*replace)(const lc_sys *, int fd, int by);
  /* Of pipes and devices. `write` raises no SIGPIPE. */
  ssize_t (*read)(const lc_sys *, int fd, void *buffer, size_t size);
  ssize_t (*write)(const lc_sys *, int fd, const struct iovec *pieces, int count);

  /* Blocks. Called on a thread of the resolver, or by a caller that may block. Fills up to
   * `capacity` stream addresses, and returns their number or a code (LC_HOST_NOT_FOUND, -EAGAIN,
   * -ENOMEM, -EMFILE). */
  int (*resolve)(const lc_sys *, const char *host, uint16_t port, lc_address *found, int capacity);
};

/* The table of the real kernel. Static. */
const lc_sys *lc_sys_linux(void);

#endif
