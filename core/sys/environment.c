/* environment.c - what the process was given when it began. */
#include "sys/environment.h"

#include <stdlib.h>
#include <unistd.h>

int lc_sys_process_id(const lc_sys *sys)
{
  (void)sys;
  return getpid();
}

int lc_sys_forget_variable(const lc_sys *sys, const char *name)
{
  (void)sys;
  return unsetenv(name) < 0 ? -errno : 0;
}
