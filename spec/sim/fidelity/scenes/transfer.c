/* transfer.c - scenes of bytes on their way: receiving, sending, windows that are full. */
#include "../scene.h"

#define ALL_EDGES (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

enum { MUCH = 100 * 1000 };

static void bytes_go_both_ways(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  receives(s, other, 10);
  sends(s, one, "question");
  unread(s, other);
  receives(s, other, 100);
  receives(s, other, 100);
  sends(s, other, "answer");
  receives(s, one, 100);
}

static void a_short_receive_leaves_the_rest(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  sends(s, one, "hello world");
  receives(s, other, 5);
  unread(s, other);
  receives(s, other, 1);
  receives(s, other, 100);
  unread(s, other);
}

static void two_sends_are_one_stream(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  sends(s, one, "hello ");
  sends(s, one, "world");
  receives(s, other, 100);
}

static void peeking_consumes_nothing(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  peeks(s, other, 10);
  sends(s, one, "hello");
  peeks(s, other, 2);
  peeks(s, other, 10);
  unread(s, other);
  receives(s, other, 10);
  shuts(s, one, SHUT_WR);
  peeks(s, other, 10);
}

static void receiving_no_bytes(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  receives(s, other, 0);
  sends(s, one, "hello");
  receives(s, other, 0);
  receives(s, other, 10);
  sends(s, one, "");
  receives(s, other, 10);
}

static void what_is_sent_is_acknowledged(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  unacked(s, one);
  sends(s, one, "hello");
  waits_acked(s, one, LC_SECOND);
  unread(s, other);
}

static void a_full_window_takes_no_more(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  size_t sent = fills(s, one);
  looks(s);
  sends(s, one, "more");
  polls(s, one, POLLOUT);
  notes(s, "unacknowledged: %s", s->sys->unacked(s->sys, one) > 0 ? "some" : "nothing");
  drains(s, other, sent);
  looks(s);
  polls(s, one, POLLOUT);
  sends(s, one, "more");
}

static void a_full_window_is_full_for_the_fin_too(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, other, ALL_EDGES);
  looks(s);
  size_t sent = fills(s, one);
  shuts(s, one, SHUT_WR);
  looks(s);
  passes(s, 50 * LC_MILLISECOND);
  looks(s);
  drains(s, other, sent);
  looks(s);
  waits_acked(s, one, LC_SECOND);
}

static void a_little_room_is_no_edge(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  fills(s, one);
  receives(s, other, 0);
  s->sys->recv(s->sys, other, (char[100]){0}, 100, 0);
  looks(s);
  polls(s, one, POLLOUT);
}

static void room_that_was_never_lacking_is_no_edge(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  size_t sent = sends_much(s, one, MUCH);
  drains(s, other, sent);
  waits_acked(s, one, LC_SECOND);
  looks(s);
}

static void both_ways_full(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  size_t there = fills(s, one), back = fills(s, other);
  watches(s, one, ALL_EDGES);
  watches(s, other, ALL_EDGES);
  looks(s);
  drains(s, other, there);
  looks(s);
  drains(s, one, back);
  looks(s);
}

static void a_sender_that_leaves_with_a_full_window(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  size_t sent = fills(s, one);
  closes(s, one);
  drains(s, other, sent);
  receives(s, other, 10);
  sends(s, other, "too late");
  receives(s, other, 10);
}

static void a_reader_that_leaves_while_the_window_is_full(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  fills(s, one);
  closes(s, other);
  looks(s);
  error_of(s, one);
  sends(s, one, "more");
  receives(s, one, 10);
}

static void much_arrives_in_order(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  size_t total = 0;
  for (int i = 0; i < 10; i++) {
    size_t sent = sends_much(s, one, MUCH);
    total += drains(s, other, sent);
  }
  notes(s, "all in all %s", total == (size_t)10 * MUCH ? "everything" : "not everything");
}

const scene_entry TRANSFER_SCENES[] = {
  {"bytes go both ways", bytes_go_both_ways},
  {"a short receive leaves the rest", a_short_receive_leaves_the_rest},
  {"two sends are one stream", two_sends_are_one_stream},
  {"peeking consumes nothing", peeking_consumes_nothing},
  {"receiving no bytes", receiving_no_bytes},
  {"what is sent is acknowledged", what_is_sent_is_acknowledged},
  {"a full window takes no more", a_full_window_takes_no_more},
  {"a full window is full for the FIN too", a_full_window_is_full_for_the_fin_too},
  {"a little room is no edge", a_little_room_is_no_edge},
  {"room that was never lacking is no edge", room_that_was_never_lacking_is_no_edge},
  {"both ways full", both_ways_full},
  {"a sender that leaves with a full window", a_sender_that_leaves_with_a_full_window},
  {"a reader that leaves while the window is full", a_reader_that_leaves_while_the_window_is_full},
  {"much arrives in order", much_arrives_in_order},
  {0},
};
