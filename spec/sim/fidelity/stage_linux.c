/* stage_linux.c - scenes on the real kernel, over loopback. */
#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "scene.h"

static int limit(int number)
{
  static struct rlimit before;
  if (!before.rlim_max && getrlimit(RLIMIT_NOFILE, &before) < 0) return -errno;
  struct rlimit now = before;
  if (number >= 0) now.rlim_cur = (rlim_t)number;
  return setrlimit(RLIMIT_NOFILE, &now) < 0 ? -errno : 0;
}

/* A filter that takes none of a packet: the kernel drops all that comes for the socket. */
static int deafen(int fd, int on)
{
  struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
  struct sock_fprog program = {1, &nothing};
  int unused = 0;
  int result = on ? setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program)
                  : setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
  return result < 0 ? -errno : 0;
}

static void arrive(int signal) { raise(signal); }

/* Namespaces, by their paths. */
static const char *near_path, *far_path;

static int move(int to_far)
{
  int fd = open(to_far ? far_path : near_path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  int result = setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
  close(fd);
  return result;
}

stage stage_linux(lc_time rest, const char *near, const char *far)
{
  near_path = near;
  far_path = far;
  return (stage){.name = "the real kernel",
                 .sys = lc_sys_linux(),
                 .limit = limit,
                 .deafen = deafen,
                 .raise = arrive,
                 .move = move,
                 .is_apart = near != NULL,
                 .rest = rest};
}
