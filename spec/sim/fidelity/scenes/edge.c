/* edge.c - scenes of epoll: which events there are, and when there is a new edge. */
#include "../scene.h"

#define ALL_EDGES (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

static void an_edge_comes_with_each_arrival(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, other, ALL_EDGES);
  looks(s);
  looks(s);
  sends(s, one, "first");
  looks(s);
  looks(s);
  sends(s, one, "second");
  looks(s);
  sends(s, one, "third");
  sends(s, one, "fourth");
  looks(s);
  looks(s);
}

static void no_edge_after_a_short_receive(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, other, ALL_EDGES);
  looks(s);
  sends(s, one, "hello world");
  looks(s);
  receives(s, other, 5);
  looks(s);
  receives(s, other, 100);
  receives(s, other, 100);
  looks(s);
}

static void an_edge_that_was_outrun(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, other, EPOLLIN | EPOLLET);
  sends(s, one, "hello");
  receives(s, other, 100);
  looks(s);
}

static void level_triggered_it_tells_until_all_is_read(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, other, EPOLLIN);
  looks(s);
  sends(s, one, "hello");
  looks(s);
  receives(s, other, 3);
  looks(s);
  receives(s, other, 3);
  looks(s);
  shuts(s, one, SHUT_WR);
  looks(s);
  receives(s, other, 3);
  looks(s);
}

static void level_triggered_room_is_told_always(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, EPOLLOUT);
  looks(s);
  looks(s);
  size_t sent = fills(s, one);
  looks(s);
  drains(s, other, sent);
  looks(s);
}

static void watched_when_it_is_ready_already(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  sends(s, one, "hello");
  watches(s, other, ALL_EDGES);
  looks(s);
  looks(s);
  watches(s, other, ALL_EDGES);
}

static void watched_anew(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  sends(s, one, "hello");
  watches(s, other, EPOLLIN | EPOLLET);
  looks(s);
  unwatches(s, other);
  looks(s);
  watches(s, other, EPOLLIN | EPOLLET);
  looks(s);
  unwatches(s, other);
  unwatches(s, other);
  rewatches(s, other, EPOLLIN);
}

static void a_change_arms_again(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, other, EPOLLIN | EPOLLET);
  sends(s, one, "hello");
  looks(s);
  looks(s);
  rewatches(s, other, EPOLLIN | EPOLLET);
  looks(s);
  rewatches(s, other, EPOLLIN | EPOLLOUT | EPOLLET);
  looks(s);
  rewatches(s, other, EPOLLRDHUP | EPOLLET);
  looks(s);
  shuts(s, one, SHUT_WR);
  looks(s);
}

static void only_what_is_asked_for_is_told(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, other, EPOLLET);
  looks(s);
  sends(s, one, "hello");
  looks(s);
  shuts(s, one, SHUT_WR);
  looks(s);
  resets(s, one);
  looks(s);
}

static void once_and_no_more(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, other, EPOLLIN | EPOLLONESHOT);
  sends(s, one, "hello");
  looks(s);
  sends(s, one, "world");
  looks(s);
  resets(s, one);
  looks(s);
  rewatches(s, other, EPOLLIN | EPOLLONESHOT);
  looks(s);
}

static void an_unwatched_event_is_not_told(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, other, EPOLLIN | EPOLLET);
  sends(s, one, "hello");
  unwatches(s, other);
  looks(s);
}

static void a_closed_descriptor_is_not_watched(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, other, EPOLLIN | EPOLLET);
  sends(s, one, "hello");
  closes(s, other);
  looks(s);
  unwatches(s, other);
}

static void a_duplicate_keeps_the_watch(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, other, EPOLLIN | EPOLLET);
  int again = duplicates(s, other, "again");
  closes(s, other);
  sends(s, one, "hello");
  looks(s);
  unwatches(s, other);
  receives(s, again, 10);
  closes(s, again);
  looks(s);
}

static void data_and_fin_before_anybody_looks(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, other, ALL_EDGES);
  looks(s);
  sends(s, one, "hello");
  shuts(s, one, SHUT_WR);
  looks(s);
  receives(s, other, 10);
  looks(s);
  receives(s, other, 10);
  looks(s);
}

static void fin_behind_unread_data(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, other, ALL_EDGES);
  looks(s);
  sends(s, one, "hello");
  looks(s);
  shuts(s, one, SHUT_WR);
  looks(s);
  looks(s);
}

static void sending_after_the_fin_came_brings_no_edge(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, other, ALL_EDGES);
  looks(s);
  shuts(s, one, SHUT_WR);
  looks(s);
  sends(s, other, "answer");
  waits_acked(s, other, LC_SECOND);
  looks(s);
}

