/* sys.h - the one seam between lastcall and the operating system.
 *
 * Every system call the core makes, and every look at the clock, goes through a
 * table of this type, so that a test can put a faulty or a simulated kernel in
 * the place of the real one. Nothing else in core/ includes a header that
 * offers system calls and uses them.
 *
 * Convention: a descriptor, a count or 0 on success, -errno on failure; errno
 * itself is not part of the interface. Calls that the kernel may interrupt
 * return -EINTR like any other failure; LC_RETRY repeats them. close() is never
 * repeated: on Linux it has released the descriptor even then.
 *
 * A new descriptor is never 0, 1 or 2, also when those are closed.
 *
 * A table is used by the thread that runs the loop, except for `resolve`, and
 * for what the watchdog's thread needs: `now`, `wake`, `wake_wait`, `wake_clear`,
 * `signal_peek`, `interrupt`, `setsockopt`, `say` and `exit`.
 */
#ifndef LC_SYS_H
#define LC_SYS_H

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "lastcall.h"

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62 /* unknown to kernel headers before 5.1 */
#endif

#define LC_RETRY(result, call) \
  do {                         \
    (result) = (call);         \
  } while ((result) == -EINTR)

#define LC_SIGNALS_APART (100 * LC_MILLISECOND) /* those closer to the one before are a bounce */

/* What a signal handler left for its owner since the last look. */
typedef struct lc_signal_seen {
  unsigned count;   /* how often the signal arrived */
  unsigned presses; /* how many of them were no bounce */
  lc_time first_at; /* when the first and the last of them arrived, by the handler's own clock */
  lc_time last_at;
} lc_signal_seen;

/* When the i-th press arrived; of those between the first and the last no stamp is kept. */
static inline lc_time lc_signal_press_at(const lc_signal_seen *seen, unsigned index)
{
  if (index > 0 && index + 1 >= seen->presses) return seen->last_at;
  return seen->first_at + (lc_time)index * LC_SIGNALS_APART;
}

/* Which file a unix-domain path names, to unlink only what is still ours. */
typedef struct lc_file_identity {
  uint64_t device;
  uint64_t inode;
  int is_socket;
} lc_file_identity;

/* What a poller is to look for, and what it has seen. */
enum {
  LC_POLL_IN = 0x1,         /* something can be read */
  LC_POLL_URGENT = 0x2,     /* an urgent byte was announced */
  LC_POLL_OUT = 0x4,        /* there is room to write */
  LC_POLL_ERROR = 0x8,      /* seen whether looked for or not, as is the next */
  LC_POLL_HANG_UP = 0x10,   /* both directions are over */
  LC_POLL_FINISHED = 0x2000 /* the peer has announced its FIN */
};
/* How it is to look: until one event was seen; for what is new only. */
#define LC_POLL_ONCE (UINT32_C(1) << 30)
#define LC_POLL_EDGE (UINT32_C(1) << 31)

typedef enum lc_poller_deed { LC_POLLER_ADD, LC_POLLER_REMOVE, LC_POLLER_CHANGE } lc_poller_deed;

typedef struct lc_poll_event {
  uint32_t seen;
  uint64_t tag; /* as it was given */
} lc_poll_event;

struct lc_sys {
  void *state; /* the table's own; the real kernel needs none */

  lc_time (*now)(const lc_sys *); /* monotonic: all of lastcall's own times */
  /* Since 1970, jumping when the clock is set: to be shown, never to be waited by. */
  lc_time (*time_of_day)(const lc_sys *);
  /* A counter of the processor's, which grows by 10^9 a second or some more, for a few instructions: it says when the
   * clock is worth reading, and measures nothing. 0 where there is none. */
  uint64_t (*ticks)(const lc_sys *);
  int (*random)(const lc_sys *, void *buffer, size_t size);

  int (*socket)(const lc_sys *, int family, int type, int protocol);
  int (*bind)(const lc_sys *, int fd, const struct sockaddr *address, socklen_t length);
  int (*listen)(const lc_sys *, int fd, int backlog);
  /* Always SOCK_NONBLOCK | SOCK_CLOEXEC. `address` and `length` may be NULL. */
  int (*accept)(const lc_sys *, int fd, struct sockaddr *address, socklen_t *length);
  int (*connect)(const lc_sys *, int fd, const struct sockaddr *address, socklen_t length);
  int (*getsockname)(const lc_sys *, int fd, struct sockaddr *address, socklen_t *length);
  int (*getpeername)(const lc_sys *, int fd, struct sockaddr *address, socklen_t *length);
  int (*setsockopt)(const lc_sys *, int fd, int level, int name, const void *value,
                    socklen_t length);
  int (*getsockopt)(const lc_sys *, int fd, int level, int name, void *value, socklen_t *length);
  ssize_t (*recv)(const lc_sys *, int fd, void *buffer, size_t size, int flags);
  ssize_t (*sendmsg)(const lc_sys *, int fd, const struct msghdr *message, int flags);
  ssize_t (*recvmsg)(const lc_sys *, int fd, struct msghdr *message, int flags);
  int (*shutdown)(const lc_sys *, int fd, int how);
  int (*close)(const lc_sys *, int fd);
  int (*set_nonblocking)(const lc_sys *, int fd); /* and FD_CLOEXEC, for inherited ones */
  int (*duplicate)(const lc_sys *, int fd);       /* another descriptor of the same, FD_CLOEXEC */

