/* option.c - the socket options that the core uses, and some that its users do. */
#include <linux/sock_diag.h>
#include <string.h>

#include "unix.h"

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

enum { SEND_LEAST = 4608, RECEIVE_LEAST = 2304, BUFFER_MOST = 425984 };

static int *place_of(sim_tcp *tcp, int level, int name)
{
  if (level == SOL_SOCKET) {
    switch (name) {
      case SO_REUSEADDR: return &tcp->reuseaddr;
      case SO_REUSEPORT: return &tcp->reuseport;
      case SO_KEEPALIVE: return &tcp->keepalive;
      case SO_BINDTOIFINDEX: return &tcp->device;
      default: return NULL;
    }
  }
  if (level == IPPROTO_IPV6) return name == IPV6_V6ONLY ? &tcp->v6_only : NULL;
  if (level != IPPROTO_TCP) return NULL;
  switch (name) {
    case TCP_NODELAY: return &tcp->nodelay;
    case TCP_QUICKACK: return &tcp->quickack;
    case TCP_KEEPIDLE: return &tcp->keep_idle;
    case TCP_KEEPINTVL: return &tcp->keep_interval;
    case TCP_KEEPCNT: return &tcp->keep_count;
    case TCP_USER_TIMEOUT: return &tcp->user_timeout;
    case TCP_DEFER_ACCEPT: return &tcp->defer_accept;
    case TCP_SYNCNT: return &tcp->syn_count;
    default: return NULL;
  }
}

static unsigned bounded(int value, unsigned least)
{
  unsigned size = value < 0 || value > BUFFER_MOST / 2 ? BUFFER_MOST : 2 * (unsigned)value;
  return size < least ? least : size;
}

static int set_linger(struct linger *linger, const void *value, socklen_t length)
{
  if (length < sizeof *linger) return -EINVAL;
  memcpy(linger, value, sizeof *linger);
  return 0;
}

static int is_within_range(int level, int name, int value)
{
  if (level != IPPROTO_TCP) return 1;
  switch (name) {
    case TCP_KEEPIDLE:
    case TCP_KEEPINTVL: return value >= 1 && value <= 32767;
    case TCP_KEEPCNT:
    case TCP_SYNCNT: return value >= 1 && value <= 127;
    case TCP_USER_TIMEOUT: return value >= 0;
    default: return 1;
  }
}

static void apply(sim_tcp *tcp, int level, int name)
{
  if (level == SOL_SOCKET && name == SO_KEEPALIVE) sim_tcp_keep_alive(tcp);
  if (level == IPPROTO_TCP && name == TCP_KEEPIDLE) sim_tcp_keep_alive(tcp);
  if (level == IPPROTO_TCP && name == TCP_QUICKACK && tcp->quickack && tcp->ack.at)
    sim_tcp_ack(tcp);
  if (level == IPPROTO_TCP && name == TCP_USER_TIMEOUT && tcp->retransmit.at) {
    sim_alarm_clear(&tcp->retransmit);
    sim_tcp_rearm(tcp);
  }
}

/* As good as nothing has a meaning there. */
int sim_unix_setsockopt(sim_unix *un, int level, int name, const void *value, socklen_t length)
{
  int number;
  if (level != SOL_SOCKET) return -EOPNOTSUPP;
  if (name == SO_LINGER) return set_linger(&un->linger, value, length);
  if (length < sizeof number) return -EINVAL;
  memcpy(&number, value, sizeof number);
  if (name == SO_SNDBUF) un->send_buffer = bounded(number, SEND_LEAST);
  return 0;
}

