/* distance.c - scenes between two hosts, 200 ms of round trip apart: what is on its way, and what
 * has not been heard of yet. Looks are taken halfway between the moments at which something can
 * happen. */
#include "../scene.h"

#define ALL_EDGES (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

/* A packet takes 100 ms; an acknowledgement alone may wait 40 ms more. */

/* Connected, with nothing on its way any more, and the clock begins anew. */
static void far_pair(scene *s, int *near, int *far)
{
  int door = listener(s, "door", 16);
  moves(s, 1);
  *far = client(s, "far", door);
  moves(s, 0);
  until(s, 350);
  *near = accepts(s, door, "near");
  watches(s, *near, ALL_EDGES);
  watches(s, *far, ALL_EDGES);
  looks(s);
  begins(s);
}

static int far_caller(scene *s, int door)
{
  moves(s, 1);
  int caller = opens(s, "caller", AF_INET);
  begins(s);
  connects(s, caller, door);
  watches(s, caller, ALL_EDGES);
  moves(s, 0);
  return caller;
}

static void a_handshake(scene *s)
{
  int door = listener(s, "door", 16);
  far_caller(s, door);
  until(s, 50);
  looks(s);
  half_open(s, door);
  until(s, 150);
  looks(s);
  half_open(s, door);
  queue_of(s, door);
  until(s, 250);
  looks(s);
  half_open(s, door);
  queue_of(s, door);
  until(s, 350);
  half_open(s, door);
  queue_of(s, door);
}

static void a_refusal(scene *s)
{
  int nobody = opens(s, "nobody", AF_INET);
  binds(s, nobody);
  int caller = far_caller(s, nobody);
  until(s, 150);
  looks(s);
  until(s, 250);
  looks(s);
  error_of(s, caller);
}

static void closed_in_the_midst_of_a_handshake(scene *s)
{
  int door = listener(s, "door", 16), caller = far_caller(s, door);
  until(s, 150);
  closes(s, door);
  until(s, 250);
  looks(s);
  sends(s, caller, "hello");
  until(s, 350);
  looks(s);
  until(s, 450);
  looks(s);
  receives(s, caller, 10);
}

static void hidden_in_the_midst_of_a_handshake(scene *s)
{
  int door = listener(s, "door", 16), caller = far_caller(s, door);
  until(s, 150);
  hides(s, door);
  half_open(s, door);
  until(s, 250);
  looks(s);
  sends(s, caller, "hello");
  until(s, 350);
  half_open(s, door);
  int server = accepts(s, door, "server");
  until(s, 450);
  receives(s, server, 10);
  sends(s, server, "world");
  until(s, 750);
  receives(s, caller, 10);
}

static void hidden_before_the_syn_arrives(scene *s)
{
  int door = listener(s, "door", 16), caller = far_caller(s, door);
  until(s, 50);
  hides(s, door);
  until(s, 150);
  half_open(s, door);
  until(s, 250);
  looks(s);
  error_of(s, caller);
}

static void bytes_and_their_acknowledgement(scene *s)
{
  int near, far;
  far_pair(s, &near, &far);
  sends(s, near, "hello");
  until(s, 50);
  looks(s);
  unread(s, far);
  unacked(s, near);
  until(s, 150);
  looks(s);
  unread(s, far);
  unacked(s, near);
  until(s, 450);
  unacked(s, near);
  looks(s);
}

static void a_fin_and_its_acknowledgement(scene *s)
{
  int near, far;
  far_pair(s, &near, &far);
  sends(s, near, "bye");
  shuts(s, near, SHUT_WR);
  until(s, 50);
  unacked(s, near);
  looks(s);
  until(s, 150);
  unacked(s, near);
  looks(s);
  until(s, 450);
  unacked(s, near);
  looks(s);
  closes(s, far);
  until(s, 500);
  looks(s);
  until(s, 600);
  looks(s);
}