  /* Bytes received and not read (FIONREAD); sent and not acknowledged, the FIN included (SIOCOUTQ). */
  int (*unread)(const lc_sys *, int fd);
  int (*unacked)(const lc_sys *, int fd);

  int (*poller_create)(const lc_sys *); /* a descriptor, which is readable while it has an event */
  /* `wanted` and `tag` are meaningless when it is taken out. */
  int (*poller_control)(const lc_sys *, int poller, lc_poller_deed deed, int fd, uint32_t wanted,
                        uint64_t tag);
  /* Waits at most `timeout` nanoseconds (negative: for ever), never less than
   * asked because of rounding. */
  int (*poller_wait)(const lc_sys *, int poller, lc_poll_event *events, int capacity,
                     lc_time timeout);

  /* The same for a caller outside a loop, which may block its thread. */
  int (*poll)(const lc_sys *, struct pollfd *fds, unsigned count, lc_time timeout);

  int (*wake_create)(const lc_sys *);  /* a descriptor that `wake` makes readable */
  int (*wake)(const lc_sys *, int fd); /* from any thread, or a signal handler */
  int (*wake_clear)(const lc_sys *, int fd);
  /* Any thread: waits until it has been woken, at most `timeout`. 1, or 0 when the time is up. */
  int (*wake_wait)(const lc_sys *, int fd, lc_time timeout);

  /* The signal table is the only process-wide state of the library. One owner a
   * signal (-EBUSY for a second); arrivals are counted, stamped, and `wake_fd`
   * is written to. SIGKILL and SIGSTOP give -EINVAL. `signal_release` restores
   * the disposition that was there before. */
  int (*signal_watch)(const lc_sys *, int signal, int wake_fd);
  int (*signal_release)(const lc_sys *, int signal);
  int (*signal_take)(const lc_sys *, int signal, lc_signal_seen *seen);
  /* The same without taking; from any thread. */
  int (*signal_peek)(const lc_sys *, int signal, lc_signal_seen *seen);
  /* A second descriptor to be written to at each arrival, until release; -1 for none. */
  int (*signal_also_wake)(const lc_sys *, int signal, int wake_fd);
  /* While it is on, the signal does nothing, where it would do what it does by default; exec gives that
   * back to a child. 1 when it is on, to be put off again; 0 when somebody has seen to it otherwise. */
  int (*signal_deaf)(const lc_sys *, int signal, int on);
  /* While it is on, process 1, to which a signal without a handler does nothing, ends by it with 128 +
   * signal, unless there is an owner. If anybody listens, it is kept for the owner to come. As above. */
  int (*signal_act)(const lc_sys *, int signal, int on);
  void (*listening)(const lc_sys *, int more); /* so many more sockets listen; negative: fewer */

  /* Makes this thread interruptible: a number for `interrupt`, with which any thread has `function`
   * called on it, in a signal handler. When that returns true, the thread stands still for good.
   * The owner ends it, on the same thread, when nobody will send any more. -EBUSY: no real-time
   * signal is free. */
  int (*interruptible)(const lc_sys *, int (*function)(void *user), void *user);
  int (*interrupt)(const lc_sys *, int number);
  int (*uninterruptible)(const lc_sys *, int number);

  /* Writes to stderr, and waits for room there at most `patience` in all. Changes no flag of the
   * descriptor, and raises no SIGPIPE. How many bytes found room; -EAGAIN, or another code, for none. */
  ssize_t (*say)(const lc_sys *, const char *text, size_t length, lc_time patience);
  void (*exit)(const lc_sys *, int status); /* at once: _exit */

  int (*descriptor_limit)(const lc_sys *); /* RLIMIT_NOFILE, the soft one */
  int (*descriptors_open)(const lc_sys *); /* how many this process has open now */
  int (*file_identity)(const lc_sys *, const char *path, lc_file_identity *identity); /* lstat */
  int (*unlink)(const lc_sys *, const char *path);
  int (*chmod)(const lc_sys *, const char *path, unsigned mode);
  int (*rename)(const lc_sys *, const char *from, const char *to);
  /* A descriptor that keeps the directory locked (flock) until it is closed; -EAGAIN: another has it. */
  int (*lock_directory)(const lc_sys *, const char *path);

  /* Blocks; called on a thread of the resolver's, or by a caller that said it may
   * wait. Fills up to `capacity` stream addresses; the number found, or a
   * code (LC_HOST_NOT_FOUND, -EAGAIN, -ENOMEM, -EMFILE). */
  int (*resolve)(const lc_sys *, const char *host, uint16_t port, lc_address *found, int capacity);
};

/* The real kernel. Shared by everyone, never freed. */
const lc_sys *lc_sys_linux(void);

#endif
