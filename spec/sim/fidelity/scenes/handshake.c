/* handshake.c - scenes of how connections come about. */
#include <netinet/tcp.h>

#include "../scene.h"

static void a_connect_succeeds_by_an_event(scene *s)
{
  int door = listener(s, "door", 16), caller = opens(s, "caller", AF_INET);
  connects(s, caller, door);
  watches(s, caller, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  looks(s);
  error_of(s, caller);
  connects(s, caller, door);
  connects(s, caller, door);
}

static void a_socket_that_is_watched_before_it_connects(scene *s)
{
  int door = listener(s, "door", 16), caller = opens(s, "caller", AF_INET);
  watches(s, caller, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  looks(s);
  looks(s);
  connects(s, caller, door);
  looks(s);
  looks(s);
}

static void a_connect_to_a_closed_port_is_refused(scene *s)
{
  int door = listener(s, "door", 16), nobody = opens(s, "nobody", AF_INET);
  binds(s, nobody);
  int caller = opens(s, "caller", AF_INET);
  watches(s, caller, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  looks(s);
  connects(s, caller, nobody);
  looks(s);
  error_of(s, caller);
  error_of(s, caller);
  receives(s, caller, 10);
  sends(s, caller, "hello");
  connects(s, caller, door);
}

static void a_refusal_is_told_to_whoever_connects_again(scene *s)
{
  int nobody = opens(s, "nobody", AF_INET), caller = opens(s, "caller", AF_INET);
  binds(s, nobody);
  connects(s, caller, nobody);
  connects(s, caller, nobody);
}

static void a_refusal_is_told_to_whoever_receives(scene *s)
{
  int nobody = opens(s, "nobody", AF_INET), caller = opens(s, "caller", AF_INET);
  binds(s, nobody);
  connects(s, caller, nobody);
  receives(s, caller, 10);
  receives(s, caller, 10);
  error_of(s, caller);
}

static void what_a_socket_that_never_connected_can_do(scene *s)
{
  int lonely = opens(s, "lonely", AF_INET);
  names_peer(s, lonely, lonely);
  receives(s, lonely, 10);
  sends(s, lonely, "hello");
  shuts(s, lonely, SHUT_WR);
  unread(s, lonely);
  unacked(s, lonely);
  error_of(s, lonely);
  accepts(s, lonely, "nobody");
  polls(s, lonely, POLLIN | POLLOUT);
}

static void an_empty_queue(scene *s)
{
  int door = listener(s, "door", 16);
  accepts(s, door, "nobody");
  polls(s, door, POLLIN | POLLOUT);
  queue_of(s, door);
  receives(s, door, 10);
  sends(s, door, "hello");
}

static void clients_are_accepted_in_their_order(scene *s)
{
  int door = listener(s, "door", 16);
  int first = client(s, "first", door), second = client(s, "second", door);
  queue_of(s, door);
  int one = accepts(s, door, "one");
  names_peer(s, one, first);
  names_peer(s, first, one);
  queue_of(s, door);
  int other = accepts(s, door, "other");
  names_peer(s, other, second);
  queue_of(s, door);
  accepts(s, door, "nobody");
}

static void what_a_client_says_before_it_is_accepted_is_kept(scene *s)
{
  int door = listener(s, "door", 16), caller = client(s, "caller", door);
  sends(s, caller, "early");
  waits_acked(s, caller, LC_SECOND);
  int server = accepts(s, door, "server");
  unread(s, server);
  receives(s, server, 100);
}

static void a_client_that_leaves_before_it_is_accepted(scene *s)
{
  int door = listener(s, "door", 16), caller = client(s, "caller", door);
  sends(s, caller, "bye");
  closes(s, caller);
  int server = accepts(s, door, "server");
  watches(s, server, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  looks(s);
  receives(s, server, 100);
  receives(s, server, 100);
}

static void a_client_that_resets_before_it_is_accepted(scene *s)
{
  int door = listener(s, "door", 16), caller = client(s, "caller", door);
  sends(s, caller, "bye");
  resets(s, caller);
  queue_of(s, door);
  int server = accepts(s, door, "server");
  names_peer(s, server, door);
  watches(s, server, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  looks(s);
  receives(s, server, 100);
  receives(s, server, 100);
  receives(s, server, 100);
}

static void a_client_that_finishes_before_it_is_accepted_is_answered(scene *s)
{
  int door = listener(s, "door", 16), caller = client(s, "caller", door);
  sends(s, caller, "question");
  shuts(s, caller, SHUT_WR);
  int server = accepts(s, door, "server");
  receives(s, server, 100);
  receives(s, server, 100);
  sends(s, server, "answer");
  receives(s, caller, 100);
}

static void two_who_bind_to_one_address(scene *s)
{
  int door = listener(s, "door", 16), other = opens(s, "other", AF_INET);
  binds_beside(s, other, door);
  sets(s, other, "SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, 1);
  binds_beside(s, other, door);
  binds(s, other);
  binds(s, other);
}

static void an_address_whose_connections_still_close(scene *s)
{
  int door = listener(s, "door", 16), caller = client(s, "caller", door);
  int server = accepts(s, door, "server");
  int plain = opens(s, "plain", AF_INET), reusing = opens(s, "reusing", AF_INET);
  sets(s, reusing, "SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, 1);
  closes(s, server);
  binds_beside(s, plain, door);
  notes(s, "its peer is %s", names_peer(s, caller, door) == 1 ? "still named" : "forgotten");
}

static void listening_without_an_address(scene *s)
{
  int door = opens(s, "door", AF_INET);
  gets(s, door, "SO_ACCEPTCONN", SOL_SOCKET, SO_ACCEPTCONN);
  listens(s, door, 4);
  gets(s, door, "SO_ACCEPTCONN", SOL_SOCKET, SO_ACCEPTCONN);
  client(s, "caller", door);
  accepts(s, door, "server");
}

static void listening_on_what_is_connected(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  listens(s, one, 4);
  accepts(s, one, "nobody");
  int door = listener(s, "door", 16);
  connects(s, door, other);
  binds(s, one);
}

static void a_client_that_both_ends_close_at_once(scene *s)
{
  int door = listener(s, "door", 16), caller = client(s, "caller", door);
  int server = accepts(s, door, "server");
  closes(s, caller);
  closes(s, server);
  accepts(s, door, "nobody");
  client(s, "next", door);
  accepts(s, door, "server");
}

const scene_entry HANDSHAKE_SCENES[] = {
  {"a connect succeeds by an event", a_connect_succeeds_by_an_event},
  {"a socket that is watched before it connects", a_socket_that_is_watched_before_it_connects},
  {"a connect to a closed port is refused", a_connect_to_a_closed_port_is_refused},
  {"a refusal is told to whoever connects again", a_refusal_is_told_to_whoever_connects_again},
  {"a refusal is told to whoever receives", a_refusal_is_told_to_whoever_receives},
  {"what a socket that never connected can do", what_a_socket_that_never_connected_can_do},
  {"an empty queue", an_empty_queue},
  {"clients are accepted in their order", clients_are_accepted_in_their_order},
  {"what a client says before it is accepted is kept",
   what_a_client_says_before_it_is_accepted_is_kept},
  {"a client that leaves before it is accepted", a_client_that_leaves_before_it_is_accepted},
  {"a client that resets before it is accepted", a_client_that_resets_before_it_is_accepted},
  {"a client that finishes before it is accepted is answered",
   a_client_that_finishes_before_it_is_accepted_is_answered},
  {"two who bind to one address", two_who_bind_to_one_address},
  {"an address whose connections still close", an_address_whose_connections_still_close},
  {"listening without an address", listening_without_an_address},
  {"listening on what is connected", listening_on_what_is_connected},
  {"a client that both ends close at once", a_client_that_both_ends_close_at_once},
  {0},
};
