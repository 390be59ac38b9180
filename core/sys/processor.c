/* processor.c - which processors a process uses. */
#include "sys/processor.h"

#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The system calls themselves: the type of the C library ends at 1,024 processors, the kernel's at 8,192. */
enum { MOST = 8192, WORD = sizeof(unsigned long) * CHAR_BIT };

typedef struct mask {
  unsigned long words[MOST / WORD];
} mask;

int lc_sys_processors(const lc_sys *sys, int *numbers, int capacity)
{
  (void)sys;
  mask all;
  memset(&all, 0, sizeof all);
  if (syscall(SYS_sched_getaffinity, 0, sizeof all, &all) < 0) return -errno;
  int count = 0;
  for (int i = 0; i < MOST && count < capacity; i++)
    if (all.words[i / WORD] >> (i % WORD) & 1) numbers[count++] = i;
  return count;
}

int lc_sys_process_pin(const lc_sys *sys, int pid, int processor)
{
  (void)sys;
  mask one;
  if (processor < 0 || processor >= MOST) return -EINVAL;
  memset(&one, 0, sizeof one);
  one.words[processor / WORD] = 1UL << (processor % WORD);
  return syscall(SYS_sched_setaffinity, pid, sizeof one, &one) < 0 ? -errno : 0;
}
