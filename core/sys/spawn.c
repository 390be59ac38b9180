/* spawn.c - starts child processes, and waits for them.
 *
 * The child shares the memory of the parent until its program runs (birth.c), so the start costs the
 * same however much memory the parent has. The parent's thread goes on meanwhile. Where that cannot
 * be, it stands still until the program runs.
 *
 * The child has a copy of what it needs, which stays until the kernel has told that the child does
 * not use it any more. It shares the parent's table of descriptors until it closes all others in a
 * copy of its own: so what the parent closes meanwhile is closed.
 */
#include "sys/spawn.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/birth.h"
#include "sys/direct.h"
#include "sys/files.h"
#include "sys/fork.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434 /* unknown to kernel headers before 5.3 */
#endif

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ || \
  __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_CHECKED 1 /* the checker's own memory is not made for two at once */
#else
#define IS_CHECKED 0
#endif

enum { ALIGNED = 16 };

static const char USUAL_PATH[] = "/usr/local/bin:/usr/bin:/bin";

/* --------------------------------------------------------- what the child needs -- */

/* The value of PATH in an environment, or NULL. */
static const char *path_in(const char *const *env)
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
static char **programs_for(const char *name, const char *const *env)
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

/* The bytes of a list of strings, and its length with the NULL. */
static size_t size_of_list(const char *const *list, size_t *length)
{
  size_t size = 0;
  *length = 1;
  for (; *list; list++, ++*length) size += strlen(*list) + 1;
  return size;
}

static char *copy_text(char *to, const char *text, const char **copy)
{
  size_t size = strlen(text) + 1;
  *copy = memcpy(to, text, size);
  return to + size;
}

static char *copy_list(char *to, const char *const *list, const char **copy)
{
  for (; *list; list++) to = copy_text(to, *list, copy++);
  *copy = NULL;
  return to;
}

static void copy_descriptors(lc_birth *b, lc_child_fd *fds, const lc_subprocess_options *options)
{
  b->fds = fds;
  b->fd_count = options->fd_count;
  b->highest = STDERR_FILENO;
  for (size_t i = 0; i < b->fd_count; i++) {
    fds[i] = options->fds[i];
    b->from[i] = -1;
    if (fds[i].there > b->highest) b->highest = fds[i].there;
  }
}

/* One block: the lists, then the texts, then the stack. */
static lc_birth *copy_options(const lc_subprocess_options *options, const char *const *env)
{
  size_t arguments, variables, fds = options->fd_count;
  size_t text = size_of_list(options->argv, &arguments) + size_of_list(env, &variables);
  if (options->cwd) text += strlen(options->cwd) + 1;
  size_t lists =
    (arguments + variables) * sizeof(char *) + fds * (sizeof *options->fds + sizeof(int));
  lc_birth *b = malloc(sizeof *b + lists + text + LC_BIRTH_STACK);
  if (!b) return NULL;
  *b =
    (lc_birth){.leads_group = options->leads_group, .descriptor_limit = options->descriptor_limit};
  b->argv = (const char **)(b + 1);
  b->env = b->argv + arguments;
  lc_child_fd *copies = (lc_child_fd *)(void *)(b->env + variables);
  b->from = (int *)(copies + fds);
  char *to = copy_list((char *)(b->from + fds), options->argv, b->argv);
  to = copy_list(to, env, b->env);
  if (options->cwd) to = copy_text(to, options->cwd, &b->cwd);
  b->stack = to;
  copy_descriptors(b, copies, options);
  b->programs = programs_for(options->argv[0], env);
  if (b->programs) return b;
  free(b);
  return NULL;
}

/* A copy with this number or a higher one. */
static int lift(int fd, int least)
{
  if (fd != LC_FD_NULL) return fcntl(fd, F_DUPFD_CLOEXEC, least);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return null;
  int lifted = fcntl(null, F_DUPFD_CLOEXEC, least), error = errno;
  close(null);
  errno = error;
  return lifted;
}

/* Copies that are there until the child has its own, and above all numbers that the child is to have, so that none of
 * its steps overwrites one. */
