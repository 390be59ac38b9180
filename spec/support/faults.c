/* faults.c - the real kernel with bad luck. */
#include "faults.h"

#include <string.h>

static const lc_sys *real(void) { return lc_sys_linux(); }

static faults *of(const lc_sys *sys) { return sys->state; }

/* 0, or the code with which this call fails. */
static int luck(const lc_sys *sys, fault_call call)
{
  faults *f = of(sys);
  unsigned number = atomic_fetch_add(&f->of[call].made, 1) + 1;
  if (!f->of[call].first || number < f->of[call].first || number > f->of[call].last) return 0;
  f->of[call].failed++;
  return f->of[call].code;
}

/* Its own clock goes `speed` times as fast; what the real kernel is asked for is that much less. */
static lc_time faulty_now(const lc_sys *sys)
{
  lc_time now = real()->now(real());
  return of(sys)->speed > 1 ? now * of(sys)->speed : now;
}

static lc_time faulty_tick(const lc_sys *sys)
{
  lc_time tick = real()->tick(real());
  return of(sys)->speed > 1 ? tick * of(sys)->speed : tick;
}

static lc_time faulty_time_of_day(const lc_sys *sys)
{
  return of(sys)->time_of_day ? of(sys)->time_of_day : real()->time_of_day(real());
}

static lc_time slowed(const lc_sys *sys, lc_time time)
{
  return of(sys)->speed > 1 ? time / of(sys)->speed + 1 : time;
}

/* Calls that only may fail: FORWARD(kind, name, parameters, arguments). */
#define FORWARD(type, kind, name, parameters, arguments) \
  static type faulty_##name parameters                   \
  {                                                      \
    int code = luck(sys, kind);                          \
    return code ? code : real()->name arguments;         \
  }

FORWARD(int, FAULT_RANDOM, random, (const lc_sys *sys, void *buffer, size_t size),
        (real(), buffer, size))
FORWARD(int, FAULT_BIND, bind,
        (const lc_sys *sys, int fd, const struct sockaddr *address, socklen_t length),
        (real(), fd, address, length))
FORWARD(int, FAULT_LISTEN, listen, (const lc_sys *sys, int fd, int backlog), (real(), fd, backlog))
FORWARD(int, FAULT_CONNECT, connect,
        (const lc_sys *sys, int fd, const struct sockaddr *address, socklen_t length),
        (real(), fd, address, length))
FORWARD(int, FAULT_GETSOCKNAME, getsockname,
        (const lc_sys *sys, int fd, struct sockaddr *address, socklen_t *length),
        (real(), fd, address, length))
FORWARD(int, FAULT_GETPEERNAME, getpeername,
        (const lc_sys *sys, int fd, struct sockaddr *address, socklen_t *length),
        (real(), fd, address, length))
FORWARD(int, FAULT_SETSOCKOPT, setsockopt,
        (const lc_sys *sys, int fd, int level, int name, const void *value, socklen_t length),
        (real(), fd, level, name, value, length))
FORWARD(int, FAULT_GETSOCKOPT, getsockopt,
        (const lc_sys *sys, int fd, int level, int name, void *value, socklen_t *length),
        (real(), fd, level, name, value, length))
FORWARD(ssize_t, FAULT_RECV, recv,
        (const lc_sys *sys, int fd, void *buffer, size_t size, int flags),
        (real(), fd, buffer, size, flags))
FORWARD(ssize_t, FAULT_SENDMSG, sendmsg,
        (const lc_sys *sys, int fd, const struct msghdr *message, int flags),
        (real(), fd, message, flags))
FORWARD(int, FAULT_SHUTDOWN, shutdown, (const lc_sys *sys, int fd, int how), (real(), fd, how))
FORWARD(int, FAULT_SET_NONBLOCKING, set_nonblocking, (const lc_sys *sys, int fd), (real(), fd))
FORWARD(int, FAULT_UNREAD, unread, (const lc_sys *sys, int fd), (real(), fd))
FORWARD(int, FAULT_UNACKED, unacked, (const lc_sys *sys, int fd), (real(), fd))
FORWARD(int, FAULT_POLLER_CONTROL, poller_control,
        (const lc_sys *sys, int poller, lc_poller_deed deed, int fd, uint32_t wanted, uint64_t tag),
        (real(), poller, deed, fd, wanted, tag))
