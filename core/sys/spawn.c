/* spawn.c - starts child processes, and waits for them.
 *
 * The child shares the memory of the parent until its program runs, and has a stack of its own. The
 * parent's thread stands still meanwhile, so the start costs the same however much memory the parent
 * has. The child must not allocate memory, nor call what takes a lock: another thread of the parent
 * may hold it for good.
 */
#include "sys/spawn.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/files.h"
#include "sys/fork.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434 /* unknown to kernel headers before 5.3 */
#endif
#ifndef SYS_close_range
#define SYS_close_range 436 /* before 5.9 */
#endif

enum {
  STACK = 64 * 1024,
  ALIGNED = 16,
  FAILED = 127,        /* the exit status of a child whose program did not run */
  CLOSE_ON_EXEC = 0x4, /* close_range */
  FAR = 1 << 16
};

static const char USUAL_PATH[] = "/usr/local/bin:/usr/bin:/bin";

typedef struct birth {
  const lc_subprocess_options *options;
  char *const *env;
  char **programs; /* the paths to try, then NULL */
  int *from;       /* for each of its descriptors, the one that it is a copy of */
  /* Written by the child. */
  volatile lc_start_step step;
  volatile int error;
} birth;

/* -------------------------------------------------------------- in the child -- */

/* All signals, so that none has its parent's handler when it is let in. Asks the kernel itself: libc refuses the two
 * that it keeps for its threads, and GNU make leaves them ignored. */
static void reset_signals(void)
{
  static const char defaults[64]; /* more than the kernel reads: SIG_DFL, no flags, an empty mask */
  for (int signal = 1; signal < NSIG; signal++)
    syscall(SYS_rt_sigaction, signal, defaults, NULL, (size_t)(NSIG / 8));
}

static void set_close_on_exec(int fd)
{
  int flags = fcntl(fd, F_GETFD);
  if (flags >= 0) fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
}

/* An entry of a directory, as the kernel writes it. */
struct entry {
  uint64_t inode;
  int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[];
};

static int number_in(const char *name)
{
  int number = 0;
  if (!*name) return -1;
  for (; *name; name++) {
    if (*name < '0' || *name > '9') return -1;
    number = number * 10 + (*name - '0');
  }
  return number;
}

/* For kernels before 5.11. Returns 0, or -1 where there is no /proc. */
static int close_those_in_proc(void)
{
  _Alignas(struct entry) char room[4096];
  int directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return -1;
  long got;
  while ((got = syscall(SYS_getdents64, directory, room, sizeof room)) > 0) {
    for (long at = 0; at < got;) {
      const struct entry *one = (const struct entry *)(const void *)(room + at);
      int fd = number_in(one->name);
      if (fd >= 0) set_close_on_exec(fd);
      at += one->length;
    }
  }
  close(directory);
  return got < 0 ? -1 : 0;
}

/* No descriptor outlives exec, apart from those that are made afterwards. */
static void close_all_on_exec(void)
{
  struct rlimit limit;
  if (syscall(SYS_close_range, 0U, ~0U, CLOSE_ON_EXEC) == 0) return;
  if (close_those_in_proc() == 0) return;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > FAR) limit.rlim_cur = FAR;
  for (int fd = 0; fd < (int)limit.rlim_cur; fd++) set_close_on_exec(fd);
}

static int highest_of(const lc_subprocess_options *options)
{
  int highest = STDERR_FILENO;
  for (size_t i = 0; i < options->fd_count; i++)
    if (options->fds[i].there > highest) highest = options->fds[i].there;
  return highest;
}

/* A copy above all numbers that the child is to have, so that no later step overwrites it. */
static int lift(int fd, int highest)
{
  if (fd != LC_FD_NULL) return fcntl(fd, F_DUPFD_CLOEXEC, highest + 1);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0 || null > highest) return null;
  int lifted = fcntl(null, F_DUPFD_CLOEXEC, highest + 1);
  close(null);
  return lifted;
}

static int place_descriptors(const birth *b)
{
  const lc_subprocess_options *options = b->options;
  int highest = highest_of(options);
  for (size_t i = 0; i < options->fd_count; i++) {
    b->from[i] = lift(options->fds[i].here, highest);
    if (b->from[i] < 0) return -1;
  }
  close_all_on_exec();
  for (size_t i = 0; i < options->fd_count; i++)
    if (dup2(b->from[i], options->fds[i].there) < 0) return -1;
  return 0;
}

static int limit_descriptors(int soft)
{
  struct rlimit limit;
  if (!soft) return 0;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -1;
  limit.rlim_cur = (rlim_t)soft < limit.rlim_max ? (rlim_t)soft : limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit);
}

/* Tries one path after the other, as execvp does. */
static void run_program(const birth *b)
{
  int denied = 0;
  for (char **path = b->programs; *path; path++) {
    execve(*path, (char *const *)(uintptr_t)b->options->argv, b->env);
    if (errno == EACCES) denied = 1;
    else if (errno != ENOENT && errno != ENOTDIR) return;
  }
  if (denied) errno = EACCES;
}

