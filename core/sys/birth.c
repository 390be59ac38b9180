/* birth.c - what a child does until its program runs.
 *
 * The child shares the memory of the parent, and has a stack of its own; the parent may go on
 * meanwhile. So the child must not allocate memory, nor call what takes a lock: a thread of the
 * parent may hold it for good. It must not write to the parent's variables either, not even to
 * errno: all calls are direct.
 */
#include "sys/birth.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "sys/direct.h"

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 0x2
#endif

enum { FAR = 1 << 16, SIGNAL_SET = NSIG / 8 /* the kernel's, in bytes */ };

static long as_argument(const volatile void *pointer) { return (long)(uintptr_t)pointer; }

/* ------------------------------------------------------------------- signals -- */

/* All signals, so that none has its parent's handler when it is let in. Asks the kernel itself: libc refuses the two
 * that it keeps for its threads, and GNU make leaves them ignored. */
static void reset_signals(void)
{
  static const char defaults[64]; /* more than the kernel reads: SIG_DFL, no flags, an empty mask */
  for (int signal = 1; signal < NSIG; signal++)
    lc_sys_call(SYS_rt_sigaction, signal, as_argument(defaults), 0, SIGNAL_SET);
}

static void let_signals_in(void)
{
  static const char none[SIGNAL_SET];
  lc_sys_call(SYS_rt_sigprocmask, SIG_SETMASK, as_argument(none), 0, SIGNAL_SET);
}

/* --------------------------------------------------------------- descriptors -- */

static void set_close_on_exec(int fd)
{
  long flags = lc_sys_call(SYS_fcntl, fd, F_GETFD, 0, 0);
  if (flags >= 0) lc_sys_call(SYS_fcntl, fd, F_SETFD, flags | FD_CLOEXEC, 0);
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

/* Returns 0, or a code where there is no /proc. */
static long keep_those_in_proc(void)
{
  _Alignas(struct entry) char room[4096] = {0};
  long directory = lc_sys_call(SYS_openat, AT_FDCWD, as_argument("/proc/self/fd"),
                               O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (directory < 0) return directory;
  long got;
  while ((got = lc_sys_call(SYS_getdents64, directory, as_argument(room), sizeof room, 0)) > 0) {
    for (long at = 0; at < got;) {
      const struct entry *one = (const struct entry *)(const void *)(room + at);
      int fd = number_in(one->name);
      if (fd >= 0) set_close_on_exec(fd);
      at += one->length;
    }
  }
  lc_sys_call(SYS_close, directory, 0, 0, 0);
  return got;
}

/* For kernels before 5.9: all descriptors end with exec, apart from those that are made afterwards. */
static void close_all_on_exec(void)
{
  struct rlimit limit = {0};
  if (keep_those_in_proc() == 0) return;
  if (lc_sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, as_argument(&limit)) < 0 ||
      limit.rlim_cur > FAR)
    limit.rlim_cur = FAR;
  for (int fd = 0; fd < (int)limit.rlim_cur; fd++) set_close_on_exec(fd);
}

static long close_from_to(unsigned first, unsigned last, unsigned flags)
{
  return lc_sys_call(SYS_close_range, first, last, flags, 0);
}

/* Closes all descriptors but the copies that are to become its own, at once: what the parent closes meanwhile is not to
 * stay open here. First those above, because then the copy of a table that it has shared has none of them. */
static long close_others(const lc_birth *b)
{
  unsigned next = b->fd_count ? (unsigned)b->from[b->fd_count - 1] + 1 : 0;
  long result = close_from_to(next, ~0U, b->shares_descriptors ? CLOSE_RANGE_UNSHARE : 0);
  if (result < 0) return result;
  next = 0;
  for (size_t i = 0; i < b->fd_count; i++) {
    unsigned kept = (unsigned)b->from[i];
    if (kept > next) close_from_to(next, kept - 1, 0);
    next = kept + 1;
  }
  return 0;
}

static long place_descriptors(const lc_birth *b)
{
  long result = close_others(b);
  if (result < 0 && b->shares_descriptors) return result; /* nothing here is its own */
  if (result < 0) close_all_on_exec();
  for (size_t i = 0; i < b->fd_count; i++) {
    result = lc_sys_call(SYS_dup3, b->from[i], b->fds[i].there, 0, 0);
    if (result < 0) return result;
  }
  return 0;
}

static long limit_descriptors(int soft)
{
  struct rlimit limit = {0};
  if (!soft) return 0;
  long result = lc_sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, as_argument(&limit));
  if (result < 0) return result;
  limit.rlim_cur = (rlim_t)soft < limit.rlim_max ? (rlim_t)soft : limit.rlim_max;
  return lc_sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, as_argument(&limit), 0);
}

/* ------------------------------------------------------------------- program -- */

/* Tries one path after the other, as execvp does. Returns why none runs. */
static long run_program(const lc_birth *b)
{
  long result = -ENOENT;
  int denied = 0;
  for (char **path = b->programs; *path; path++) {
    result =
      lc_sys_call(SYS_execve, as_argument(*path), as_argument(b->argv), as_argument(b->env), 0);
    if (result == -EACCES) denied = 1;
    else if (result != -ENOENT && result != -ENOTDIR) return result;
  }
  return denied ? -EACCES : result;
}

/* Returns when a step has failed, which it has noted, with the code. */
static long take_steps(lc_birth *b)
{
  long result = 0;
  reset_signals();
  b->step = LC_START_GROUP;
  if (b->leads_group) result = lc_sys_call(SYS_setpgid, 0, 0, 0, 0);
  if (result < 0) return result;
  b->step = LC_START_DESCRIPTORS;
  result = place_descriptors(b);
  if (result < 0) return result;
  b->step = LC_START_DIRECTORY;
  if (b->cwd) result = lc_sys_call(SYS_chdir, as_argument(b->cwd), 0, 0, 0);
  if (result < 0) return result;
  b->step = LC_START_DESCRIPTORS;
  result = limit_descriptors(b->descriptor_limit);
  if (result < 0) return result;
  b->step = LC_START_PROGRAM;
  let_signals_in();
  return run_program(b);
}

int lc_sys_be_born(void *birth)
{
  lc_birth *b = birth;
  b->error = (int)take_steps(b);
  atomic_thread_fence(memory_order_release); /* before the kernel writes to `uses_memory` */
  for (;;)
    lc_sys_call(SYS_exit_group, LC_BIRTH_FAILED, 0, 0,
                0); /* nothing of libc's: it is the parent's */
}