FORWARD(int, FAULT_POLLER_WAIT, poller_wait,
        (const lc_sys *sys, int poller, lc_poll_event *events, int capacity, lc_time timeout),
        (real(), poller, events, capacity, timeout > 0 ? slowed(sys, timeout) : timeout))
FORWARD(int, FAULT_WAKE, wake, (const lc_sys *sys, int fd), (real(), fd))
FORWARD(int, FAULT_WAKE_CLEAR, wake_clear, (const lc_sys *sys, int fd), (real(), fd))
FORWARD(int, FAULT_SIGNAL_WATCH, signal_watch, (const lc_sys *sys, int signal, int wake_fd),
        (real(), signal, wake_fd))
FORWARD(int, FAULT_FORGET_VARIABLE, forget_variable, (const lc_sys *sys, const char *name),
        (real(), name))
FORWARD(int, FAULT_FILE_IDENTITY, file_identity,
        (const lc_sys *sys, const char *path, lc_file_identity *identity), (real(), path, identity))
FORWARD(int, FAULT_UNLINK, unlink, (const lc_sys *sys, const char *path), (real(), path))
FORWARD(int, FAULT_CHMOD, chmod, (const lc_sys *sys, const char *path, unsigned mode),
        (real(), path, mode))
FORWARD(int, FAULT_RENAME, rename, (const lc_sys *sys, const char *from, const char *to),
        (real(), from, to))
FORWARD(int, FAULT_MAKE_DIRECTORY, make_directory,
        (const lc_sys *sys, const char *path, unsigned mode), (real(), path, mode))
FORWARD(ssize_t, FAULT_DIRECTORY_NAMES, directory_names,
        (const lc_sys *sys, const char *path, char *names, size_t size),
        (real(), path, names, size))
FORWARD(int, FAULT_REAL_PATH, real_path,
        (const lc_sys *sys, const char *path, char *found, size_t size),
        (real(), path, found, size))
FORWARD(int, FAULT_FILE_FACTS, file_facts, (const lc_sys *sys, int fd, lc_file_facts *facts),
        (real(), fd, facts))
FORWARD(ssize_t, FAULT_READ_AT, read_at,
        (const lc_sys *sys, int fd, void *buffer, size_t size, uint64_t offset),
        (real(), fd, buffer, size, offset))
FORWARD(ssize_t, FAULT_SEND_FILE, send_file,
        (const lc_sys *sys, int fd, int file, uint64_t offset, size_t size),
        (real(), fd, file, offset, size))
FORWARD(int, FAULT_RESOLVE, resolve,
        (const lc_sys *sys, const char *host, uint16_t port, lc_address *found, int capacity),
        (real(), host, port, found, capacity))

FORWARD(int, FAULT_DESCRIPTOR_FACTS, descriptor_facts,
        (const lc_sys *sys, int fd, lc_descriptor_facts *facts), (real(), fd, facts))
FORWARD(int, FAULT_REPLACE, replace, (const lc_sys *sys, int fd, int by), (real(), fd, by))
FORWARD(ssize_t, FAULT_READ, read, (const lc_sys *sys, int fd, void *buffer, size_t size),
        (real(), fd, buffer, size))
FORWARD(ssize_t, FAULT_WRITE, write,
        (const lc_sys *sys, int fd, const struct iovec *pieces, int count),
        (real(), fd, pieces, count))
FORWARD(int, FAULT_SPAWN, spawn,
        (const lc_sys *sys, const lc_subprocess_options *options, lc_birth **birth,
         lc_start_step *step),
        (real(), options, birth, step))
