/* transferring.c - steps that move bytes, or ask about them. */
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>

#include "kernel/sock_diag.h"
#include "step.h"

#define NO_SUCH_INTERFACE 0x7fffffff

enum { CHUNK = 16 * 1024 };

static ssize_t offer(scene *s, int fd, const char *bytes, size_t size)
{
  struct iovec piece = {(void *)(uintptr_t)bytes, size};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
  return s->sys->sendmsg(s->sys, fd, &message, 0);
}

ssize_t sends(scene *s, int fd, const char *text)
{
  scene_put(s, "send %s \"%s\"", scene_name(s, fd), text);
  return scene_end(s, (int)offer(s, fd, text, strlen(text)));
}

static ssize_t take(scene *s, int fd, size_t most, int flags)
{
  char bytes[256];
  ssize_t got = s->sys->recv(s->sys, fd, bytes, most < sizeof bytes ? most : sizeof bytes, flags);
  if (got > 0) scene_put(s, " \"%.*s\"", (int)got, bytes);
  return scene_end(s, (int)got);
}

ssize_t receives(scene *s, int fd, size_t most)
{
  scene_put(s, "recv %s", scene_name(s, fd));
  return take(s, fd, most, 0);
}

ssize_t peeks(scene *s, int fd, size_t most)
{
  scene_put(s, "recv %s MSG_PEEK", scene_name(s, fd));
  return take(s, fd, most, MSG_PEEK);
}

/* Until it is done, or a call fails: whose code is put at `*last`. */
static size_t offer_much(scene *s, int fd, size_t size, ssize_t *last)
{
  static const char zeros[CHUNK];
  size_t done = 0;
  *last = 0;
  while (done < size) {
    *last = offer(s, fd, zeros, size - done < CHUNK ? size - done : CHUNK);
    if (*last <= 0) break;
    done += (size_t)*last;
    scene_rest(s);
  }
  return done;
}

size_t fills(scene *s, int fd)
{
  ssize_t last;
  size_t done = offer_much(s, fd, SIZE_MAX, &last);
  notes(s, "fill %s: %s, then %s", scene_name(s, fd), done ? "some" : "nothing", scene_code(last));
  scene_rest(s);
  return done;
}

size_t fills_up(scene *s, int fd)
{
  ssize_t last;
  size_t total = 0;
  for (size_t done; (done = offer_much(s, fd, SIZE_MAX, &last)) > 0; total += done)
    s->sys->poll(s->sys, NULL, 0, 500 * LC_MILLISECOND);
  notes(s, "fill %s up: %s, then %s", scene_name(s, fd), total ? "some" : "nothing",
        scene_code(last));
  begins(s);
  return total;
}

size_t sends_much(scene *s, int fd, size_t size)
{
  ssize_t last;
  size_t done = offer_much(s, fd, size, &last);
  const char *how_much = done == size ? "all" : done ? "some" : "nothing";
  notes(s, "send %s %zu bytes: %s%s%s", scene_name(s, fd), size, how_much,
        last < 0 ? ", then " : "", last < 0 ? scene_code(last) : "");
  scene_rest(s);
  return done;
}

size_t drains(scene *s, int fd, size_t expected)
{
  static char sink[CHUNK];
  size_t total = 0;
  ssize_t got;
  while ((got = s->sys->recv(s->sys, fd, sink, sizeof sink, 0)) > 0) {
    total += (size_t)got;
    scene_rest(s);
  }
  const char *how_much = total == expected ? "all" : total ? "some" : "nothing";
  notes(s, "drain %s: %s, then %s", scene_name(s, fd), how_much, got ? scene_code(got) : "the end");
  scene_rest(s);
  return total;
}

int drains_all(scene *s, int fd, size_t expected)
{
  enum { PATIENCE = 200 };
  static char sink[CHUNK];
  size_t total = 0;
  ssize_t got = 0;
  for (int waits = 0; total < expected && waits < PATIENCE; waits++) {
    while ((got = s->sys->recv(s->sys, fd, sink, sizeof sink, 0)) > 0) total += (size_t)got;
    if (got != -EAGAIN) break;
    s->sys->poll(s->sys, NULL, 0, 50 * LC_MILLISECOND);
  }
  notes(s, "drain %s: %s", scene_name(s, fd), total == expected ? "all" : "not all");
  return total == expected;
}

/* ------------------------------------------------------------------- asking -- */

