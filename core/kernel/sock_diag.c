/* sock_diag.c - counts half-open connections by a netlink dump that the kernel filters by port.
 *
 * sendmsg runs the dump until a first message is full; each recv takes a message
 * and runs the dump on. So there is always something to receive until NLMSG_DONE
 * has come, and a plain loop can read a socket that never blocks.
 */
#include "kernel/sock_diag.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>

/* The state of a half-open connection since Linux 4.4; the filter knows both states. netinet/tcp.h
 * lacks this one. */
#define TCP_NEW_SYN_RECV 12

/* The kernel makes messages as large as the largest receive so far, and 8 KiB before the first. */
#define ANSWER_SIZE 16384
/* Limits the work for one question. A message has 170 connections, so this is above any backlog. */
#define ANSWERS_MAX 2048

typedef struct question {
  struct nlmsghdr header;
  struct inet_diag_req_v2 request;
} question;

static int ask(const lc_sys *sys, int fd, int family, uint16_t port, uint32_t sequence)
{
  question asked;
  struct iovec piece = {&asked, sizeof asked};
  struct msghdr message;
  ssize_t sent;
  memset(&asked, 0, sizeof asked);
  asked.header.nlmsg_len = sizeof asked;
  asked.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  asked.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  asked.header.nlmsg_seq = sequence;
  asked.request.sdiag_family = (uint8_t)family;
  asked.request.sdiag_protocol = IPPROTO_TCP;
  asked.request.idiag_states = 1u << TCP_SYN_RECV | 1u << TCP_NEW_SYN_RECV;
  asked.request.id.idiag_sport = htons(port);

  /* No address: an unconnected netlink socket talks to the kernel. */
  memset(&message, 0, sizeof message);
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  LC_RETRY(sent, sys->sendmsg(sys, fd, &message, 0));
  return sent < 0 ? (int)sent : 0;
}

/* Reads the error at the beginning of the payload of an NLMSG_ERROR or NLMSG_DONE. A short payload
 * has none. */
static int carried_error(const struct nlmsghdr *header)
{
  int error = 0;
  if (header->nlmsg_len >= NLMSG_LENGTH(sizeof error))
    memcpy(&error, NLMSG_DATA(header), sizeof error);
  return error < 0 ? error : 0;
}

/* Ms to the first repetition (RFC 6298), doubled for each that follows. */
#define SYN_ACK_TIMER 1000
#define SYN_ACK_TIMES 6 /* after more repetitions it may not have been doubled */
#define JIFFIES 20      /* ms: two ticks of the slowest clock */
/* A timer of the kernel is late by an eighth of its time; on a busy machine, by more. */
#define TIMER_LATE 4

/* Whether a request may be that old, by its SYN-ACK timer. 1 when the timer does not tell. */
static int is_old_enough(const struct inet_diag_msg *found, lc_time age)
{
  unsigned repeated = found->idiag_retrans, left = found->idiag_expires;
  unsigned fired = ((1u << (repeated & 7)) - 1) * SYN_ACK_TIMER;
  unsigned total = 2 * fired + SYN_ACK_TIMER;
  if (age <= 0 || repeated > SYN_ACK_TIMES || left > total) return 1; /* not known */
  return (lc_time)(total - left + fired / TIMER_LATE + JIFFIES) * LC_MILLISECOND >= age;
}

typedef struct tally {
  uint32_t sequence; /* of the question: answers to an earlier one are skipped */
  int family;
  lc_half_open *ports;
  int count; /* of ports */
  int is_done;
} tally;

static void count_found(tally *counted, const struct inet_diag_msg *found)
{
  for (int i = 0; i < counted->count; i++) {
    lc_half_open *one = &counted->ports[i];
    if (one->family != counted->family || htons(one->port) != found->id.idiag_sport) continue;
    if (is_old_enough(found, one->age)) one->count++;
  }
}