FORWARD(int, FAULT_PROCESS_END, process_end,
        (const lc_sys *sys, int pid, int keep, lc_subprocess_end *end), (real(), pid, keep, end))
FORWARD(int, FAULT_PROCESS_ANY_ENDED, process_any_ended, (const lc_sys *sys), (real()))
FORWARD(int, FAULT_PROCESS_SIGNAL, process_signal,
        (const lc_sys *sys, int pid, int to_group, int signal), (real(), pid, to_group, signal))
FORWARD(int, FAULT_PROCESSORS, processors, (const lc_sys *sys, int *numbers, int capacity),
        (real(), numbers, capacity))
FORWARD(int, FAULT_PROCESS_PIN, process_pin, (const lc_sys *sys, int pid, int processor),
        (real(), pid, processor))

/* ------------------------------------------------------------ descriptors -- */

static int handed_out(const lc_sys *sys, int fd)
{
  faults *f = of(sys);
  if (fd < 0 || fd >= FAULT_DESCRIPTORS) return fd;
  f->is_open[fd] = 1;
  f->open++;
  return fd;
}

#define HAND_OUT(kind, name, parameters, arguments)               \
  static int faulty_##name parameters                             \
  {                                                               \
    int code = luck(sys, kind);                                   \
    return code ? code : handed_out(sys, real()->name arguments); \
  }

HAND_OUT(FAULT_SOCKET, socket, (const lc_sys *sys, int family, int type, int protocol),
         (real(), family, type, protocol))
HAND_OUT(FAULT_ACCEPT, accept,
         (const lc_sys *sys, int fd, struct sockaddr *address, socklen_t *length),
         (real(), fd, address, length))
HAND_OUT(FAULT_POLLER_CREATE, poller_create, (const lc_sys *sys), (real()))
HAND_OUT(FAULT_LOCK_DIRECTORY, lock_directory, (const lc_sys *sys, const char *path),
         (real(), path))
HAND_OUT(FAULT_OPEN_FILE, open_file,
         (const lc_sys *sys, int directory, const char *path, unsigned how),
         (real(), directory, path, how))
HAND_OUT(FAULT_DUPLICATE, duplicate, (const lc_sys *sys, int fd), (real(), fd))
HAND_OUT(FAULT_OPEN_AGAIN, open_again, (const lc_sys *sys, int fd), (real(), fd))
HAND_OUT(FAULT_OPEN_NULL, open_null, (const lc_sys *sys), (real()))
HAND_OUT(FAULT_PROCESS_WATCH, process_watch, (const lc_sys *sys, int pid), (real(), pid))
HAND_OUT(FAULT_WAKE_CREATE, wake_create, (const lc_sys *sys), (real()))

static ssize_t faulty_recvmsg(const lc_sys *sys, int fd, struct msghdr *message, int flags)
{
  int code = luck(sys, FAULT_RECVMSG);
  ssize_t got = code ? code : real()->recvmsg(real(), fd, message, flags);
  struct cmsghdr *one = got < 0 ? NULL : CMSG_FIRSTHDR(message);
  for (; one; one = CMSG_NXTHDR(message, one)) {
    int passed;
    if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) continue;
    for (size_t at = 0; at + sizeof passed <= one->cmsg_len - CMSG_LEN(0); at += sizeof passed) {
      memcpy(&passed, CMSG_DATA(one) + at, sizeof passed);
      handed_out(sys, passed);
    }
  }
  return got;
}

/* Two at once. */
#define HAND_OUT_PAIR(kind, name)                                     \
  static int faulty_##name(const lc_sys *sys, int *fds)               \
  {                                                                   \
    int code = luck(sys, kind);                                       \
    if (!code) code = real()->name(real(), fds);                      \
    for (int i = 0; i < 2 && code >= 0; i++) handed_out(sys, fds[i]); \
    return code;                                                      \
  }

HAND_OUT_PAIR(FAULT_SOCKETPAIR, socketpair)
HAND_OUT_PAIR(FAULT_PIPE, pipe)

