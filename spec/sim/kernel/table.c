/* table.c - the simulated kernel as a table of system calls. */
#include <stdlib.h>
#include <string.h>

#include "unix.h"

/* Others act while a call takes its time, and what it causes within its host has happened when it
 * returns. */
static sim_process *begin(const lc_sys *sys)
{
  sim_process *process = sys->state;
  sim_kernel *kernel = process->kernel;
  if (process->turn) sim_turn_call(process);
  else if (process->cost && !kernel->is_running)
    sim_run(kernel, kernel->now + (lc_time)sim_random(kernel, (uint64_t)process->cost + 1));
  return process;
}

/* 0, or the code with which this call is to fail. */
static int luck(sim_process *process, fault_call call)
{
  sim_fault *fault = &process->faults[call];
  if (!fault->last) return 0;
  unsigned number = ++fault->made;
  if (number < fault->first || number > fault->last) return 0;
  process->unlucky++;
  return fault->code;
}

void sim_process_fail(sim_process *process, fault_call call, unsigned nth, unsigned times, int code)
{
  process->faults[call] = (sim_fault){.first = nth, .last = nth + times - 1, .code = code};
}

unsigned sim_process_failed(const sim_process *process) { return process->unlucky; }

static int end(sim_process *process, int result)
{
  sim_settle(process->kernel);
  if (result == -EBADF) process->strange++;
  return result;
}

static ssize_t end_bytes(sim_process *process, ssize_t result)
{
  return result < 0 ? end(process, (int)result) : (end(process, 0), result);
}

