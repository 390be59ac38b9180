/* reuseport.c - sends the new clients of a group to the other members, by a program of classic
 * BPF. */
#include "kernel/reuseport.h"

#include <linux/filter.h>
#include <string.h>

#ifndef SO_ATTACH_REUSEPORT_CBPF
#define SO_ATTACH_REUSEPORT_CBPF 51
#endif
#ifndef SO_DETACH_REUSEPORT_BPF
#define SO_DETACH_REUSEPORT_BPF 68
#endif

int lc_reuseport_steer(const lc_sys *sys, int fd, int place, int of)
{
  /* random % (of - 1); results from our own place on are moved up by one */
  struct sock_filter code[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM)),
    BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, (uint32_t)(of - 1)),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)place, 0, 1),
    BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1),
    BPF_STMT(BPF_RET | BPF_A, 0),
  };
  struct sock_fprog program;
  int result;
  if (of < 2 || place < 0 || place >= of) return -EINVAL;
  memset(&program, 0, sizeof program); /* its padding goes to the kernel too */
  program.len = sizeof code / sizeof *code;
  program.filter = code;
  LC_RETRY(result, sys->setsockopt(sys, fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
                                   sizeof program));
  return result;
}

int lc_reuseport_release(const lc_sys *sys, int fd)
{
  int unused = 0, result;
  LC_RETRY(result,
           sys->setsockopt(sys, fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &unused, sizeof unused));
  return result == -ENOENT ? 0 : result;
}