static int faulty_close(const lc_sys *sys, int fd)
{
  faults *f = of(sys);
  int code = luck(sys, FAULT_CLOSE), result;
  if (fd < 0 || fd >= FAULT_DESCRIPTORS || !f->is_open[fd]) {
    f->strange++;
    return -EBADF;
  }
  f->is_open[fd] = 0;
  f->open--;
  result = real()->close(real(), fd);
  return code ? code : result;
}

/* ------------------------------------------------------------------- setup -- */

void faults_init(faults *f)
{
  memset(f, 0, sizeof *f);
  f->sys = *real(); /* what cannot fail, and the signals' own functions */
  f->sys.state = f;
  f->sys.has_threads = 0; /* or the n-th call would be another one each time */
  f->sys.now = faulty_now;
  f->sys.tick = faulty_tick;
  f->sys.time_of_day = faulty_time_of_day;
  f->sys.random = faulty_random;
  f->sys.socket = faulty_socket;
  f->sys.bind = faulty_bind;
  f->sys.listen = faulty_listen;
  f->sys.accept = faulty_accept;
  f->sys.connect = faulty_connect;
  f->sys.getsockname = faulty_getsockname;
  f->sys.getpeername = faulty_getpeername;
  f->sys.setsockopt = faulty_setsockopt;
  f->sys.getsockopt = faulty_getsockopt;
  f->sys.recv = faulty_recv;
  f->sys.sendmsg = faulty_sendmsg;
  f->sys.recvmsg = faulty_recvmsg;
  f->sys.shutdown = faulty_shutdown;
  f->sys.close = faulty_close;
  f->sys.set_nonblocking = faulty_set_nonblocking;
  f->sys.unread = faulty_unread;
  f->sys.unacked = faulty_unacked;
  f->sys.poller_create = faulty_poller_create;
  f->sys.poller_control = faulty_poller_control;
  f->sys.poller_wait = faulty_poller_wait;
  f->sys.wake_create = faulty_wake_create;
  f->sys.wake = faulty_wake;
  f->sys.wake_clear = faulty_wake_clear;
  f->sys.signal_watch = faulty_signal_watch;
  f->sys.duplicate = faulty_duplicate;
  f->sys.forget_variable = faulty_forget_variable;
  f->sys.file_identity = faulty_file_identity;
  f->sys.unlink = faulty_unlink;
  f->sys.chmod = faulty_chmod;
  f->sys.rename = faulty_rename;
  f->sys.make_directory = faulty_make_directory;
  f->sys.directory_names = faulty_directory_names;
  f->sys.real_path = faulty_real_path;
  f->sys.lock_directory = faulty_lock_directory;
  f->sys.open_file = faulty_open_file;
  f->sys.file_facts = faulty_file_facts;
  f->sys.read_at = faulty_read_at;
  f->sys.send_file = faulty_send_file;
  f->sys.resolve = faulty_resolve;
  f->sys.descriptor_facts = faulty_descriptor_facts;
  f->sys.open_again = faulty_open_again;
  f->sys.open_null = faulty_open_null;
  f->sys.replace = faulty_replace;
  f->sys.read = faulty_read;
  f->sys.write = faulty_write;
  f->sys.socketpair = faulty_socketpair;
  f->sys.pipe = faulty_pipe;
  f->sys.spawn = faulty_spawn;
  f->sys.process_watch = faulty_process_watch;
  f->sys.process_end = faulty_process_end;
  f->sys.process_signal = faulty_process_signal;
  f->sys.process_any_ended = faulty_process_any_ended;
  f->sys.processors = faulty_processors;
  f->sys.process_pin = faulty_process_pin;
}

void faults_fail(faults *f, fault_call call, unsigned nth, unsigned times, int code)
{
  unsigned first = atomic_load(&f->of[call].made) + nth;
  f->of[call].first = first;
  f->of[call].last = times > UINT32_MAX - first ? UINT32_MAX : first + times - 1;
  f->of[call].code = code;
  f->of[call].failed = 0;
}