static void shutting_oneself_is_an_event(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, one, ALL_EDGES);
  looks(s);
  shuts(s, one, SHUT_RD);
  looks(s);
  shuts(s, one, SHUT_WR);
  waits_acked(s, one, LC_SECOND);
  looks(s);
}

static void watched_after_the_end(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  sends(s, one, "hello");
  resets(s, one);
  watches(s, other, ALL_EDGES);
  looks(s);
  rewatches(s, other, ALL_EDGES);
  looks(s);
  receives(s, other, 10);
  receives(s, other, 10);
  rewatches(s, other, ALL_EDGES);
  looks(s);
}

static void several_at_once(scene *s)
{
  int door = listener(s, "door", 16);
  int a = client(s, "a", door), b = client(s, "b", door), c = client(s, "c", door);
  watches(s, door, EPOLLIN | EPOLLET);
  watches(s, a, ALL_EDGES);
  watches(s, b, ALL_EDGES);
  watches(s, c, ALL_EDGES);
  looks(s);
  int first = accepts(s, door, "first"), second = accepts(s, door, "second");
  sends(s, first, "hello");
  shuts(s, second, SHUT_WR);
  closes(s, door);
  looks(s);
}

static void several_told_one_by_one(scene *s)
{
  int door = listener(s, "door", 16);
  int a = client(s, "a", door), b = client(s, "b", door);
  watches(s, a, ALL_EDGES);
  watches(s, b, ALL_EDGES);
  looks_for_one(s);
  looks_for_one(s);
  looks_for_one(s);
  rewatches(s, a, EPOLLOUT);
  rewatches(s, b, EPOLLOUT);
  looks_for_one(s);
  looks_for_one(s);
  looks_for_one(s);
  looks(s);
}

static void gone_before_it_was_told(scene *s)
{
  int door = listener(s, "door", 16);
  int a = client(s, "a", door), b = client(s, "b", door);
  watches(s, a, ALL_EDGES);
  watches(s, b, ALL_EDGES);
  closes(s, a);
  int c = client(s, "c", door);
  notes(s, "the same number: %s", c == a ? "yes" : "no");
  looks(s);
  watches(s, c, ALL_EDGES);
  looks(s);
}

static void a_wait_ends_when_its_time_is_over(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  watches(s, other, EPOLLIN | EPOLLET);
  waits(s, 5 * LC_MILLISECOND);
  waits(s, 1500 * 1000);
  sends(s, one, "hello");
  waits(s, LC_SECOND);
}

static void what_cannot_be_watched(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  closes(s, other);
  watches(s, other, EPOLLIN);
  rewatches(s, other, EPOLLIN);
  unwatches(s, other);
  watches(s, s->epoll, EPOLLIN);
}

static void polling(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  polls(s, other, POLLIN | POLLOUT | POLLRDHUP);
  sends(s, one, "hello");
  polls(s, other, POLLIN | POLLRDHUP);
  shuts(s, one, SHUT_WR);
  polls(s, other, POLLIN | POLLRDHUP);
  polls(s, other, POLLOUT);
  resets(s, one);
  polls(s, other, 0);
  closes(s, other);
  polls(s, other, POLLIN);
}

const scene_entry EDGE_SCENES[] = {
  {"an edge comes with each arrival", an_edge_comes_with_each_arrival},
  {"no edge after a short receive", no_edge_after_a_short_receive},
  {"an edge that was outrun", an_edge_that_was_outrun},
  {"level-triggered it tells until all is read", level_triggered_it_tells_until_all_is_read},
  {"level-triggered room is told always", level_triggered_room_is_told_always},
  {"watched when it is ready already", watched_when_it_is_ready_already},
  {"watched anew", watched_anew},
  {"a change arms again", a_change_arms_again},
  {"only what is asked for is told", only_what_is_asked_for_is_told},
  {"once and no more", once_and_no_more},
  {"an unwatched event is not told", an_unwatched_event_is_not_told},
  {"a closed descriptor is not watched", a_closed_descriptor_is_not_watched},
  {"a duplicate keeps the watch", a_duplicate_keeps_the_watch},
  {"data and FIN before anybody looks", data_and_fin_before_anybody_looks},
  {"FIN behind unread data", fin_behind_unread_data},
  {"sending after the FIN came brings no edge", sending_after_the_fin_came_brings_no_edge},
  {"shutting oneself is an event", shutting_oneself_is_an_event},
  {"watched after the end", watched_after_the_end},
  {"several at once", several_at_once},
  {"several told one by one", several_told_one_by_one},
  {"gone before it was told", gone_before_it_was_told},
  {"a wait ends when its time is over", a_wait_ends_when_its_time_is_over},
  {"what cannot be watched", what_cannot_be_watched},
  {"polling", polling},
  {0},
};