static void both_finish_at_once(scene *s)
{
  int near, far;
  far_pair(s, &near, &far);
  shuts(s, near, SHUT_WR);
  shuts(s, far, SHUT_WR);
  until(s, 50);
  looks(s);
  until(s, 150);
  looks(s);
  unacked(s, near);
  until(s, 450);
  looks(s);
  unacked(s, near);
}

static void closed_while_the_peer_still_sends(scene *s)
{
  int near, far;
  far_pair(s, &near, &far);
  sends(s, far, "on its way");
  closes(s, near);
  until(s, 50);
  looks(s);
  until(s, 150);
  looks(s);
  until(s, 250);
  looks(s);
  receives(s, far, 10);
}

static void closed_with_bytes_unread_and_unsent(scene *s)
{
  int near, far;
  far_pair(s, &near, &far);
  sends(s, far, "unread");
  size_t sent = fills_up(s, near);
  closes(s, near);
  until(s, 300);
  drains(s, far, sent);
}

static void shut_read_and_closed_nothing_is_cut(scene *s)
{
  int near, far;
  far_pair(s, &near, &far);
  sends(s, far, "question");
  until(s, 150);
  size_t sent = sends_much(s, near, 10000);
  shuts(s, near, SHUT_WR);
  receives(s, near, 100);
  closes(s, near);
  until(s, 450);
  looks(s);
  drains(s, far, sent);
}

static void a_reset_on_its_way(scene *s)
{
  int near, far;
  far_pair(s, &near, &far);
  sends(s, near, "last words");
  resets(s, near);
  until(s, 50);
  sends(s, far, "too late");
  looks(s);
  until(s, 150);
  looks(s);
  receives(s, far, 100);
  receives(s, far, 100);
}

static void resets_that_cross(scene *s)
{
  int near, far;
  far_pair(s, &near, &far);
  resets(s, near);
  resets(s, far);
  until(s, 300);
  looks(s);
}

static void a_reset_that_crosses_a_fin(scene *s)
{
  int near, far;
  far_pair(s, &near, &far);
  shuts(s, near, SHUT_WR);
  resets(s, far);
  until(s, 50);
  looks(s);
  until(s, 150);
  looks(s);
  receives(s, near, 10);
  unacked(s, near);
}

static void room_is_heard_of_late(scene *s)
{
  int near, far;
  far_pair(s, &near, &far);
  size_t sent = fills_up(s, near);
  looks(s);
  size_t got = drains(s, far, sent);
  begins(s);
  until(s, 50);
  looks(s);
  drains_all(s, far, sent - got);
  begins(s);
  until(s, 300);
  waits_acked(s, near, LC_SECOND);
  looks(s);
  sends(s, near, "more");
}

const scene_entry DISTANCE_SCENES[] = {
  {"at a distance: a handshake", a_handshake},
  {"at a distance: a refusal", a_refusal},
  {"at a distance: closed in the midst of a handshake", closed_in_the_midst_of_a_handshake},
  {"at a distance: hidden in the midst of a handshake", hidden_in_the_midst_of_a_handshake},
  {"at a distance: hidden before the SYN arrives", hidden_before_the_syn_arrives},
  {"at a distance: bytes and their acknowledgement", bytes_and_their_acknowledgement},
  {"at a distance: a FIN and its acknowledgement", a_fin_and_its_acknowledgement},
  {"at a distance: both finish at once", both_finish_at_once},
  {"at a distance: closed while the peer still sends", closed_while_the_peer_still_sends},
  {"at a distance: closed with bytes unread and unsent", closed_with_bytes_unread_and_unsent},
  {"at a distance: shut, read and closed, nothing is cut", shut_read_and_closed_nothing_is_cut},
  {"at a distance: a reset on its way", a_reset_on_its_way},
  {"at a distance: resets that cross", resets_that_cross},
  {"at a distance: a reset that crosses a FIN", a_reset_that_crosses_a_fin},
  {"at a distance: room is heard of late", room_is_heard_of_late},
  {0},
};