static int lift_all(lc_birth *b)
{
  int least = b->highest + 1;
  for (size_t i = 0; i < b->fd_count; i++) {
    b->from[i] = lift(b->fds[i].here, least);
    /* To ask for a number at the limit or above is invalid to the kernel. Above a copy it means that none is free. */
    if (b->from[i] < 0) return i && errno == EINVAL ? -EMFILE : -errno;
    least = b->from[i] + 1;
  }
  return 0;
}

static void release(lc_birth *b)
{
  for (size_t i = 0; i < b->fd_count && b->from[i] >= 0; i++) close(b->from[i]);
  free(b->programs);
  free(b);
}

/* ------------------------------------------------------------------- the start -- */

/* It knows no child that shares memory with a parent that goes on. */
static int is_under_valgrind(void)
{
  const char *preload = getenv("LD_PRELOAD");
  return preload && strstr(preload, "vgpreload");
}

/* Whether the parent can go on while the child shares its memory and its descriptors. */
static int can_go_on(void)
{
  return LC_SYS_IS_DIRECT && !IS_CHECKED && syscall(SYS_close_range, ~0U, ~0U, 0U) == 0 &&
         !is_under_valgrind();
}

/* Returns the child's number or a code. No signal may come to the child while it shares the parent's memory. */
static int bear(lc_birth *b)
{
  int flags = CLONE_VM | SIGCHLD;
  flags |= b->shares_descriptors ? CLONE_FILES | CLONE_CHILD_CLEARTID : CLONE_VFORK;
  char *top = b->stack + LC_BIRTH_STACK;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  b->pid = clone(lc_sys_be_born, top - (uintptr_t)top % ALIGNED, flags, b, NULL, NULL,
                 (int *)(uintptr_t)&b->uses_memory);
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return b->pid < 0 ? -error : b->pid;
}

/* Returns the child's number; or a code, and notes the step that failed. */
static int start(lc_birth *b, lc_start_step *step)
{
  *step = LC_START_DESCRIPTORS;
  int result = lift_all(b);
  if (result < 0) return result;
  *step = LC_START_PROCESS;
  return bear(b);
}

static int has_ended(int pid)
{
  siginfo_t info;
  int result;
  memset(&info, 0, sizeof info);
  LC_RETRY(result, waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ? -errno : 0);
  return result < 0 || info.si_pid == pid;
}

/* Releases the birth. Returns the child's number; or a code, when it has waited for the child. */
static int conclude(lc_birth *b, lc_start_step *step)
{
  int pid = b->pid, error = b->error, ended;
  *step = b->step;
  release(b);
  if (!error) return pid;
  LC_RETRY(ended, waitpid(pid, NULL, 0) < 0 ? -errno : 0); /* it is ending */
  return error;
}

int lc_sys_spawn(const lc_sys *sys, const lc_subprocess_options *options, lc_birth **birth,
                 lc_start_step *step)
{
  static const char *const none[] = {NULL}; /* clearenv leaves no list */
  const char *const *own = (const char *const *)(uintptr_t)environ;
  (void)sys;
  if (birth) *birth = NULL;
  *step = LC_START_PROCESS;
  lc_birth *b = copy_options(options, options->env ? options->env : own ? own : none);
  if (!b) return -ENOMEM;
  for (size_t i = 0; i < options->fd_count; i++)
    if (options->fds[i].is_kept) lc_sys_note_company();
  b->shares_descriptors = b->uses_memory = birth && can_go_on();
  int result = start(b, step);
  if (result < 0) {
    release(b);
  } else if (birth && b->shares_descriptors) {
    *birth = b;
  } else {
    result = conclude(b, step);
  }
  return result;
}

/* A child that was killed may leave `uses_memory` as it is. */
int lc_sys_born(const lc_sys *sys, lc_birth *b, lc_start_step *step)
{
  (void)sys;
  int is_over = !b->uses_memory;
  atomic_thread_fence(memory_order_acquire);
  if ((!is_over || b->error) && !has_ended(b->pid)) return 0;
  int result = conclude(b, step);
  return result < 0 ? result : 1;
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
