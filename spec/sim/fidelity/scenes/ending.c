/* ending.c - scenes of how connections end: half-closes, closes with bytes unread, resets. */
#include "../scene.h"

#define ALL_EDGES (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

enum { MUCH = 100 * 1000 };

static void a_half_close_ends_one_direction(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  sends(s, one, "question");
  shuts(s, one, SHUT_WR);
  receives(s, other, 100);
  receives(s, other, 100);
  receives(s, other, 100);
  sends(s, other, "answer");
  receives(s, one, 100);
  sends(s, one, "more");
  shuts(s, one, SHUT_WR);
  shuts(s, other, SHUT_WR);
  receives(s, one, 100);
  sends(s, other, "more");
}

static void a_fin_counts_until_it_is_acknowledged(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  shuts(s, one, SHUT_WR);
  waits_acked(s, one, LC_SECOND);
  looks(s);
  sends(s, other, "answer");
  waits_acked(s, other, LC_SECOND);
  looks(s);
  shuts(s, other, SHUT_WR);
  waits_acked(s, other, LC_SECOND);
  looks(s);
}

static void shut_in_both_directions(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  watches(s, other, ALL_EDGES);
  looks(s);
  shuts(s, one, SHUT_RDWR);
  waits_acked(s, one, LC_SECOND);
  looks(s);
  receives(s, one, 10);
  sends(s, one, "hello");
  receives(s, other, 10);
  sends(s, other, "into nothing");
  looks(s);
  receives(s, one, 10);
  receives(s, one, 10);
}

static void the_reading_half_shut(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  sends(s, other, "before");
  shuts(s, one, SHUT_RD);
  looks(s);
  sends(s, other, "after");
  looks(s);
  receives(s, one, 100);
  receives(s, one, 100);
  sends(s, one, "answer");
  receives(s, other, 100);
}

static void a_clean_close(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, other, ALL_EDGES);
  looks(s);
  sends(s, one, "bye");
  closes(s, one);
  looks(s);
  receives(s, other, 100);
  receives(s, other, 100);
  looks(s);
  closes(s, other);
}

static void a_close_with_bytes_unread_resets(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  sends(s, one, "unread");
  closes(s, other);
  looks(s);
  error_of(s, one);
  error_of(s, one);
  receives(s, one, 10);
  sends(s, one, "more");
}

static void a_close_with_bytes_unread_takes_back_nothing_that_arrived(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  sends(s, other, "the answer");
  sends(s, one, "unread");
  closes(s, other);
  receives(s, one, 100);
  receives(s, one, 100);
  receives(s, one, 100);
}

static void a_close_with_bytes_unread_cuts_what_had_not_arrived(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  size_t sent = fills(s, other);
  sends(s, one, "unread");
  closes(s, other);
  drains(s, one, sent);
  receives(s, one, 100);
}

static void shut_and_closed_with_bytes_unread(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  sends(s, one, "unread");
  shuts(s, other, SHUT_WR);
  looks(s);
  closes(s, other);
  looks(s);
  receives(s, one, 10);
  receives(s, one, 10);
}

static void bytes_that_come_after_close_are_answered_with_a_reset(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  closes(s, other);
  looks(s);
  sends(s, one, "first");
  looks(s);
  sends(s, one, "second");
  receives(s, one, 10);
  error_of(s, one);
}

static void a_peer_that_closes_after_its_fin_gives_no_event(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  shuts(s, other, SHUT_WR);
  looks(s);
  receives(s, one, 10);
  closes(s, other);
  looks(s);
  sends(s, one, "first");
  looks(s);
  sends(s, one, "second");
}

static void a_reset_is_told_once(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  resets(s, other);
  looks(s);
  looks(s);
  receives(s, one, 10);
  receives(s, one, 10);
  sends(s, one, "hello");
  error_of(s, one);
  shuts(s, one, SHUT_WR);
  names_peer(s, one, one);
}

static void a_reset_that_a_send_finds_first(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  resets(s, other);
  sends(s, one, "first");
  sends(s, one, "second");
  receives(s, one, 10);
}

static void a_reset_that_so_error_takes(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  resets(s, other);
  error_of(s, one);
  error_of(s, one);
  receives(s, one, 10);
  sends(s, one, "hello");
  polls(s, one, POLLIN | POLLOUT);
}

static void a_reset_leaves_what_had_arrived(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  sends(s, other, "the answer");
  resets(s, other);
  looks(s);
  unread(s, one);
  receives(s, one, 4);
  receives(s, one, 100);
  receives(s, one, 100);
  receives(s, one, 100);
}