/* Returns when a step has failed, with the step noted and errno set. */
static void be_born(birth *b)
{
  sigset_t none;
  reset_signals();
  b->step = LC_START_GROUP;
  if (b->options->leads_group && setpgid(0, 0) < 0) return;
  b->step = LC_START_DESCRIPTORS;
  if (place_descriptors(b) < 0) return;
  b->step = LC_START_DIRECTORY;
  if (b->options->cwd && chdir(b->options->cwd) < 0) return;
  b->step = LC_START_DESCRIPTORS;
  if (limit_descriptors(b->options->descriptor_limit) < 0) return;
  b->step = LC_START_PROGRAM;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  run_program(b);
}

static int in_child(void *argument)
{
  birth *b = argument;
  be_born(b);
  b->error = errno;
  syscall(SYS_exit_group, FAILED); /* nothing of libc's: it is the parent's */
  return FAILED;
}

/* ------------------------------------------------------------- in the parent -- */

/* The value of PATH in an environment, or NULL. */
static const char *path_in(char *const *env)
{
  for (; *env; env++)
    if (!strncmp(*env, "PATH=", 5)) return *env + 5;
  return NULL;
}

/* Writes "directory/name" and returns the place behind it. An empty directory is the current one. */
static char *write_path(char *to, const char *directory, size_t length, const char *name)
{
  memcpy(to, directory, length);
  to += length;
  if (length) *to++ = '/';
  size_t size = strlen(name) + 1;
  memcpy(to, name, size);
  return to + size;
}

/* The paths at which the program may lie: one block, with the list first. NULL for lack of memory. */
static char **programs_for(const char *name, char *const *env)
{
  size_t count = 1, length = strlen(name);
  const char *search = strchr(name, '/') ? "" : path_in(env);
  if (!search) search = USUAL_PATH;
  for (const char *at = search; (at = strchr(at, ':')); at++) count++;
  char **list = malloc((count + 1) * sizeof *list + strlen(search) + count * (length + 2));
  if (!list) return NULL;
  char *text = (char *)(list + count + 1);
  for (size_t i = 0; i < count; i++) {
    size_t part = strcspn(search, ":");
    list[i] = text;
    text = write_path(text, search, part, name);
    search += part + (search[part] != '\0');
  }
  list[count] = NULL;
  return list;
}

/* The parent's thread waits until the program runs, or the child has ended. No signal may come to
 * the child while it shares the parent's memory. */
static int bear(birth *b, char *stack)
{
  sigset_t all, before;
  int top = STACK - (int)((uintptr_t)(stack + STACK) % ALIGNED);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int pid = clone(in_child, stack + top, CLONE_VM | CLONE_VFORK | SIGCHLD, b);
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return pid < 0 ? -error : pid;
}

static int spawn(birth *b, char *stack, lc_start_step *step)
{
  int pid = bear(b, stack), ended;
  if (pid < 0) {
    *step = LC_START_PROCESS;
    return pid;
  }
  if (!b->error) return pid;
  LC_RETRY(ended, waitpid(pid, NULL, 0) < 0 ? -errno : 0); /* it is ending */
  *step = b->step;
  return -b->error;
}

int lc_sys_spawn(const lc_sys *sys, const lc_subprocess_options *options, lc_start_step *step)
{
  char *const *env = options->env ? (char *const *)(uintptr_t)options->env : environ;
  static char *const none[] = {NULL}; /* clearenv leaves no list */
  birth b = {.options = options, .env = env ? env : none};
  (void)sys;
  b.programs = programs_for(options->argv[0], b.env);
  b.from = malloc((options->fd_count + 1) * sizeof *b.from);
  char *stack = malloc(STACK);
  int result = -ENOMEM;
  *step = LC_START_PROCESS;
  for (size_t i = 0; i < options->fd_count; i++)
    if (options->fds[i].is_kept) lc_sys_note_company();
  if (b.programs && b.from && stack) result = spawn(&b, stack, step);
  free(stack);
  free(b.from);
  free(b.programs);
  return result;
}

int lc_sys_process_watch(const lc_sys *sys, int pid)
{
  (void)sys;
  /* close-on-exec by itself */
  return lc_sys_above_standard((int)syscall(SYS_pidfd_open, pid, 0U));
}

int lc_sys_process_end(const lc_sys *sys, int pid, int keep, lc_subprocess_end *end)
{
  siginfo_t info;
  int result;
  (void)sys;
  memset(&info, 0, sizeof info);
  LC_RETRY(result, waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | (keep ? WNOWAIT : 0)) < 0
                     ? -errno
                     : 0);
  if (result < 0) return result;
  if (!info.si_pid) return 0;
  end->kind = info.si_code == CLD_EXITED ? LC_END_EXIT : LC_END_SIGNAL;
  end->status = info.si_status;
  return 1;
}

int lc_sys_process_any_ended(const lc_sys *sys)
{
  siginfo_t info;
  int result;
  (void)sys;
  memset(&info, 0, sizeof info);
  LC_RETRY(result, waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ? -errno : 0);
  return result < 0 ? result : info.si_pid;
}

int lc_sys_process_signal(const lc_sys *sys, int pid, int to_group, int signal)
{
  (void)sys;
  return kill(to_group ? -pid : pid, signal) < 0 ? -errno : 0;
}
