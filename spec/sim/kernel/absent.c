/* absent.c - what the simulated kernel does not have: threads that can be interrupted, folders,
 * an environment, names of hosts. Each call answers as on a machine without it. */
#include "inside.h"

/* A thread for each watcher would be needed: there is one thread here. */
static int absent_interruptible(const lc_sys *sys, int (*function)(void *user), void *user)
{
  (void)sys, (void)function, (void)user;
  return -EBUSY;
}

static int absent_interrupt(const lc_sys *sys, int number)
{
  (void)sys, (void)number;
  return -EINVAL;
}

static lc_time absent_ran(const lc_sys *sys, int number)
{
  (void)sys, (void)number;
  return -EINVAL;
}

static int absent_forget_variable(const lc_sys *sys, const char *name)
{
  (void)sys, (void)name;
  return 0;
}

static int64_t absent_user(const lc_sys *sys)
{
  (void)sys;
  return 0;
}

static int absent_make_directory(const lc_sys *sys, const char *path, unsigned mode)
{
  (void)sys, (void)path, (void)mode;
  return -ENOENT;
}

static ssize_t absent_directory_names(const lc_sys *sys, const char *path, char *names, size_t size)
{
  (void)sys, (void)path;
  if (size) *names = 0;
  return -ENOENT;
}

static int absent_real_path(const lc_sys *sys, const char *path, char *real, size_t size)
{
  (void)sys, (void)path;
  if (size) *real = 0;
  return -ENOENT;
}

static int absent_open_again(const lc_sys *sys, int fd)
{
  (void)sys, (void)fd;
  return -ENXIO;
}

static int absent_open_null(const lc_sys *sys)
{
  (void)sys;
  return -ENOENT;
}

static int absent_replace(const lc_sys *sys, int fd, int by)
{
  (void)sys, (void)fd, (void)by;
  return -EBADF;
}

static int absent_resolve(const lc_sys *sys, const char *host, uint16_t port, lc_address *found,
                          int capacity)
{
  (void)sys, (void)host, (void)port, (void)found, (void)capacity;
  return LC_HOST_NOT_FOUND;
}

void sim_absent_fill(lc_sys *sys)
{
  sys->interruptible = absent_interruptible;
  sys->interrupt = absent_interrupt;
  sys->uninterruptible = absent_interrupt;
  sys->ran = absent_ran;
  sys->blocked = absent_interrupt;
  sys->forget_variable = absent_forget_variable;
  sys->user = absent_user;
  sys->make_directory = absent_make_directory;
  sys->directory_names = absent_directory_names;
  sys->real_path = absent_real_path;
  sys->open_again = absent_open_again;
  sys->open_null = absent_open_null;
  sys->replace = absent_replace;
  sys->resolve = absent_resolve;
}