int sim_setsockopt(sim_process *process, int fd, int level, int name, const void *value,
                   socklen_t length)
{
  sim_unix *un = sim_unix_of(sim_file_at(process, fd));
  if (un) return sim_unix_setsockopt(un, level, name, value, length);
  int result, number;
  sim_tcp *tcp = sim_tcp_at(process, fd, &result);
  if (!tcp) return result;
  if (level == SOL_SOCKET && name == SO_LINGER) return set_linger(&tcp->linger, value, length);
  if (length < sizeof number) return -EINVAL;
  memcpy(&number, value, sizeof number);
  if (level == SOL_SOCKET && name == SO_SNDBUF) {
    tcp->send_buffer = bounded(number, SEND_LEAST);
    return 0;
  }
  if (level == SOL_SOCKET && name == SO_RCVBUF) {
    unsigned size = bounded(number, RECEIVE_LEAST);
    if (tcp->state == TCP_CLOSE || size > tcp->receive_buffer) tcp->receive_buffer = size;
    return 0; /* what the peer was told is not taken back */
  }
  if (level == SOL_SOCKET && name == SO_BINDTOIFINDEX && tcp->device) return -EPERM;
  int *place = place_of(tcp, level, name);
  if (!place) return -ENOPROTOOPT;
  if (!is_within_range(level, name, number)) return -EINVAL;
  *place = number;
  apply(tcp, level, name);
  return 0;
}

/* ----------------------------------------------------------------- reading -- */

static int give(void *value, socklen_t *length, const void *from, size_t size)
{
  if (*length > size) *length = (socklen_t)size;
  memcpy(value, from, *length);
  return 0;
}

static int give_int(void *value, socklen_t *length, int number)
{
  return give(value, length, &number, sizeof number);
}

static int give_info(const sim_tcp *tcp, void *value, socklen_t *length)
{
  struct tcp_info info = {.tcpi_state = tcp->state, .tcpi_total_retrans = tcp->retransmits};
  if (tcp->state == TCP_LISTEN) {
    info.tcpi_unacked = tcp->queue_length;
    info.tcpi_sacked = tcp->backlog;
  }
  return give(value, length, &info, sizeof info);
}

static int give_memory(const sim_tcp *tcp, void *value, socklen_t *length)
{
  uint32_t info[SK_MEMINFO_VARS] = {0};
  info[SK_MEMINFO_DROPS] = tcp->drops;
  return give(value, length, info, sizeof info);
}

static int give_error(int *place, void *value, socklen_t *length)
{
  int error = *place;
  *place = 0;
  return give_int(value, length, error);
}

int sim_unix_getsockopt(sim_unix *un, int level, int name, void *value, socklen_t *length)
{
  if (level != SOL_SOCKET) return -EOPNOTSUPP;
  switch (name) {
    case SO_ERROR: return give_error(&un->error, value, length);
    case SO_ACCEPTCONN: return give_int(value, length, un->state == TCP_LISTEN);
    case SO_TYPE: return give_int(value, length, SOCK_STREAM);
    case SO_DOMAIN: return give_int(value, length, AF_UNIX);
    case SO_SNDBUF: return give_int(value, length, (int)un->send_buffer);
    case SO_LINGER: return give(value, length, &un->linger, sizeof un->linger);
    case SO_PEERCRED: return give(value, length, &(struct ucred){.pid = 1}, sizeof(struct ucred));
    default: return -ENOPROTOOPT;
  }
}

int sim_getsockopt(sim_process *process, int fd, int level, int name, void *value,
                   socklen_t *length)
{
  sim_unix *un = sim_unix_of(sim_file_at(process, fd));
  if (un) return sim_unix_getsockopt(un, level, name, value, length);
  int result;
  sim_tcp *tcp = sim_tcp_at(process, fd, &result);
  if (!tcp) return result;
  if (level == IPPROTO_TCP && name == TCP_INFO) return give_info(tcp, value, length);
  if (level == SOL_SOCKET) {
    switch (name) {
      case SO_ERROR: return give_error(&tcp->error, value, length);
      case SO_ACCEPTCONN: return give_int(value, length, tcp->state == TCP_LISTEN);
      case SO_TYPE: return give_int(value, length, SOCK_STREAM);
      case SO_SNDBUF: return give_int(value, length, (int)tcp->send_buffer);
      case SO_RCVBUF: return give_int(value, length, (int)tcp->receive_buffer);
      case SO_LINGER: return give(value, length, &tcp->linger, sizeof tcp->linger);
      case SO_MEMINFO: return give_memory(tcp, value, length);
      default: break;
    }
  }
  const int *place = place_of(tcp, level, name);
  return place ? give_int(value, length, *place) : -ENOPROTOOPT;
}
