/* shaking.c - a toy of a transport with a handshake: the server's side. */
#include "shaking.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

enum { PERIOD = 23, PIECE = 1024 };

const char *shaking_bytes(size_t offset, size_t *length)
{
  static char pattern[PIECE + PERIOD];
  if (!pattern[0])
    for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = (char)('a' + i % PERIOD);
  if (*length > PIECE) *length = PIECE;
  return pattern + offset % PERIOD;
}

size_t shaking_overhead(const plan *p) { return p->flight + SHAKE_DONE + p->ticket; }

/* ------------------------------------------------------------------- sending -- */

/* Returns 0 when the kernel has all that may be said, LC_AGAIN, or a code. */
static int flush(shake *one, lc_line *line)
{
  one->is_blocked = 0;
  while (one->said < one->may_say) {
    size_t size = one->may_say - one->said;
    struct iovec piece = {(void *)(uintptr_t)shaking_bytes(one->said, &size), size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    ssize_t sent;
    LC_RETRY(sent, line->sys->sendmsg(line->sys, line->fd, &message, MSG_NOSIGNAL));
    if (sent == -ENOMEM || sent == -ENOBUFS) line->lacks_memory = 1;
    if (sent == -EAGAIN || line->lacks_memory) {
      one->is_blocked = 1;
      line->wants = LC_POLL_OUT;
      return LC_AGAIN;
    }
    if (sent < 0) return (int)sent;
    one->said += (size_t)sent;
  }
  return 0;
}

/* -------------------------------------------------------------- the handshake -- */

/* Returns 0 when all of this part of the client's has come, LC_AGAIN, or a code. */
static int hear(shake *one, lc_line *line, size_t until)
{
  char bytes[SHAKE_HELLO + SHAKE_ANSWER];
  while (one->heard < until) {
    ssize_t got;
    LC_RETRY(got, line->sys->recv(line->sys, line->fd, bytes, until - one->heard, 0));
    if (got == -ENOMEM || got == -ENOBUFS) line->lacks_memory = 1;
    if (got == -EAGAIN || line->lacks_memory) {
      line->wants = LC_POLL_IN;
      return LC_AGAIN;
    }
    if (got == 0) return one->heard ? LC_HANDSHAKE : LC_EOF;
    if (got < 0) return (int)got;
    size_t size = (size_t)got;
    if (memcmp(bytes, shaking_bytes(one->heard, &size), (size_t)got) != 0) return LC_NOT_TLS;
    one->heard += (size_t)got;
  }
  return 0;
}

static int open_up(lc_line *line)
{
  shake *one = line->state;
  const plan *p = one->in->plan;
  one->fd = line->fd;
  int result = hear(one, line, SHAKE_HELLO);
  if (result) return result;
  if (one->may_say < p->flight) one->may_say = p->flight;
  result = flush(one, line);
  if (!result) result = hear(one, line, SHAKE_HELLO + SHAKE_ANSWER);
  if (result) return result;
  one->may_say = p->flight + SHAKE_DONE;
  result = flush(one, line);
  if (result) return result;
  one->is_done = 1;
  one->may_say += p->ticket;
  return 0;
}

/* ---------------------------------------------------------------- behind it -- */

static ssize_t receive(lc_line *line, void *into, size_t room)
{
  shake *one = line->state;
  ssize_t got;
  if (flush(one, line) == LC_AGAIN) return LC_AGAIN;
  LC_RETRY(got, line->sys->recv(line->sys, line->fd, into, room, 0));
  if (got == -EAGAIN) return LC_AGAIN;
  line->has_all = got > 0 && (size_t)got < room;
  return got;
}

static ssize_t send_some(lc_line *line, const struct iovec *pieces, int count)
{
  shake *one = line->state;
  struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces,
                           .msg_iovlen = (size_t)count};
  size_t total = 0;
  ssize_t sent;
  for (int i = 0; i < count; i++) total += pieces[i].iov_len;
  int result = flush(one, line);
  line->keeps = one->is_blocked;
  if (result || !total) return result == LC_AGAIN && !total ? 0 : result;
  LC_RETRY(sent, line->sys->sendmsg(line->sys, line->fd, &message, MSG_NOSIGNAL));
  return sent == -EAGAIN ? LC_AGAIN : sent;
}

static int unread(lc_line *line) { return line->sys->unread(line->sys, line->fd); }

static int unacked(lc_line *line)
{
  const shake *one = line->state;
  int count = line->sys->unacked(line->sys, line->fd);
  return count < 0 ? count : count + (int)(one->may_say - one->said);
}

static int finish(lc_line *line)
{
  int result = flush(line->state, line);
  if (!result) LC_RETRY(result, line->sys->shutdown(line->sys, line->fd, SHUT_WR));
  return result;
}

/* -------------------------------------------------------------------- life -- */

static int begin(const lc_transport *table, int is_outbound, void **state)
{
  shaking *all = (shaking *)(uintptr_t)table;
  shake *one = calloc(1, sizeof *one);
  (void)is_outbound;
  if (!one) return -ENOMEM;
  *one = (shake){.in = all->in, .next = all->first, .fd = -1, .since = sim_now(all->in->kernel)};
  all->first = one;
  *state = one;
  check_shake_begins(all->in);
  return 0;
}

static void end(void *state)
{
  shake *one = state, **place = &one->in->shaking.first;
  while (*place != one) place = &(*place)->next;
  *place = one->next;
  free(one);
}

void shaking_init(shaking *all, run *in)
{
  *all = (shaking){.in = in,
                   .table = {.version = LC_TRANSPORT_VERSION,
                             .name = "shaking",
                             .begin = begin,
                             .open = open_up,
                             .receive = receive,
                             .send = send_some,
                             .unread = unread,
                             .unacked = unacked,
                             .finish = finish,
                             .end = end}};
}
