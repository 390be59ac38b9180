/* listener.c - scenes of a listening socket: its queue, its events, hiding it, and its end. */
#include <netinet/tcp.h>

#include "../scene.h"

static void closing_resets_who_is_queued(scene *s)
{
  int door = listener(s, "door", 16);
  int caller = client(s, "caller", door), other = client(s, "other", door);
  watches(s, caller, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  looks(s);
  sends(s, other, "hello");
  closes(s, door);
  looks(s);
  receives(s, caller, 10);
  receives(s, other, 10);
  receives(s, other, 10);
}

static void closing_leaves_who_was_accepted(scene *s)
{
  int door = listener(s, "door", 16), caller = client(s, "caller", door);
  int server = accepts(s, door, "server");
  closes(s, door);
  sends(s, caller, "question");
  receives(s, server, 100);
  sends(s, server, "answer");
  receives(s, caller, 100);
}

static void after_closing_who_connects_is_refused(scene *s)
{
  int door = listener(s, "door", 16), other = opens(s, "other", AF_INET);
  sets(s, door, "SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, 1);
  sets(s, other, "SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, 1);
  int caller = opens(s, "caller", AF_INET);
  binds(s, caller);
  int taken = listener(s, "taken", 4);
  binds_beside(s, other, door);
  closes(s, door);
  binds_beside(s, other, taken);
  connects(s, caller, other);
  error_of(s, caller);
}

static void a_duplicate_keeps_the_queue(scene *s)
{
  int door = listener(s, "door", 16), caller = client(s, "caller", door);
  int again = duplicates(s, door, "again");
  closes(s, door);
  sends(s, caller, "hello");
  int server = accepts(s, again, "server");
  receives(s, server, 100);
  client(s, "late", again);
  queue_of(s, again);
}

static void shutting_down_resets_who_is_queued(scene *s)
{
  int door = listener(s, "door", 16), caller = client(s, "caller", door);
  watches(s, door, EPOLLIN | EPOLLET);
  looks(s);
  shuts(s, door, SHUT_RD);
  looks(s);
  receives(s, caller, 10);
  accepts(s, door, "nobody");
  int late = opens(s, "late", AF_INET);
  connects(s, late, door);
  error_of(s, late);
}

static void hidden_it_refuses_the_next(scene *s)
{
  int door = listener(s, "door", 16), late = opens(s, "late", AF_INET);
  hides(s, door);
  connects(s, late, door);
  error_of(s, late);
  accepts(s, door, "nobody");
}

static void hidden_it_keeps_its_queue(scene *s)
{
  int door = listener(s, "door", 16), caller = client(s, "caller", door);
  hides(s, door);
  queue_of(s, door);
  sends(s, caller, "hello");
  int server = accepts(s, door, "server");
  receives(s, server, 100);
  sends(s, server, "world");
  receives(s, caller, 100);
  accepts(s, door, "nobody");
}

static void children_of_the_hidden_are_not(scene *s)
{
  int door = listener(s, "door", 16), caller = client(s, "caller", door);
  hides(s, door);
  int server = accepts(s, door, "server");
  gets(s, door, "SO_BINDTOIFINDEX", SOL_SOCKET, SO_BINDTOIFINDEX);
  gets(s, server, "SO_BINDTOIFINDEX", SOL_SOCKET, SO_BINDTOIFINDEX);
  shuts(s, server, SHUT_WR);
  receives(s, caller, 10);
}

static void closing_the_hidden_resets_who_is_queued(scene *s)
{
  int door = listener(s, "door", 16), caller = client(s, "caller", door);
  hides(s, door);
  closes(s, door);
  receives(s, caller, 10);
}

static void the_port_of_the_hidden_is_taken(scene *s)
{
  int door = listener(s, "door", 16), other = opens(s, "other", AF_INET);
  hides(s, door);
  sets(s, other, "SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, 1);
  binds_beside(s, other, door);
}

static void an_edge_for_each_who_comes(scene *s)
{
  int door = listener(s, "door", 16);
  watches(s, door, EPOLLIN | EPOLLET);
  looks(s);
  client(s, "first", door);
  looks(s);
  looks(s);
  client(s, "second", door);
  looks(s);
  client(s, "third", door);
  client(s, "fourth", door);
  looks(s);
  accepts(s, door, "one");
  looks(s);
}

static void level_triggered_it_tells_while_anybody_waits(scene *s)
{
  int door = listener(s, "door", 16);
  watches(s, door, EPOLLIN);
  looks(s);
  client(s, "first", door);
  client(s, "second", door);
  looks(s);
  looks(s);
  accepts(s, door, "one");
  looks(s);
  accepts(s, door, "other");
  looks(s);
}

static void watched_when_somebody_waits_already(scene *s)
{
  int door = listener(s, "door", 16);
  client(s, "caller", door);
  watches(s, door, EPOLLIN | EPOLLET);
  looks(s);
  looks(s);
  rewatches(s, door, EPOLLIN | EPOLLET);
  looks(s);
  rewatches(s, door, 0);
  looks(s);
  rewatches(s, door, EPOLLIN | EPOLLET);
  looks(s);
}

static void who_has_gone_again_still_counts(scene *s)
{
  int door = listener(s, "door", 16);
  watches(s, door, EPOLLIN | EPOLLET);
  int caller = client(s, "caller", door);
  looks(s);
  resets(s, caller);
  looks(s);
  queue_of(s, door);
  polls(s, door, POLLIN);
  accepts(s, door, "server");
  queue_of(s, door);
}

static void a_full_queue_drops_the_next(scene *s)
{
  int door = listener(s, "door", 1), late = opens(s, "late", AF_INET);
  client(s, "first", door);
  client(s, "second", door);
  queue_of(s, door);
  drops_of(s, door);
  watches(s, late, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  looks(s);
  connects(s, late, door);
  looks(s);
  connects(s, late, door);
  queue_of(s, door);
  drops_of(s, door);
  half_open(s, door);
  accepts(s, door, "one");
  passes(s, 1500 * LC_MILLISECOND);
  looks(s);
  queue_of(s, door);
  accepts(s, door, "other");
  accepts(s, door, "third");
  accepts(s, door, "nobody");
}

static void widened_it_takes_more(scene *s)
{
  int door = listener(s, "door", 0);
  client(s, "first", door);
  queue_of(s, door);
  listens(s, door, 16);
  client(s, "second", door);
  client(s, "third", door);
  queue_of(s, door);
}

static void what_was_dropped_is_refused_once_hidden(scene *s)
{
  int door = listener(s, "door", 0), late = opens(s, "late", AF_INET);
  client(s, "first", door);
  watches(s, late, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  connects(s, late, door);
  looks(s);
  hides(s, door);
  passes(s, 1500 * LC_MILLISECOND);
  looks(s);
  error_of(s, late);
}

static void a_handshake_under_way_completes_though_hidden(scene *s)
{
  int door = listener(s, "door", 16), caller = opens(s, "caller", AF_INET);
  deafens(s, caller);
  connects(s, caller, door);
  half_open(s, door);
  queue_of(s, door);
  hides(s, door);
  half_open(s, door);
  heals(s, caller);
  passes(s, 1500 * LC_MILLISECOND);
  half_open(s, door);
  queue_of(s, door);
  sends(s, caller, "hello");
  int server = accepts(s, door, "server");
  receives(s, server, 100);
  repeats_of(s, server);
}

static void closing_resets_a_handshake_under_way(scene *s)
{
  int door = listener(s, "door", 16), caller = opens(s, "caller", AF_INET);
  deafens(s, caller);
  connects(s, caller, door);
  half_open(s, door);
  closes(s, door);
  heals(s, caller);
  watches(s, caller, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  passes(s, 1500 * LC_MILLISECOND);
  looks(s);
  error_of(s, caller);
}

static void deferred_until_the_first_word(scene *s)
{
  int door = listener(s, "door", 16);
  sets(s, door, "TCP_DEFER_ACCEPT", IPPROTO_TCP, TCP_DEFER_ACCEPT, 3);
  int caller = client(s, "caller", door);
  queue_of(s, door);
  half_open(s, door);
  polls(s, caller, POLLOUT);
  sends(s, caller, "hello");
  queue_of(s, door);
  half_open(s, door);
  int server = accepts(s, door, "server");
  receives(s, server, 100);
}

const scene_entry LISTENER_SCENES[] = {
  {"closing a listener resets who is queued", closing_resets_who_is_queued},
  {"closing a listener leaves who was accepted", closing_leaves_who_was_accepted},
  {"after closing a listener who connects is refused", after_closing_who_connects_is_refused},
  {"a duplicate keeps a listener's queue", a_duplicate_keeps_the_queue},
  {"shutting a listener down resets who is queued", shutting_down_resets_who_is_queued},
  {"a hidden listener refuses the next", hidden_it_refuses_the_next},
  {"a hidden listener keeps its queue", hidden_it_keeps_its_queue},
  {"children of a hidden listener are not hidden", children_of_the_hidden_are_not},
  {"closing a hidden listener resets who is queued", closing_the_hidden_resets_who_is_queued},
  {"the port of a hidden listener is taken", the_port_of_the_hidden_is_taken},
  {"an edge for each client who comes", an_edge_for_each_who_comes},
  {"a level-triggered listener tells while anybody waits",
   level_triggered_it_tells_while_anybody_waits},
  {"a listener watched when somebody waits already", watched_when_somebody_waits_already},
  {"a client who has gone again still counts", who_has_gone_again_still_counts},
  {"a full queue drops the next", a_full_queue_drops_the_next},
  {"a widened listener takes more", widened_it_takes_more},
  {"what a full queue dropped is refused once hidden", what_was_dropped_is_refused_once_hidden},
  {"a handshake under way completes though hidden", a_handshake_under_way_completes_though_hidden},
  {"closing a listener resets a handshake under way", closing_resets_a_handshake_under_way},
  {"a client deferred until its first word", deferred_until_the_first_word},
  {0},
};