int unread(scene *s, int fd)
{
  scene_put(s, "unread %s", scene_name(s, fd));
  return scene_end(s, s->sys->unread(s->sys, fd));
}

int unacked(scene *s, int fd)
{
  scene_put(s, "unacked %s", scene_name(s, fd));
  return scene_end(s, s->sys->unacked(s->sys, fd));
}

int waits_acked(scene *s, int fd, lc_time most)
{
  lc_time end = s->sys->now(s->sys) + most;
  int left;
  while ((left = s->sys->unacked(s->sys, fd)) > 0 && s->sys->now(s->sys) < end)
    s->sys->poll(s->sys, NULL, 0, LC_MILLISECOND);
  notes(s, "wait until %s is acknowledged: %s", scene_name(s, fd),
        left < 0 ? scene_code(left)
        : left   ? "in vain"
                 : "it is");
  return left;
}

int error_of(scene *s, int fd)
{
  int error = 0;
  socklen_t length = sizeof error;
  int result = s->sys->getsockopt(s->sys, fd, SOL_SOCKET, SO_ERROR, &error, &length);
  scene_put(s, "SO_ERROR %s", scene_name(s, fd));
  return scene_end(s, result < 0 ? result : -error);
}

int gets(scene *s, int fd, const char *what, int level, int name)
{
  int value = 0;
  socklen_t length = sizeof value;
  int result = s->sys->getsockopt(s->sys, fd, level, name, &value, &length);
  scene_put(s, "%s of %s", what, scene_name(s, fd));
  return scene_end(s, result < 0 ? result : value);
}

int sets(scene *s, int fd, const char *what, int level, int name, int value)
{
  scene_put(s, "%s of %s := %d", what, scene_name(s, fd), value);
  return scene_end(s, s->sys->setsockopt(s->sys, fd, level, name, &value, sizeof value));
}

int hides(scene *s, int fd)
{
  s->asks |= SCENE_HIDES;
  return sets(s, fd, "SO_BINDTOIFINDEX", SOL_SOCKET, SO_BINDTOIFINDEX, NO_SUCH_INTERFACE);
}

int names_peer(scene *s, int fd, int other)
{
  lc_address peer = {.length = sizeof peer.of}, own = scene_address(s, other);
  int result = s->sys->getpeername(s->sys, fd, &peer.of.any, &peer.length);
  scene_put(s, "getpeername %s", scene_name(s, fd));
  if (result < 0) return scene_end(s, result);
  int same = peer.of.in.sin_port == own.of.in.sin_port &&
             peer.of.in.sin_addr.s_addr == own.of.in.sin_addr.s_addr;
  scene_put(s, " = %s %s\n", same ? "the address of" : "not the address of", scene_name(s, other));
  scene_rest(s);
  return same;
}

int queue_of(scene *s, int fd)
{
  struct tcp_info info = {0};
  socklen_t length = sizeof info;
  int result = s->sys->getsockopt(s->sys, fd, IPPROTO_TCP, TCP_INFO, &info, &length);
  scene_put(s, "queue of %s", scene_name(s, fd));
  return scene_end(s, result < 0 ? result : (int)info.tcpi_unacked);
}

int repeats_of(scene *s, int fd)
{
  struct tcp_info info = {0};
  socklen_t length = sizeof info;
  int result = s->sys->getsockopt(s->sys, fd, IPPROTO_TCP, TCP_INFO, &info, &length);
  scene_put(s, "any repeated by %s", scene_name(s, fd));
  return scene_end(s, result < 0 ? result : info.tcpi_total_retrans > 0);
}

int drops_of(scene *s, int fd)
{
  uint32_t info[SK_MEMINFO_VARS] = {0};
  socklen_t length = sizeof info;
  int result = s->sys->getsockopt(s->sys, fd, SOL_SOCKET, SO_MEMINFO, info, &length);
  scene_put(s, "any dropped by %s", scene_name(s, fd));
  return scene_end(s, result < 0 ? result : info[SK_MEMINFO_DROPS] > 0);
}

int half_open(scene *s, int fd)
{
  lc_address address = scene_address(s, fd);
  int diag = lc_sock_diag_open(s->sys), result = diag;
  s->asks |= SCENE_COUNTS;
  if (diag >= 0) {
    result = lc_sock_diag_half_open(s->sys, diag, AF_INET, ntohs(address.of.in.sin_port));
    s->sys->close(s->sys, diag);
  }
  scene_put(s, "half-open handshakes with %s", scene_name(s, fd));
  return scene_end(s, result);
}
