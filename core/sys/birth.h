/* birth.h - a child from its start until its program runs. */
#ifndef LC_SYS_BIRTH_H
#define LC_SYS_BIRTH_H

#include <sys/syscall.h>

#include "sys/sys.h"

#ifndef SYS_close_range
#define SYS_close_range 436 /* unknown to kernel headers before 5.9 */
#endif

enum {
  LC_BIRTH_STACK = 32 * 1024,
  LC_BIRTH_FAILED = 127 /* the exit status of a child whose program did not run */
};

/* Parent and child both have it: it is all that the child reads of the parent's memory. */
struct lc_birth {
  const char **argv;
  const char **env;
  char **programs; /* the paths to try, then NULL */
  const char *cwd; /* or NULL */
  const lc_child_fd *fds;
  int *
    from; /* for each of its descriptors, the copy that the parent has made: above all numbers in `fds`, ascending */
  size_t fd_count;
  int highest; /* of the numbers in `fds` */
  int leads_group;
  int descriptor_limit;
  int
    shares_descriptors; /* the parent's table is the child's own until the child asks for a copy */
  int pid;
  /* Not 0 while the child uses this memory: the kernel writes 0 when it does so no longer. */
  volatile int uses_memory;
  /* Written by the child. */
  volatile lc_start_step step;
  volatile int error; /* -errno, or 0 */
  char *stack;
};

/* What the child does; `birth` is its lc_birth. It never returns. */
int lc_sys_be_born(void *birth);

#endif