static void a_reset_after_the_fin(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  sends(s, other, "the answer");
  shuts(s, other, SHUT_WR);
  looks(s);
  resets(s, other);
  looks(s);
  receives(s, one, 100);
  receives(s, one, 100);
  sends(s, one, "hello");
}

static void a_reset_after_both_fins(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  shuts(s, one, SHUT_WR);
  waits_acked(s, one, LC_SECOND);
  shuts(s, other, SHUT_WR);
  waits_acked(s, other, LC_SECOND);
  looks(s);
  resets(s, other);
  looks(s);
  receives(s, one, 10);
  error_of(s, one);
  unacked(s, one);
}

static void a_reset_with_our_bytes_on_their_way(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  fills(s, one);
  looks(s);
  resets(s, other);
  looks(s);
  notes(s, "unacknowledged: %s", s->sys->unacked(s->sys, one) > 0 ? "some" : "nothing");
  sends(s, one, "more");
  sends(s, one, "more");
}

static void a_reset_after_our_fin(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  sends(s, one, "question");
  shuts(s, one, SHUT_WR);
  waits_acked(s, one, LC_SECOND);
  looks(s);
  resets(s, other);
  looks(s);
  unacked(s, one);
  receives(s, one, 10);
  shuts(s, one, SHUT_WR);
}

static void a_reset_before_our_fin(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  resets(s, other);
  shuts(s, one, SHUT_WR);
  unacked(s, one);
  receives(s, one, 10);
  shuts(s, one, SHUT_WR);
}

static void a_reset_discards_what_was_not_sent(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  size_t sent = fills(s, one);
  resets(s, one);
  drains(s, other, sent);
  receives(s, other, 10);
}

static void a_shut_writer_does_not_linger(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  size_t sent = sends_much(s, one, MUCH);
  shuts(s, one, SHUT_WR);
  closes(s, one);
  drains(s, other, sent);
  sends(s, other, "thanks");
  receives(s, other, 10);
}

static void both_finish_at_once(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  watches(s, other, ALL_EDGES);
  looks(s);
  shuts(s, one, SHUT_WR);
  shuts(s, other, SHUT_WR);
  waits_acked(s, one, LC_SECOND);
  waits_acked(s, other, LC_SECOND);
  looks(s);
  receives(s, one, 10);
  receives(s, other, 10);
  error_of(s, one);
}

static void closed_after_everything_was_read(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  sends(s, one, "question");
  shuts(s, one, SHUT_WR);
  receives(s, other, 100);
  receives(s, other, 100);
  sends(s, other, "answer");
  closes(s, other);
  waits_acked(s, one, LC_SECOND);
  looks(s);
  receives(s, one, 100);
  receives(s, one, 100);
  looks(s);
}

const scene_entry ENDING_SCENES[] = {
  {"a half-close ends one direction", a_half_close_ends_one_direction},
  {"a FIN counts until it is acknowledged", a_fin_counts_until_it_is_acknowledged},
  {"shut in both directions", shut_in_both_directions},
  {"the reading half shut", the_reading_half_shut},
  {"a clean close", a_clean_close},
  {"a close with bytes unread resets", a_close_with_bytes_unread_resets},
  {"a close with bytes unread takes back nothing that arrived",
   a_close_with_bytes_unread_takes_back_nothing_that_arrived},
  {"a close with bytes unread cuts what had not arrived",
   a_close_with_bytes_unread_cuts_what_had_not_arrived},
  {"shut, and closed with bytes unread", shut_and_closed_with_bytes_unread},
  {"bytes that come after close are answered with a reset",
   bytes_that_come_after_close_are_answered_with_a_reset},
  {"a peer that closes after its FIN gives no event",
   a_peer_that_closes_after_its_fin_gives_no_event},
  {"a reset is told once", a_reset_is_told_once},
  {"a reset that a send finds first", a_reset_that_a_send_finds_first},
  {"a reset that SO_ERROR takes", a_reset_that_so_error_takes},
  {"a reset leaves what had arrived", a_reset_leaves_what_had_arrived},
  {"a reset after the FIN", a_reset_after_the_fin},
  {"a reset after both FINs", a_reset_after_both_fins},
  {"a reset with our bytes on their way", a_reset_with_our_bytes_on_their_way},
  {"a reset after our FIN", a_reset_after_our_fin},
  {"a reset before our FIN", a_reset_before_our_fin},
  {"a reset discards what was not sent", a_reset_discards_what_was_not_sent},
  {"a shut writer does not linger", a_shut_writer_does_not_linger},
  {"both finish at once", both_finish_at_once},
  {"closed after everything was read", closed_after_everything_was_read},
  {0},
};
