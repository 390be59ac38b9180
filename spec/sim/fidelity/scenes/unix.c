/* unix.c - scenes of unix-domain sockets, and of descriptors that cross them. */
#include "../scene.h"

/* ------------------------------------------------------------------ connecting -- */

static void a_client_is_connected_at_once(scene *s)
{
  int door = unix_listener(s, "door", 16), one = unix_client(s, "one", door);
  watches(s, one, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  looks(s);
  sends(s, one, "early");
  int other = accepts(s, door, "other");
  names_peer(s, one, door);
  names_peer(s, other, one);
  receives(s, other, 10);
  connects(s, one, door);
  accepts(s, door, "nobody");
}

static void nobody_listens(scene *s)
{
  int door = opens(s, "door", AF_UNIX), one = opens(s, "one", AF_UNIX);
  listens(s, door, 4);
  binds_unix(s, door);
  binds_unix(s, door);
  connects(s, one, door);
  polls(s, one, POLLIN | POLLOUT);
  sends(s, one, "hello");
  receives(s, one, 10);
  error_of(s, one);
  listens(s, door, 4);
  connects(s, one, door);
}

static void a_path_outlives_its_socket(scene *s)
{
  int one = opens(s, "one", AF_UNIX), door = opens(s, "door", AF_UNIX);
  connects_path(s, one);
  binds_path(s, door);
  connects_path(s, one);
  listens(s, door, 4);
  connects_path(s, one);
  int second = opens(s, "second", AF_UNIX);
  binds_path(s, second);
  closes(s, door);
  int third = opens(s, "third", AF_UNIX);
  connects_path(s, third);
  binds_path(s, second);
  unlinks_path(s);
  connects_path(s, third);
  binds_path(s, second);
  unlinks_path(s);
  unlinks_path(s);
}

static void a_listener_without_its_path(scene *s)
{
  int one = opens(s, "one", AF_UNIX), door = opens(s, "door", AF_UNIX);
  binds_path(s, door);
  listens(s, door, 4);
  unlinks_path(s);
  connects_path(s, one);
  listens(s, door, 8);
  accepts(s, door, "nobody");
}

static void a_full_queue(scene *s)
{
  int door = unix_listener(s, "door", 1);
  unix_client(s, "one", door);
  unix_client(s, "two", door);
  unix_client(s, "three", door);
  accepts(s, door, "first");
  unix_client(s, "four", door);
}

static void a_listener_that_is_shut(scene *s)
{
  int door = unix_listener(s, "door", 16), one = unix_client(s, "one", door);
  watches(s, door, EPOLLIN | EPOLLET);
  looks(s);
  shuts(s, door, SHUT_RD);
  looks(s);
  unix_client(s, "late", door);
  sends(s, one, "hello");
  int other = accepts(s, door, "other");
  receives(s, other, 10);
  accepts(s, door, "nobody");
}

static void a_listener_that_is_closed(scene *s)
{
  int door = unix_listener(s, "door", 16), one = unix_client(s, "one", door);
  watches(s, one, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  looks(s);
  closes(s, door);
  looks(s);
  sends(s, one, "hello");
  receives(s, one, 10);
  receives(s, one, 10);
}

/* ------------------------------------------------------------------------ ends -- */

static void an_end_in_order(scene *s)
{
  int one, other;
  unix_pair(s, &one, &other);
  watches(s, one, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  looks(s);
  sends(s, other, "bye");
  closes(s, other);
  looks(s);
  sends(s, one, "hello");
  receives(s, one, 10);
  receives(s, one, 10);
  error_of(s, one);
}

static void an_end_with_unread_bytes(scene *s)
{
  int one, other;
  unix_pair(s, &one, &other);
  watches(s, one, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  looks(s);
  sends(s, one, "unread");
  sends(s, other, "bye");
  closes(s, other);
  looks(s);
  receives(s, one, 10);
  sends(s, one, "hello");
  receives(s, one, 10);
  receives(s, one, 10);
}

static void half_closed(scene *s)
{
  int one, other;
  unix_pair(s, &one, &other);
  watches(s, one, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  watches(s, other, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  looks(s);
  shuts(s, one, SHUT_WR);
  looks(s);
  sends(s, one, "more");
  receives(s, other, 10);
  sends(s, other, "answer");
  looks(s);
  receives(s, one, 10);
  shuts(s, other, SHUT_WR);
  looks(s);
  receives(s, one, 10);
}

static void the_reading_half_is_shut(scene *s)
{
  int one, other;
  unix_pair(s, &one, &other);
  sends(s, other, "before");
  shuts(s, one, SHUT_RD);
  sends(s, other, "after");
  polls(s, one, POLLIN | POLLOUT | POLLRDHUP);
  polls(s, other, POLLIN | POLLOUT | POLLRDHUP);
  receives(s, one, 10);
  receives(s, one, 10);
}

static void no_connection(scene *s)
{
  int one = opens(s, "one", AF_UNIX);
  polls(s, one, POLLIN | POLLOUT | POLLRDHUP);
  shuts(s, one, SHUT_WR);
  sends(s, one, "hello");
  receives(s, one, 10);
  unread(s, one);
  unacked(s, one);
  accepts(s, one, "nobody");
}

/* ----------------------------------------------------------------------- bytes -- */

static void a_full_socket(scene *s)
{
  int one, other;
  unix_pair(s, &one, &other);
  watches(s, one, EPOLLOUT | EPOLLET);
  looks(s);
  size_t size = fills(s, one);
  looks(s);
  polls(s, one, POLLOUT);
  drains(s, other, size);
  looks(s);
  polls(s, one, POLLOUT);
  unacked(s, one);
}

static void unread_bytes_are_counted(scene *s)
{
  int one, other;
  unix_pair(s, &one, &other);
  unread(s, other);
  sends(s, one, "hello");
  sends(s, one, "again");
  unread(s, other);
  receives(s, other, 3);
  unread(s, other);
  peeks(s, other, 20);
  receives(s, other, 20);
  unread(s, other);
  unacked(s, one);
}

static void each_message_is_an_event(scene *s)
{
  int one, other;
  unix_pair(s, &one, &other);
  watches(s, other, EPOLLIN | EPOLLET);
  looks(s);
  sends(s, one, "a");
  looks(s);
  sends(s, one, "b");
  looks(s);
  receives(s, other, 1);
  looks(s);
  watches(s, one, EPOLLOUT | EPOLLET);
  looks(s);
  receives(s, other, 1);
  looks(s);
}

/* ----------------------------------------------------------------- descriptors -- */

static void a_descriptor_crosses(scene *s)
{
  int one, other, fds[SCENE_FDS], room = SCENE_FDS;
  unix_pair(s, &one, &other);
  int door = unix_listener(s, "inner", 4), far = unix_client(s, "far", door),
      near = accepts(s, door, "near");
  sends_with(s, one, "take it", 1, &near);
  closes(s, near);
  watches(s, far, EPOLLIN | EPOLLRDHUP | EPOLLET);
  looks(s);
  if (receives_with(s, other, 20, room, fds) != 1) return;
  sends(s, fds[0], "through");
  looks(s);
  receives(s, far, 20);
  closes(s, fds[0]);
  looks(s);
  receives(s, far, 20);
}

static void a_receive_ends_behind_descriptors(scene *s)
{
  int one, other, fds[SCENE_FDS];
  unix_pair(s, &one, &other);
  sends(s, one, "a");
  sends(s, one, "b");
  sends_with(s, one, "cd", 1, &one);
  sends(s, one, "e");
  sends_with(s, one, "f", 1, &other);
  sends(s, one, "g");
  for (int i = 0; i < 4; i++) receives_with(s, other, 20, SCENE_FDS, fds);
}

static void descriptors_come_with_the_first_byte(scene *s)
{
  int one, other, fds[SCENE_FDS], both[2];
  unix_pair(s, &one, &other);
  both[0] = one;
  both[1] = other;
  sends_with(s, one, "abcd", 2, both);
  sends(s, one, "ef");
  receives_with(s, other, 1, SCENE_FDS, fds);
  receives_with(s, other, 2, SCENE_FDS, fds);
  receives_with(s, other, 20, SCENE_FDS, fds);
}

static void nobody_asked_for_descriptors(scene *s)
{
  int one, other, fds[SCENE_FDS];
  unix_pair(s, &one, &other);
  int door = unix_listener(s, "inner", 4), far = unix_client(s, "far", door),
      near = accepts(s, door, "near");
  sends_with(s, one, "ab", 1, &near);
  sends(s, one, "cd");
  closes(s, near);
  polls(s, far, POLLIN | POLLRDHUP);
  receives(s, other, 20);
  polls(s, far, POLLIN | POLLRDHUP);
  receives(s, other, 20);
  sends_with(s, one, "ef", 1, &one);
  receives_with(s, other, 20, 0, fds);
}

static void more_descriptors_than_there_is_room_for(scene *s)
{
  int one, other, fds[SCENE_FDS], all[4];
  unix_pair(s, &one, &other);
  for (int i = 0; i < 4; i++) all[i] = one;
  sends_with(s, one, "ab", 4, all);
  receives_with(s, other, 1, 2, fds);
  receives_with(s, other, 20, SCENE_FDS, fds);
  sends_with(s, one, "cd", 3, all);
  limits(s, 2);
  receives_with(s, other, 20, SCENE_FDS, fds);
  limits(s, -1);
}

static void descriptors_that_nobody_takes(scene *s)
{
  int one, other;
  unix_pair(s, &one, &other);
  int door = unix_listener(s, "inner", 4), far = unix_client(s, "far", door),
      near = accepts(s, door, "near");
  sends_with(s, one, "ab", 1, &near);
  closes(s, near);
  polls(s, far, POLLIN | POLLRDHUP);
  closes(s, other);
  polls(s, far, POLLIN | POLLRDHUP);
}

static void a_number_that_is_no_descriptor(scene *s)
{
  int one, other, bad[2], fds[SCENE_FDS];
  unix_pair(s, &one, &other);
  bad[0] = one;
  bad[1] = 250;
  sends_with(s, one, "ab", 2, bad);
  receives_with(s, other, 20, SCENE_FDS, fds);
  closes(s, other);
  sends_with(s, one, "ab", 1, bad);
}

const scene_entry UNIX_SCENES[] = {
  {"unix: a client is connected at once", a_client_is_connected_at_once},
  {"unix: nobody listens", nobody_listens},
  {"unix: a path outlives its socket", a_path_outlives_its_socket},
  {"unix: a listener without its path", a_listener_without_its_path},
  {"unix: a full queue", a_full_queue},
  {"unix: a listener that is shut", a_listener_that_is_shut},
  {"unix: a listener that is closed", a_listener_that_is_closed},
  {"unix: an end in order", an_end_in_order},
  {"unix: an end with unread bytes", an_end_with_unread_bytes},
  {"unix: half closed", half_closed},
  {"unix: the reading half is shut", the_reading_half_is_shut},
  {"unix: no connection", no_connection},
  {"unix: a full socket", a_full_socket},
  {"unix: unread bytes are counted", unread_bytes_are_counted},
  {"unix: each message is an event", each_message_is_an_event},
  {"unix: a descriptor crosses", a_descriptor_crosses},
  {"unix: a receive ends behind descriptors", a_receive_ends_behind_descriptors},
  {"unix: descriptors come with the first byte", descriptors_come_with_the_first_byte},
  {"unix: nobody asked for descriptors", nobody_asked_for_descriptors},
  {"unix: more descriptors than there is room for", more_descriptors_than_there_is_room_for},
  {"unix: descriptors that nobody takes", descriptors_that_nobody_takes},
  {"unix: a number that is no descriptor", a_number_that_is_no_descriptor},
  {NULL, NULL}};
