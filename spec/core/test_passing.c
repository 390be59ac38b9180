/* test_passing.c - descriptors keep their place among the bytes, and the connection outlives what goes wrong with them. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conn/conn.h"
#include "conn/plain.h"
#include "conn/transport.h"
#include "faults.h"
#include "world.h"

static faults bad;

static int set_up(void **state)
{
  world *w = malloc(sizeof *w);
  int error = 0;
  assert_non_null(w);
  faults_init(&bad);
  world_begin(w, &bad.sys);
  w->loop = lc_loop_new(&bad.sys, &error);
  assert_non_null(w->loop);
  *state = w;
  return 0;
}

static int tear_down(void **state)
{
  world *w = *state;
  world_end(w);
  free(w);
  return 0;
}

#define PASSING_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Files by which descriptors are known. */
static int open_file(void)
{
  char path[] = "/tmp/lastcall-passing-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(unlink(path), 0);
  return fd;
}

static int is_same_file(int one, int other)
{
  struct stat a, b;
  assert_int_equal(fstat(one, &a), 0);
  assert_int_equal(fstat(other, &b), 0);
  return a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static ssize_t send_fds(const seen *one, const int *fds, int count, const char *text)
{
  struct iovec piece = {(void *)(uintptr_t)text, strlen(text)};
  return lc_conn_send_fds(one->conn, fds, count, &piece, 1);
}

typedef union control {
  struct cmsghdr header;
  char space[CMSG_SPACE(LC_FDS_MOST * sizeof(int))];
} control;

/* What the peer receives at once: a text, and how many descriptors. */
static int peer_receive(int peer, char *text, size_t size, int *fds)
{
  control beside;
  struct iovec piece = {text, size - 1};
  struct msghdr message = {
    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &beside, .msg_controllen = sizeof beside};
  ssize_t got = recvmsg(peer, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  *fds = -1;
  text[got > 0 ? got : 0] = 0;
  const struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
  if (!header) return 0;
  size_t length = header->cmsg_len - CMSG_LEN(0);
  memcpy(fds, CMSG_DATA(header), length);
  return (int)(length / sizeof *fds);
}

static void peer_send(int peer, const char *text, const int *fds, int count)
{
  size_t size = (size_t)count * sizeof *fds;
  control beside = {
    .header = {.cmsg_len = CMSG_LEN(size), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
  struct iovec piece = {(void *)(uintptr_t)text, strlen(text)};
  struct msghdr message = {
    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &beside, .msg_controllen = CMSG_SPACE(size)};
  memcpy(CMSG_DATA(&beside.header), fds, size);
  assert_int_equal(sendmsg(peer, &message, 0), strlen(text));
}

/* ------------------------------------------------------------------- to be sent -- */

static void keep_their_place_in_the_queue(void **state)
{
  world *w = *state;
  int peer, file = open_file(), fds[LC_FDS_MOST] = {0};
  char text[16];
  world_serve_unix(w);
  seen *one = world_accept(w, &peer);
  lc_settings settings = *lc_conn_settings(one->conn);
  settings.gather = 0;
  assert_int_equal(lc_conn_set_settings(one->conn, &settings), 0);
  while (send_fds(one, NULL, 0, "x") > 0) continue; /* until the kernel is full */
  settings.gather = 1000;
  assert_int_equal(lc_conn_set_settings(one->conn, &settings), 0);
  assert_int_equal(send_fds(one, (int[]){file}, 1, "one"), 3);
  assert_int_equal(send_fds(one, NULL, 0, "two"), 3);
  assert_int_equal(send_fds(one, (int[]){2, file}, 2, "three"), 5);
  close(file);
  do assert_int_equal(peer_receive(peer, text, 2, fds), 0);
  while (*text == 'x');
  assert_string_equal(text, ""); /* the kernel has given all that it had */
  world_turn_for(w, 10 * LC_MILLISECOND);
  assert_int_equal(peer_receive(peer, text, sizeof text, fds), 1);
  assert_string_equal(text, "onetwo");
  int first = fds[0];
  assert_int_equal(peer_receive(peer, text, sizeof text, fds), 2);
  assert_string_equal(text, "three");
  assert_true(is_same_file(first, fds[1]));
  close(first);
  close(fds[0]);
  close(fds[1]);
  peer_close(peer);
}

static void no_more_wait_than_cross_at_once(void **state)
{
  world *w = *state;
  int peer, fds[LC_FDS_MOST], before;
  world_serve_unix(w);
  seen *one = world_accept(w, &peer);
  world_fill(one);
  lc_settings settings = *lc_conn_settings(one->conn);
  settings.gather = 60000;
  assert_int_equal(lc_conn_set_settings(one->conn, &settings), 0);
  for (int i = 0; i < LC_FDS_MOST; i++) fds[i] = 2;
  before = bad.open;
  assert_int_equal(send_fds(one, fds, 100, "a"), 1);
  assert_int_equal(send_fds(one, fds, 153, "b"), 1);
  assert_int_equal(send_fds(one, fds, 1, "c"), 0);
  assert_int_equal(bad.open, before + LC_FDS_MOST);
  assert_int_equal(send_fds(one, NULL, 0, "c"), 1);
  lc_conn_abort(one->conn, "test");
  assert_int_equal(bad.open, before - 1);
  peer_close(peer);
}

static void are_refused_and_the_connection_goes_on(void **state)
{
  world *w = *state;
  int peer, fds[LC_FDS_MOST + 1] = {2};
  world_serve_unix(w);
  seen *one = world_accept(w, &peer);
  int before = bad.open;
  assert_int_equal(send_fds(one, fds, 1, ""), -EINVAL);
  assert_int_equal(send_fds(one, fds, LC_FDS_MOST + 1, "x"), -EINVAL);
  assert_int_equal(send_fds(one, (int[]){2, 999999}, 2, "x"), -EINVAL);
  faults_fail(&bad, FAULT_DUPLICATE, 2, 1, -EMFILE);
  assert_int_equal(send_fds(one, (int[]){2, 2}, 2, "x"), -EMFILE);
  assert_int_equal(bad.open, before);
  assert_int_equal(lc_conn_accept_fds(one->conn, LC_FDS_MOST + 1), -EINVAL);
  assert_int_equal(send_fds(one, fds, 1, "yes"), 3);
  world_expect(w, peer, "yes");
  peer_close(peer);
}

static void do_not_cross_tcp(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  assert_false(lc_conn_can_pass_fds(one->conn));
  assert_int_equal(send_fds(one, (int[]){2}, 1, "x"), -EOPNOTSUPP);
  assert_int_equal(lc_conn_accept_fds(one->conn, 1), -EOPNOTSUPP);
  peer_close(peer);
}

static void are_tried_again_while_too_many_are_under_way(void **state)
{
  world *w = *state;
  int peer, fds[LC_FDS_MOST];
  char text[16];
  world_serve_unix(w);
  seen *one = world_accept(w, &peer);
  faults_fail(&bad, FAULT_SENDMSG, 1, 3, -ETOOMANYREFS);
  assert_int_equal(send_fds(one, (int[]){2}, 1, "x"), 1);
  TURN_UNTIL(w, bad.of[FAULT_SENDMSG].failed == 3);
  int count = 0;
  TURN_UNTIL(w, (count = peer_receive(peer, text, sizeof text, fds)) > 0);
  assert_string_equal(text, "x");
  close(fds[0]);
  assert_int_equal(lc_conn_error(one->conn), 0);
  peer_close(peer);
}

static void fail_the_writes_when_too_many_stay_under_way(void **state)
{
  world *w = *state;
  int peer;
  w->options.settings.write_timeout = 50 * LC_MILLISECOND;
  world_serve_unix(w);
  seen *one = world_accept(w, &peer);
  faults_fail(&bad, FAULT_SENDMSG, 1, 1000, -ETOOMANYREFS);
  assert_int_equal(send_fds(one, (int[]){2}, 1, "x"), 1);
  TURN_UNTIL(w, lc_conn_error(one->conn) == LC_TIMEOUT);
  peer_close(peer);
}

/* ------------------------------------------------------------------- received -- */

static void come_in_order_with_a_mark_where_some_are_lost(void **state)
{
  world *w = *state;
  int peer, fds[LC_FDS_MOST], lost, file = open_file();
  lc_slice slice;
  world_serve_unix(w);
  seen *one = world_accept(w, &peer);
  assert_int_equal(lc_conn_accept_fds(one->conn, 2), 0);
  peer_send(peer, "a", (int[]){file}, 1);
  peer_send(peer, "b", (int[]){2, 2, 2}, 3);
  TURN_UNTIL(w, lc_conn_read_exact(one->conn, 2, &slice) == 0);
  assert_int_equal(lc_conn_held_fds(one->conn), 2);
  assert_int_equal(lc_conn_take_fds(one->conn, fds, 1, &lost), 1);
  assert_false(lost);
  assert_true(is_same_file(fds[0], file));
  bad.sys.close(&bad.sys, fds[0]);
  peer_send(peer, "c", (int[]){file}, 1);
  TURN_UNTIL(w, lc_conn_read_exact(one->conn, 1, &slice) == 0);
  assert_int_equal(lc_conn_take_fds(one->conn, fds, 9, &lost), 1);
  assert_true(lost);
  bad.sys.close(&bad.sys, fds[0]);
  assert_int_equal(lc_conn_take_fds(one->conn, fds, 9, &lost), 1);
  assert_false(lost);
  assert_true(is_same_file(fds[0], file));
  bad.sys.close(&bad.sys, fds[0]);
  assert_int_equal(lc_conn_take_fds(one->conn, fds, 9, &lost), 0);
  close(file);
  peer_close(peer);
}

static void are_closed_when_no_more_are_wanted(void **state)
{
  world *w = *state;
  int peer, before;
  lc_slice slice;
  world_serve_unix(w);
  seen *one = world_accept(w, &peer);
  before = bad.open;
  assert_int_equal(lc_conn_accept_fds(one->conn, 5), 0);
  peer_send(peer, "ab", (int[]){2, 2}, 2);
  TURN_UNTIL(w, lc_conn_read_exact(one->conn, 2, &slice) == 0);
  assert_int_equal(bad.open, before + 2);
  assert_int_equal(lc_conn_accept_fds(one->conn, 0), 0);
  assert_int_equal(bad.open, before);
  peer_send(peer, "cd", (int[]){2, 2}, 2);
  TURN_UNTIL(w, lc_conn_read_exact(one->conn, 2, &slice) == 0);
  assert_int_equal(lc_conn_held_fds(one->conn), 0);
  peer_close(peer);
}

/* A transport that says to have given more than it may. */
static ssize_t boast(lc_line *line, void *into, size_t room, int *fds, int *fd_count, int *lost)
{
  (void)line, (void)room;
  *fds = 2;
  *lost = 0;
  *fd_count += 1;
  memset(into, 'x', 1);
  return 1;
}

static void of_a_transport_that_breaks_the_rules_are_not_touched(void **state)
{
  world *w = *state;
  int peer;
  lc_slice slice;
  lc_transport boasting = lc_plain;
  boasting.receive_fds = boast;
  w->options.transport = &boasting;
  world_serve_unix(w);
  seen *one = world_accept(w, &peer);
  assert_int_equal(lc_conn_accept_fds(one->conn, 5), 0);
  assert_int_equal(lc_conn_read_some(one->conn, 10, &slice), -EPROTO);
  assert_int_equal(lc_conn_held_fds(one->conn), 0);
  peer_close(peer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    PASSING_TEST(keep_their_place_in_the_queue),
    PASSING_TEST(no_more_wait_than_cross_at_once),
    PASSING_TEST(are_refused_and_the_connection_goes_on),
    PASSING_TEST(do_not_cross_tcp),
    PASSING_TEST(are_tried_again_while_too_many_are_under_way),
    PASSING_TEST(fail_the_writes_when_too_many_stay_under_way),
    PASSING_TEST(come_in_order_with_a_mark_where_some_are_lost),
    PASSING_TEST(are_closed_when_no_more_are_wanted),
    PASSING_TEST(of_a_transport_that_breaks_the_rules_are_not_touched),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
