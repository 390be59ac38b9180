/* diag.c - sock_diag over netlink: the dump of half-open connections of one port. */
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <string.h>

#include "inside.h"

enum { IN_ONE = 64 /* messages in an answer */, TCP_NEW_SYN_RECV_STATE = 12 };

typedef struct answer {
  struct answer *next;
  size_t size;
  char *bytes;
} answer;

typedef struct netlink {
  sim_file file;
  answer *first;
} netlink;

typedef struct question {
  struct nlmsghdr header;
  struct inet_diag_req_v2 request;
} question;

typedef struct entry {
  struct nlmsghdr header;
  struct inet_diag_msg found;
} entry;

int sim_diag_open(sim_process *process)
{
  netlink *socket = sim_take(process->kernel, sizeof *socket);
  sim_file_init(&socket->file, SIM_NETLINK, process);
  return sim_file_install(process, &socket->file);
}

static void append(netlink *socket, const void *bytes, size_t size)
{
  answer **place = &socket->first;
  while (*place) place = &(*place)->next;
  *place = sim_take(socket->file.kernel, sizeof **place);
  (*place)->size = size;
  (*place)->bytes = sim_take(socket->file.kernel, size);
  memcpy((*place)->bytes, bytes, size);
}

static entry entry_of(const sim_request *request, const question *asked)
{
  lc_time left = request->timer.at - request->timer.kernel->now;
  entry made;
  memset(&made, 0, sizeof made);
  made.header.nlmsg_len = sizeof made;
  made.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  made.header.nlmsg_flags = NLM_F_MULTI;
  made.header.nlmsg_seq = asked->header.nlmsg_seq;
  made.found.idiag_family = (uint8_t)request->listener->local.family;
  made.found.idiag_state = TCP_SYN_RECV;
  made.found.idiag_retrans = (uint8_t)request->repeated;
  made.found.idiag_expires = left > 0 ? (uint32_t)(left / LC_MILLISECOND) : 0;
  made.found.id.idiag_sport = htons(request->listener->local.port);
  return made;
}

/* Those of a port or of all, in answers of bounded size. */
static void dump(netlink *socket, const question *asked)
{
  entry entries[IN_ONE];
  size_t count = 0;
  const sim_tcp *tcp = socket->file.kernel->bound;
  for (; tcp; tcp = tcp->next_bound) {
    if (tcp->state != TCP_LISTEN || tcp->local.family != asked->request.sdiag_family) continue;
    in_port_t wanted = asked->request.id.idiag_sport; /* 0: any */
    if (wanted && htons(tcp->local.port) != wanted) continue;
    for (const sim_request *request = tcp->requests; request; request = request->next) {
      entries[count++] = entry_of(request, asked);
      if (count < IN_ONE) continue;
      append(socket, entries, sizeof entries);
      count = 0;
    }
  }
  if (count) append(socket, entries, count * sizeof *entries);
}

ssize_t sim_diag_ask(sim_file *file, const struct msghdr *message)
{
  const unsigned states = 1u << TCP_SYN_RECV | 1u << TCP_NEW_SYN_RECV_STATE;
  netlink *socket = (netlink *)file;
  question asked;
  if (message->msg_iovlen != 1 || message->msg_iov[0].iov_len < sizeof asked) return -EINVAL;
  memcpy(&asked, message->msg_iov[0].iov_base, sizeof asked);
  if (asked.request.idiag_states & states) dump(socket, &asked);
  struct nlmsghdr done = {.nlmsg_len = NLMSG_LENGTH(sizeof(int)),
                          .nlmsg_type = NLMSG_DONE,
                          .nlmsg_flags = NLM_F_MULTI,
                          .nlmsg_seq = asked.header.nlmsg_seq};
  char bytes[NLMSG_SPACE(sizeof(int))] = {0};
  memcpy(bytes, &done, sizeof done);
  append(socket, bytes, sizeof bytes);
  return (ssize_t)sizeof asked;
}

ssize_t sim_diag_answer(sim_file *file, void *buffer, size_t size, int flags)
{
  netlink *socket = (netlink *)file;
  answer *first = socket->first;
  if (!first) return -EAGAIN;
  size_t whole = first->size;
  memcpy(buffer, first->bytes, whole < size ? whole : size);
  socket->first = first->next;
  sim_give(file->kernel, first->bytes, first->size);
  sim_give(file->kernel, first, sizeof *first);
  return (ssize_t)(flags & MSG_TRUNC || whole < size ? whole : size);
}

uint32_t sim_diag_poll(const sim_file *file)
{
  return EPOLLOUT | (((const netlink *)file)->first ? EPOLLIN : 0u);
}