void faults_none(faults *f)
{
  for (int i = 0; i < FAULT_CALLS; i++) f->of[i].first = 0;
}

static const char *const NAMES[FAULT_CALLS] = {[FAULT_RANDOM] = "random",
                                               [FAULT_SOCKET] = "socket",
                                               [FAULT_BIND] = "bind",
                                               [FAULT_LISTEN] = "listen",
                                               [FAULT_ACCEPT] = "accept",
                                               [FAULT_CONNECT] = "connect",
                                               [FAULT_GETSOCKNAME] = "getsockname",
                                               [FAULT_GETPEERNAME] = "getpeername",
                                               [FAULT_SETSOCKOPT] = "setsockopt",
                                               [FAULT_GETSOCKOPT] = "getsockopt",
                                               [FAULT_RECV] = "recv",
                                               [FAULT_SENDMSG] = "sendmsg",
                                               [FAULT_RECVMSG] = "recvmsg",
                                               [FAULT_SHUTDOWN] = "shutdown",
                                               [FAULT_CLOSE] = "close",
                                               [FAULT_SET_NONBLOCKING] = "set_nonblocking",
                                               [FAULT_DUPLICATE] = "duplicate",
                                               [FAULT_UNREAD] = "unread",
                                               [FAULT_UNACKED] = "unacked",
                                               [FAULT_POLLER_CREATE] = "poller_create",
                                               [FAULT_POLLER_CONTROL] = "poller_control",
                                               [FAULT_POLLER_WAIT] = "poller_wait",
                                               [FAULT_WAKE_CREATE] = "wake_create",
                                               [FAULT_WAKE] = "wake",
                                               [FAULT_WAKE_CLEAR] = "wake_clear",
                                               [FAULT_SIGNAL_WATCH] = "signal_watch",
                                               [FAULT_FORGET_VARIABLE] = "forget_variable",
                                               [FAULT_FILE_IDENTITY] = "file_identity",
                                               [FAULT_UNLINK] = "unlink",
                                               [FAULT_CHMOD] = "chmod",
                                               [FAULT_RENAME] = "rename",
                                               [FAULT_MAKE_DIRECTORY] = "make_directory",
                                               [FAULT_DIRECTORY_NAMES] = "directory_names",
                                               [FAULT_REAL_PATH] = "real_path",
                                               [FAULT_LOCK_DIRECTORY] = "lock_directory",
                                               [FAULT_OPEN_FILE] = "open_file",
                                               [FAULT_FILE_FACTS] = "file_facts",
                                               [FAULT_READ_AT] = "read_at",
                                               [FAULT_SEND_FILE] = "send_file",
                                               [FAULT_RESOLVE] = "resolve",
                                               [FAULT_DESCRIPTOR_FACTS] = "descriptor_facts",
                                               [FAULT_OPEN_AGAIN] = "open_again",
                                               [FAULT_OPEN_NULL] = "open_null",
                                               [FAULT_REPLACE] = "replace",
                                               [FAULT_READ] = "read",
                                               [FAULT_WRITE] = "write",
                                               [FAULT_SOCKETPAIR] = "socketpair",
                                               [FAULT_PIPE] = "pipe",
                                               [FAULT_SPAWN] = "spawn",
                                               [FAULT_PROCESS_WATCH] = "process_watch",
                                               [FAULT_PROCESS_END] = "process_end",
                                               [FAULT_PROCESS_SIGNAL] = "process_signal",
                                               [FAULT_PROCESS_ANY_ENDED] = "process_any_ended",
                                               [FAULT_PROCESSORS] = "processors",
                                               [FAULT_PROCESS_PIN] = "process_pin"};

const char *fault_name(fault_call call) { return call < FAULT_CALLS ? NAMES[call] : "none"; }

fault_call fault_named(const char *name)
{
  int i = 0;
  while (i < FAULT_CALLS && strcmp(NAMES[i], name) != 0) i++;
  return (fault_call)i;
}
