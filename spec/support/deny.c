/* deny.c - runs a command to which the kernel refuses some calls, as a container's seccomp filter
 * does.
 *
 *   deny WHAT[=ERRNO]... -- COMMAND ARGUMENT...
 *
 * WHAT is one of the names in `kinds`; ERRNO is a number, else it is EPERM. The command's children
 * inherit the filter. Status 77: this machine has no seccomp.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

enum { FILTER_MOST = 128, TESTS = 2, NO_SECCOMP = 77 };

typedef struct test {
  int argument; /* of the call, from 0 */
  unsigned value;
} test;

typedef struct kind {
  const char *name;
  int call;
  test tests[TESTS];
} kind;

static const kind kinds[] = {
  {"hide", SYS_setsockopt, {{1, SOL_SOCKET}, {2, SO_BINDTOIFINDEX}}},
  {"cbpf", SYS_setsockopt, {{1, SOL_SOCKET}, {2, SO_ATTACH_REUSEPORT_CBPF}}},
  {"diag", SYS_socket, {{0, AF_NETLINK}, {2, NETLINK_SOCK_DIAG}}},
  {"meminfo", SYS_getsockopt, {{1, SOL_SOCKET}, {2, SO_MEMINFO}}},
  {"pidfd", SYS_pidfd_open, {{1, 0}, {1, 0}}},
  {"close_range", SYS_close_range, {{1, ~0U}, {1, ~0U}}}, /* all descriptors from one on */
  {"tcpinfo", SYS_getsockopt, {{1, IPPROTO_TCP}, {2, TCP_INFO}}},
};

static struct sock_filter filter[FILTER_MOST];
static unsigned short length;

static void add(struct sock_filter step) { filter[length++] = step; }

static void load(size_t offset)
{
  add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

/* Goes on when what was loaded is `value`; else it skips so many steps. */
static void go_on_if(unsigned value, int skip)
{
  add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, (unsigned char)skip));
}

static void give(unsigned what) { add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, what)); }

static void deny(const kind *one, unsigned error)
{
  int left = 2 * TESTS + 1; /* steps after the jump that is being written */
  load(offsetof(struct seccomp_data, nr));
  go_on_if((unsigned)one->call, left);
  for (int i = 0; i < TESTS; i++) {
    left -= 2;
    load(offsetof(struct seccomp_data, args) + sizeof(__u64) * (size_t)one->tests[i].argument);
    go_on_if(one->tests[i].value, left);
  }
  give(SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA));
}

static int deny_by_name(const char *wanted)
{
  size_t size = strcspn(wanted, "=");
  unsigned error = wanted[size] ? (unsigned)strtoul(wanted + size + 1, NULL, 10) : EPERM;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (strlen(kinds[i].name) != size || strncmp(kinds[i].name, wanted, size) != 0) continue;
    deny(&kinds[i], error);
    return 0;
  }
  fprintf(stderr, "deny: '%s' is not known\n", wanted);
  return -1;
}

static int is_end(const char *argument) { return strcmp(argument, "--") == 0; }

int main(int count, char **arguments)
{
  int i = 1;
  for (; i < count && i <= 8 && !is_end(arguments[i]); i++)
    if (deny_by_name(arguments[i]) < 0) return 2;
  if (i + 1 >= count || !is_end(arguments[i])) {
    fputs("usage: deny WHAT[=ERRNO]... -- COMMAND ARGUMENT...\n", stderr);
    return 2;
  }
  give(SECCOMP_RET_ALLOW);
  struct sock_fprog program = {.len = length, .filter = filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
    perror("deny: seccomp");
    return NO_SECCOMP;
  }
  execvp(arguments[i + 1], arguments + i + 1);
  perror(arguments[i + 1]);
  return 127;
}