/* Counts one message. Returns 0, or the code that the kernel sent. */
static int count_message(tally *counted, const struct nlmsghdr *header)
{
  const struct inet_diag_msg *found = NLMSG_DATA(header);
  int error;
  if (header->nlmsg_seq != counted->sequence) return 0;
  switch (header->nlmsg_type) {
    case NLMSG_DONE: counted->is_done = 1; return carried_error(header);
    case NLMSG_ERROR:
      error = carried_error(header);
      return error < 0 ? error : -EPROTO; /* an acknowledgement, for which nothing asked */
    default:
      if (header->nlmsg_len < NLMSG_LENGTH(sizeof *found)) return -EPROTO;
      count_found(counted, found);
      return 0;
  }
}

/* Counts the messages of one answer. */
static int count_answer(tally *counted, const char *answer, size_t size)
{
  size_t at = 0;
  while (at < size && !counted->is_done) {
    const struct nlmsghdr *header = (const void *)(answer + at);
    if (size - at < sizeof *header || header->nlmsg_len < sizeof *header) return -EPROTO;
    if (header->nlmsg_len > size - at) return -EPROTO; /* cut short */
    int error = count_message(counted, header);
    if (error < 0) return error;
    at += NLMSG_ALIGN(header->nlmsg_len);
  }
  return 0;
}

/* Receives one answer into `buffer`. Returns its size, or a code. */
static ssize_t receive(const lc_sys *sys, int fd, void *buffer, size_t size)
{
  ssize_t got;
  LC_RETRY(got, sys->recv(sys, fd, buffer, size, MSG_TRUNC)); /* MSG_TRUNC gives the whole size */
  if (got == 0 || got > (ssize_t)size) return -EPROTO;
  return got;
}

/* Discards the answers that are left of a question that failed halfway. */
static void discard(const lc_sys *sys, int fd, void *buffer, size_t size)
{
  for (int i = 0; i < ANSWERS_MAX; i++) {
    ssize_t got = receive(sys, fd, buffer, size);
    if (got == -EAGAIN) return;
  }
}

/* Asks for one family. The kernel picks out a port, where there is only one. At the limit of
 * answers the true numbers may be larger. */
static int count_family(const lc_sys *sys, int fd, int family, lc_half_open *ports, int count)
{
  union {
    struct nlmsghdr aligned;
    char bytes[ANSWER_SIZE];
  } answer;
  tally counted = {
    .sequence = (uint32_t)sys->now(sys), .family = family, .ports = ports, .count = count};
  discard(sys, fd, &answer, sizeof answer);
  int error = ask(sys, fd, family, count == 1 ? ports->port : 0, counted.sequence);
  for (int i = 0; error == 0 && !counted.is_done && i < ANSWERS_MAX; i++) {
    ssize_t got = receive(sys, fd, &answer, sizeof answer);
    error = got < 0 ? (int)got : count_answer(&counted, answer.bytes, (size_t)got);
  }
  return error;
}

int lc_sock_diag_count(const lc_sys *sys, int fd, lc_half_open *ports, int count)
{
  static const int families[] = {AF_INET, AF_INET6};
  int error = 0;
  for (int i = 0; i < count; i++) ports[i].count = 0;
  for (int f = 0; f < 2 && error == 0; f++) {
    int wanted = 0;
    for (int i = 0; i < count; i++) wanted |= ports[i].family == families[f];
    if (wanted) error = count_family(sys, fd, families[f], ports, count);
  }
  return error;
}

int lc_sock_diag_half_open(const lc_sys *sys, int fd, int family, uint16_t port)
{
  lc_half_open one = {.family = family, .port = port};
  int error = lc_sock_diag_count(sys, fd, &one, 1);
  return error < 0 ? error : one.count;
}

int lc_sock_diag_open(const lc_sys *sys)
{
  return sys->socket(sys, AF_NETLINK, SOCK_DGRAM, NETLINK_SOCK_DIAG);
}
