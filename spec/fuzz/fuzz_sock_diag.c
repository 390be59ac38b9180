/* fuzz_sock_diag.c - whatever netlink may answer to the question for half-open connections.
 *
 * The input is the answers, each behind its size. The count is compared with one
 * made by walking over the same bytes in the plainest way.
 */
#include "kernel/sock_diag.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>

#include "fuzz.h"

enum { PORT = 0x1234, SEQUENCE = 0x01010101, LARGEST = 16384 };

typedef struct answers {
  fuzz_data data;
  int asked;
  int given;
} answers;

static lc_time fixed_now(const lc_sys *sys)
{
  (void)sys;
  return SEQUENCE;
}

static ssize_t take_question(const lc_sys *sys, int fd, const struct msghdr *message, int flags)
{
  answers *a = sys->state;
  struct nlmsghdr header;
  (void)fd, (void)flags;
  MUST(message->msg_iovlen == 1 && message->msg_iov->iov_len > sizeof header);
  memcpy(&header, message->msg_iov->iov_base, sizeof header);
  MUST(header.nlmsg_len == message->msg_iov->iov_len && header.nlmsg_seq == SEQUENCE);
  a->asked++;
  return (ssize_t)message->msg_iov->iov_len;
}

/* One answer as recv with MSG_TRUNC gives it: a size beyond the buffer means that it was cut. */
static ssize_t give_answer(const lc_sys *sys, int fd, void *buffer, size_t size, int flags)
{
  answers *a = sys->state;
  (void)fd;
  MUST(flags == MSG_TRUNC && size == LARGEST);
  if (!a->asked || !a->data.left) return -EAGAIN;
  size_t whole = fuzz_size(&a->data), here = whole < a->data.left ? whole : a->data.left;
  a->given++;
  memcpy(buffer, a->data.at, here < size ? here : size);
  a->data.at += here;
  a->data.left -= here;
  return (ssize_t)(whole > size ? whole : here);
}

/* What one answer adds to the count: from 0, or -1 when it ends the matter (`*over`) or breaks
 * it. */
static int plain_count(const uint8_t *at, size_t left, int *over)
{
  int count = 0;
  while (left > 0) {
    struct nlmsghdr header;
    struct inet_diag_msg found;
    int error = 0;
    if (left < sizeof header) return -1;
    memcpy(&header, at, sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > left) return -1;
    if (header.nlmsg_seq == SEQUENCE) {
      size_t payload = header.nlmsg_len - sizeof header;
      if (payload >= sizeof error) memcpy(&error, at + sizeof header, sizeof error);
      if (header.nlmsg_type == NLMSG_ERROR) return -1;
      if (header.nlmsg_type == NLMSG_DONE) {
        *over = 1;
        return error < 0 ? -1 : count;
      }
      if (payload < sizeof found) return -1;
      memcpy(&found, at + sizeof header, sizeof found);
      count += found.id.idiag_sport == htons(PORT);
    }
    size_t step = NLMSG_ALIGN(header.nlmsg_len);
    at += step < left ? step : left;
    left -= step < left ? step : left;
  }
  return count;
}

static int plain_total(fuzz_data data)
{
  int total = 0, over = 0;
  while (!over) {
    if (!data.left) return -1; /* no end was announced */
    size_t whole = fuzz_size(&data), here = whole < data.left ? whole : data.left;
    if (!here || whole > LARGEST) return -1;
    int count = plain_count(data.at, here, &over);
    if (count < 0) return -1;
    total += count;
    data.at += here;
    data.left -= here;
  }
  return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  answers a = {.data = {data, size}};
  lc_sys sys = {.state = &a, .now = fixed_now, .sendmsg = take_question, .recv = give_answer};
  int expected = plain_total(a.data);
  int result = lc_sock_diag_half_open(&sys, 3, AF_INET, PORT);
  MUST(expected < 0 ? result < 0 : result == expected);
  a = (answers){.data = {data, size}};
  lc_half_open old = {.family = AF_INET6, .port = PORT, .age = LC_SECOND};
  int error = lc_sock_diag_count(&sys, 3, &old, 1);
  MUST(expected < 0 ? error < 0 : !error && old.count >= 0 && old.count <= expected);
  return 0;
}
