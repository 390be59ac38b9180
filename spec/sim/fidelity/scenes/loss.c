/* loss.c - scenes of peers that nothing reaches any more, and of options that bound the wait for
 * them. */
#include <netinet/tcp.h>

#include "../scene.h"

#define ALL_EDGES (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

static void keeps_alive(scene *s, int fd)
{
  sets(s, fd, "SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1);
  sets(s, fd, "TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, 1);
  sets(s, fd, "TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, 1);
  sets(s, fd, "TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, 1);
}

static int bounds(scene *s, int fd, int milliseconds)
{
  return sets(s, fd, "TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, milliseconds);
}

static void what_does_not_arrive_is_not_acknowledged(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  deafens(s, other);
  sends(s, one, "hello");
  shuts(s, one, SHUT_WR);
  waits_acked(s, one, 100 * LC_MILLISECOND);
  unacked(s, one);
  looks(s);
  unread(s, other);
  heals(s, other);
  waits_acked(s, one, 5 * LC_SECOND);
  looks(s);
  receives(s, other, 10);
  receives(s, other, 10);
}

static void a_fin_alone_that_does_not_arrive(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  deafens(s, other);
  shuts(s, one, SHUT_WR);
  waits_acked(s, one, 100 * LC_MILLISECOND);
  unacked(s, one);
}

static void the_user_timeout_bounds_what_is_unacknowledged(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  bounds(s, one, 700);
  deafens(s, other);
  sends(s, one, "hello");
  passes(s, 300 * LC_MILLISECOND);
  looks(s);
  passes(s, 3 * LC_SECOND);
  looks(s);
  notes(s, "unacknowledged: %s", s->sys->unacked(s->sys, one) > 0 ? "some" : "nothing");
  receives(s, one, 10);
  receives(s, one, 10);
  sends(s, one, "more");
}

static void the_user_timeout_alone_ends_nobody_who_is_silent(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  bounds(s, one, 500);
  deafens(s, other);
  passes(s, 2500 * LC_MILLISECOND);
  looks(s);
}

static void keepalive_ends_who_is_silent(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  keeps_alive(s, one);
  passes(s, 2500 * LC_MILLISECOND);
  looks(s);
  deafens(s, other);
  passes(s, 4 * LC_SECOND);
  looks(s);
  receives(s, one, 10);
  error_of(s, one);
}

static void keepalive_is_silent_while_anything_is_unacknowledged(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  keeps_alive(s, one);
  deafens(s, other);
  sends(s, one, "hello");
  passes(s, 4 * LC_SECOND);
  looks(s);
}

static void keepalive_by_the_user_timeout(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  keeps_alive(s, one);
  sets(s, one, "TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, 9);
  bounds(s, one, 2000);
  deafens(s, other);
  passes(s, 4500 * LC_MILLISECOND);
  looks(s);
  receives(s, one, 10);
}

static void a_closed_window_ends_by_the_user_timeout(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  bounds(s, one, 1000);
  fills(s, one);
  passes(s, 4 * LC_SECOND);
  looks(s);
  receives(s, one, 10);
}

/* Whether what was left to the kernel still arrives when it can again. */
static void left_to_the_kernel(scene *s, int milliseconds)
{
  int one, other;
  pair(s, &one, &other);
  if (milliseconds) bounds(s, one, milliseconds);
  deafens(s, other);
  sends(s, one, "last words");
  closes(s, one);
  passes(s, 2500 * LC_MILLISECOND);
  heals(s, other);
  passes(s, 4 * LC_SECOND);
  receives(s, other, 100);
  receives(s, other, 100);
}

static void left_to_the_kernel_it_is_tried_for_long(scene *s) { left_to_the_kernel(s, 0); }

static void left_to_the_kernel_as_long_as_the_user_timeout(scene *s) { left_to_the_kernel(s, 700); }

static void a_reset_that_does_not_arrive(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, other, ALL_EDGES);
  looks(s);
  deafens(s, other);
  resets(s, one);
  looks(s);
  heals(s, other);
  sends(s, other, "hello");
  looks(s);
  receives(s, other, 10);
}

static void a_connect_that_nobody_answers(scene *s)
{
  int door = listener(s, "door", 16), caller = opens(s, "caller", AF_INET);
  sets(s, caller, "TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT, 1);
  watches(s, caller, ALL_EDGES);
  looks(s);
  deafens(s, caller);
  connects(s, caller, door);
  looks(s);
  passes(s, 4 * LC_SECOND);
  looks(s);
  error_of(s, caller);
  queue_of(s, door);
}

const scene_entry LOSS_SCENES[] = {
  {"what does not arrive is not acknowledged", what_does_not_arrive_is_not_acknowledged},
  {"a FIN alone that does not arrive", a_fin_alone_that_does_not_arrive},
  {"the user timeout bounds what is unacknowledged",
   the_user_timeout_bounds_what_is_unacknowledged},
  {"the user timeout alone ends nobody who is silent",
   the_user_timeout_alone_ends_nobody_who_is_silent},
  {"keepalive ends who is silent", keepalive_ends_who_is_silent},
  {"keepalive is silent while anything is unacknowledged",
   keepalive_is_silent_while_anything_is_unacknowledged},
  {"keepalive by the user timeout", keepalive_by_the_user_timeout},
  {"a closed window ends by the user timeout", a_closed_window_ends_by_the_user_timeout},
  {"left to the kernel, it is tried for long", left_to_the_kernel_it_is_tried_for_long},
  {"left to the kernel as long as the user timeout",
   left_to_the_kernel_as_long_as_the_user_timeout},
  {"a reset that does not arrive", a_reset_that_does_not_arrive},
  {"a connect that nobody answers", a_connect_that_nobody_answers},
  {0},
};
