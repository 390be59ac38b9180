/* common.c - giving up, and staying on one processor. */
#include "common.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

void give_up(const char *what)
{
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(3);
}

void *must_have(void *memory)
{
  if (!memory) give_up("memory");
  return memory;
}

void run_on(int processor)
{
  if (processor < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((size_t)processor, &set);
  if (sched_setaffinity(0, sizeof set, &set) < 0) give_up("sched_setaffinity");
}