/* A call of ours by the name of the kernel's: CALL(kind, name, parameters, arguments). */
#define CALL(kind, name, parameters, arguments)              \
  static int table_##name parameters                         \
  {                                                          \
    sim_process *process = begin(sys);                       \
    int code = luck(process, kind);                          \
    return end(process, code ? code : sim_##name arguments); \
  }

CALL(FAULT_BIND, bind,
     (const lc_sys *sys, int fd, const struct sockaddr *address, socklen_t length),
     (process, fd, address, length))
CALL(FAULT_LISTEN, listen, (const lc_sys *sys, int fd, int backlog), (process, fd, backlog))
CALL(FAULT_ACCEPT, accept, (const lc_sys *sys, int fd, struct sockaddr *address, socklen_t *length),
     (process, fd, address, length))
CALL(FAULT_CONNECT, connect,
     (const lc_sys *sys, int fd, const struct sockaddr *address, socklen_t length),
     (process, fd, address, length))
CALL(FAULT_SETSOCKOPT, setsockopt,
     (const lc_sys *sys, int fd, int level, int name, const void *value, socklen_t length),
     (process, fd, level, name, value, length))
CALL(FAULT_GETSOCKOPT, getsockopt,
     (const lc_sys *sys, int fd, int level, int name, void *value, socklen_t *length),
     (process, fd, level, name, value, length))
CALL(FAULT_SHUTDOWN, shutdown, (const lc_sys *sys, int fd, int how), (process, fd, how))
CALL(FAULT_UNREAD, unread, (const lc_sys *sys, int fd), (process, fd))
CALL(FAULT_UNACKED, unacked, (const lc_sys *sys, int fd), (process, fd))
CALL(FAULT_FILE_FACTS, file_facts, (const lc_sys *sys, int fd, lc_file_facts *facts),
     (process, fd, facts))
CALL(FAULT_WAKE_CREATE, wake_create, (const lc_sys *sys), (process))
CALL(FAULT_WAKE, wake, (const lc_sys *sys, int fd), (process, fd))
CALL(FAULT_WAKE_CLEAR, wake_clear, (const lc_sys *sys, int fd), (process, fd))
CALL(FAULT_SIGNAL_WATCH, signal_watch, (const lc_sys *sys, int signal, int wake_fd),
     (process, signal, wake_fd))
CALL(FAULT_PIPE, pipe_open, (const lc_sys *sys, int *fds), (process, fds))
CALL(FAULT_SOCKETPAIR, socketpair, (const lc_sys *sys, int *fds), (process, fds))
CALL(FAULT_PROCESS_SIGNAL, child_signal, (const lc_sys *sys, int pid, int to_group, int signal),
     (process, pid, to_group, signal))
CALL(FAULT_SPAWN, spawn,
     (const lc_sys *sys, const lc_subprocess_options *options, lc_birth **birth,
      lc_start_step *step),
     (process, options, birth, step))
CALL(FAULT_PROCESS_WATCH, process_watch, (const lc_sys *sys, int pid), (process, pid))
CALL(FAULT_PROCESS_ANY_ENDED, process_any_ended, (const lc_sys *sys), (process))
CALL(FAULT_PROCESSORS, processors, (const lc_sys *sys, int *numbers, int capacity),
     (process, numbers, capacity))
CALL(FAULT_PROCESS_PIN, process_pin, (const lc_sys *sys, int pid, int processor),
     (process, pid, processor))
CALL(FAULT_PROCESS_END, process_end, (const lc_sys *sys, int pid, int keep, lc_subprocess_end *how),
     (process, pid, keep, how))

static int table_born(const lc_sys *sys, lc_birth *birth, lc_start_step *step)
{
  return sim_born(sys->state, birth, step);
}

/* To ask of a descriptor that is not open is nothing strange. */
static int table_descriptor_facts(const lc_sys *sys, int fd, lc_descriptor_facts *facts)
{
  sim_process *process = begin(sys);
  int code = luck(process, FAULT_DESCRIPTOR_FACTS);
  if (!code) code = sim_descriptor_facts(process, fd, facts);
  end(process, 0);
  return code;
}

static int table_signal_release(const lc_sys *sys, int signal)
{
  return sim_signal_release(sys->state, signal);
}

static int table_signal_also_wake(const lc_sys *sys, int signal, int wake_fd)
{
  return sim_signal_also_wake(sys->state, signal, wake_fd);
}

/* No signal here does anything by default. */
static int table_signal_none(const lc_sys *sys, int signal, int on)
{
  (void)sys, (void)signal, (void)on;
  return 0;
}

static void table_listening(const lc_sys *sys, int more) { (void)sys, (void)more; }

static int table_socket(const lc_sys *sys, int family, int type, int protocol)
{
  sim_process *process = begin(sys);
  int code = luck(process, FAULT_SOCKET);
  (void)type;
  (void)protocol;
  if (code) return code;
  if (family == AF_NETLINK) return end(process, sim_diag_open(process));
  if (family == AF_UNIX)
    return end(process, sim_file_install(process, &sim_unix_new(process)->file));
  if (family != AF_INET && family != AF_INET6) return -EAFNOSUPPORT;
  sim_tcp *tcp = sim_tcp_new(process, (sa_family_t)family);
  return end(process, sim_file_install(process, &tcp->file));
}

/* What needs no memory does not lack it. */
static int table_poller_control(const lc_sys *sys, int poller, lc_poller_deed deed, int fd,
                                uint32_t wanted, uint64_t tag)
{
  static const int operations[] = {EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD};
  struct epoll_event event = {.events = wanted, .data.u64 = tag};
  sim_process *process = begin(sys);
  int code = deed == LC_POLLER_ADD ? luck(process, FAULT_POLLER_CONTROL) : 0;
  if (!code) code = sim_epoll_control(process, poller, operations[deed], fd, &event);
  return end(process, code);
}

static int table_poller_create(const lc_sys *sys)
{
  sim_process *process = begin(sys);
  int code = luck(process, FAULT_POLLER_CREATE);
  return end(process, code ? code : sim_epoll_create(process));
}

/* The processors that stand still go on before this call returns. */
static int table_wait_for_arrivals(const lc_sys *sys)
{
  sim_process *process = begin(sys);
  sim_arrivals_end(process->kernel);
  return end(process, 0);
}

static int table_getsockname(const lc_sys *sys, int fd, struct sockaddr *address, socklen_t *length)
{
  sim_process *process = begin(sys);
  return end(process, sim_name(process, fd, 0, address, length));
}

static int table_getpeername(const lc_sys *sys, int fd, struct sockaddr *address, socklen_t *length)
{
  sim_process *process = begin(sys);
  return end(process, sim_name(process, fd, 1, address, length));
}

static ssize_t table_recv(const lc_sys *sys, int fd, void *buffer, size_t size, int flags)
{
  sim_process *process = begin(sys);
  int code = luck(process, FAULT_RECV);
  return end_bytes(process, code ? code : sim_recv(process, fd, buffer, size, flags));
}

static ssize_t table_recvmsg(const lc_sys *sys, int fd, struct msghdr *message, int flags)
{
  sim_process *process = begin(sys);
  int code = luck(process, FAULT_RECVMSG);
  return end_bytes(process, code ? code : sim_recvmsg(process, fd, message, flags));
}

static ssize_t table_sendmsg(const lc_sys *sys, int fd, const struct msghdr *message, int flags)
{
  sim_process *process = begin(sys);
  int code = luck(process, FAULT_SENDMSG);
  (void)flags;
  return end_bytes(process, code ? code : sim_sendmsg(process, fd, message));
}

static ssize_t table_read_at(const lc_sys *sys, int fd, void *buffer, size_t size, uint64_t offset)
{
  sim_process *process = begin(sys);
  int code = luck(process, FAULT_READ_AT);
  return end_bytes(process, code ? code : sim_read_at(process, fd, buffer, size, offset));
}

static ssize_t table_read(const lc_sys *sys, int fd, void *buffer, size_t size)
{
  sim_process *process = begin(sys);
  int code = luck(process, FAULT_READ);
  return end_bytes(process, code ? code : sim_read(process, fd, buffer, size));
}

static ssize_t table_write(const lc_sys *sys, int fd, const struct iovec *pieces, int count)
{
  sim_process *process = begin(sys);
  int code = luck(process, FAULT_WRITE);
  return end_bytes(process, code ? code : sim_write(process, fd, pieces, count));
}

static ssize_t table_send_file(const lc_sys *sys, int fd, int file, uint64_t offset, size_t size)
{
  sim_process *process = begin(sys);
  int code = luck(process, FAULT_SEND_FILE);
  return end_bytes(process, code ? code : sim_send_file(process, fd, file, offset, size));
}

static int table_close(const lc_sys *sys, int fd)
{
  sim_process *process = begin(sys);
  int code = luck(process, FAULT_CLOSE), result = sim_file_close(process, fd);
  return end(process, code ? code : result); /* closed all the same, as Linux does */
}

static int table_set_nonblocking(const lc_sys *sys, int fd)
{
  sim_process *process = begin(sys);
  return end(process, sim_file_at(process, fd) ? 0 : -EBADF);
}

static int table_duplicate(const lc_sys *sys, int fd)
{
  sim_process *process = begin(sys);
  sim_file *file = sim_file_at(process, fd);
  int code = luck(process, FAULT_DUPLICATE);
  if (!code) code = file ? sim_file_install(process, file) : -EBADF;
  return end(process, code);
}

static int table_is_alone(const lc_sys *sys)
{
  return !((const sim_process *)sys->state)->has_forked;
}

static int table_poller_wait(const lc_sys *sys, int poller, lc_poll_event *events, int capacity,
                             lc_time timeout)
{
  struct epoll_event found[64] = {0};
  sim_process *process = begin(sys);
  int count = luck(process, FAULT_POLLER_WAIT);
  /* What arrives at the moment it ends at has arrived before the next call, not in the midst of
   * it. */
  if (!count)
    count = sim_epoll_wait(process, poller, found, capacity < 64 ? capacity : 64, timeout);
  for (int i = 0; i < count; i++)
    events[i] = (lc_poll_event){.seen = found[i].events, .tag = found[i].data.u64};
  return end(process, count);
}

static int table_poll(const lc_sys *sys, struct pollfd *fds, unsigned count, lc_time timeout)
{
  return sim_poll(begin(sys), fds, count, timeout);
}

static int table_wake_wait(const lc_sys *sys, int fd, lc_time timeout)
{
  struct pollfd one = {fd, POLLIN, 0};
  return sim_poll(begin(sys), &one, 1, timeout < 0 ? 0 : timeout);
}

static int table_signal_take(const lc_sys *sys, int signal, lc_signal_seen *seen)
{
  return sim_signal_look(sys->state, signal, seen, 1);
}

static int table_signal_peek(const lc_sys *sys, int signal, lc_signal_seen *seen)
{
  return sim_signal_look(sys->state, signal, seen, 0);
}

/* ------------------------------------------------------------ the others -- */

static sim_process *of(const lc_sys *sys) { return sys->state; }

static lc_time table_now(const lc_sys *sys) { return of(sys)->kernel->now; }

static uint64_t table_ticks(const lc_sys *sys) { return (uint64_t)of(sys)->kernel->now; }

static lc_time table_time_of_day(const lc_sys *sys)
{
  const lc_time in_2026 = 1767225600 * LC_SECOND;
  return in_2026 + of(sys)->kernel->now;
}

static int table_random(const lc_sys *sys, void *buffer, size_t size)
{
  for (size_t i = 0; i < size; i++)
    ((unsigned char *)buffer)[i] = (unsigned char)sim_random(of(sys)->kernel, 256);
  return 0;
}

static void table_exit(const lc_sys *sys, int status)
{
  sim_process *process = sys->state;
  if (process->turn) sim_process_exit(process, status);
  else _Exit(status);
}

static int table_process_id(const lc_sys *sys)
{
  const sim_process *process = sys->state;
  return process->pid ? process->pid : 2;
}

static int table_descriptor_limit(const lc_sys *sys) { return of(sys)->limit; }

static int table_descriptors_open(const lc_sys *sys) { return of(sys)->open + 3; }

/* No file but a socket has a mode that counts. */
static int table_chmod(const lc_sys *sys, const char *path, unsigned mode)
{
  lc_file_identity identity;
  (void)mode;
  return sim_path_identity(sys, path, &identity);
}

static int table_lock_directory(const lc_sys *sys, const char *path)
{
  sim_process *process = begin(sys);
  return end(process, sim_lock_directory(process, path));
}

static int table_open_file(const lc_sys *sys, int directory, const char *path, unsigned how)
{
  sim_process *process = begin(sys);
  (void)directory, (void)how;
  return end(process, sim_open_file(process, path));
}

static ssize_t table_say(const lc_sys *sys, int fd, const char *text, size_t length,
                         lc_time patience)
{
  sim_process *process = begin(sys);
  (void)patience;
  return end_bytes(process, sim_say(process, fd, text, length));
}

void sim_table_fill(sim_process *process)
{
  process->sys = (lc_sys){
    .state = process,
    .now = table_now,
    .tick = table_now, /* timers of the simulated kernel are exact */
    .time_of_day = table_time_of_day,
    .ticks = table_ticks,
    .random = table_random,
    .socket = table_socket,
    .bind = table_bind,
    .listen = table_listen,
    .accept = table_accept,
    .connect = table_connect,
    .wait_for_arrivals = table_wait_for_arrivals,
    .getsockname = table_getsockname,
    .getpeername = table_getpeername,
    .setsockopt = table_setsockopt,
    .getsockopt = table_getsockopt,
    .recv = table_recv,
    .sendmsg = table_sendmsg,
    .recvmsg = table_recvmsg,
    .shutdown = table_shutdown,
    .close = table_close,
    .set_nonblocking = table_set_nonblocking,
    .duplicate = table_duplicate,
    .is_alone = table_is_alone,
    .unread = table_unread,
    .unacked = table_unacked,
    .poller_create = table_poller_create,
    .poller_control = table_poller_control,
    .poller_wait = table_poller_wait,
    .poll = table_poll,
    .wake_create = table_wake_create,
    .wake = table_wake,
    .wake_clear = table_wake_clear,
    .wake_wait = table_wake_wait,
    .signal_watch = table_signal_watch,
    .signal_release = table_signal_release,
    .signal_take = table_signal_take,
    .signal_peek = table_signal_peek,
    .signal_also_wake = table_signal_also_wake,
    .signal_deaf = table_signal_none,
    .signal_act = table_signal_none,
    .listening = table_listening,
    .exit = table_exit,
    .process_id = table_process_id,
    .descriptor_limit = table_descriptor_limit,
    .descriptors_open = table_descriptors_open,
    .file_identity = sim_path_identity,
    .unlink = sim_path_unlink,
    .chmod = table_chmod,
    .rename = sim_path_rename,
    .lock_directory = table_lock_directory,
    .open_file = table_open_file,
    .say = table_say,
    .file_facts = table_file_facts,
    .read_at = table_read_at,
    .send_file = table_send_file,
    .descriptor_facts = table_descriptor_facts,
    .read = table_read,
    .write = table_write,
    .socketpair = table_socketpair,
    .pipe = table_pipe_open,
    .spawn = table_spawn,
    .born = table_born,
    .process_watch = table_process_watch,
    .process_end = table_process_end,
    .process_any_ended = table_process_any_ended,
    .process_signal = table_child_signal,
    .processors = table_processors,
    .process_pin = table_process_pin,
  };
  sim_absent_fill(&process->sys);
}
