/* test_file.c - pieces of files are sent whole and in order, whatever the kernel takes, and a file that fails is no failure
 * of the connection. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "conn/conn.h"
#include "conn/plain.h"
#include "faults.h"
#include "world.h"

enum { LARGE = 1000000, SMALL = 1000, SHARE = 128 * 1024 };

static faults bad;
static char bytes[LARGE];
static int file;

static int new_file(size_t size)
{
  char path[] = "/tmp/lastcall-file-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(write(fd, bytes, size), size);
  return fd;
}

static int set_up(void **state)
{
  world *w = malloc(sizeof *w);
  int error = 0;
  assert_non_null(w);
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 7 + i / 251);
  faults_init(&bad);
  world_begin(w, &bad.sys);
  w->loop = lc_loop_new(&bad.sys, &error);
  assert_non_null(w->loop);
  w->options.settings.linger = 200 * LC_MILLISECOND;
  file = new_file(sizeof bytes);
  *state = w;
  return 0;
}

static int tear_down(void **state)
{
  world *w = *state;
  close(file);
  world_end(w);
  free(w);
  return 0;
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* ---------------------------------------------------------------- the two ends -- */

/* What one end sends of the file, and what the other one has got. */
typedef struct sending {
  world *w;
  seen *one;
  int peer;
  uint64_t offset, length, done;
  int code;      /* of the failure */
  unsigned most; /* bytes in one call */
  size_t got;
} sending;

static sending begin_on(world *w, uint64_t offset, uint64_t length)
{
  sending s = {.w = w, .offset = offset, .length = length};
  s.one = world_accept(w, &s.peer);
  return s;
}

static sending begin(world *w, uint64_t offset, uint64_t length)
{
  world_serve(w);
  return begin_on(w, offset, length);
}

static void send_on(sending *s)
{
  while (s->done < s->length && !s->code) {
    ssize_t sent = lc_conn_write_file(s->one->conn, file, s->offset + s->done, s->length - s->done);
    if (sent < 0) s->code = (int)sent;
    if (sent <= 0) break;
    s->done += (uint64_t)sent;
    if ((unsigned)sent > s->most) s->most = (unsigned)sent;
  }
  if (s->code || s->done == s->length) return;
  s->one->ready = 0;
  lc_conn_wait_write(s->one->conn, LC_NEVER);
}

/* The peer's next bytes are those of the file. */
static void take(sending *s, size_t most)
{
  char buffer[65536];
  while (most) {
    size_t size = peer_take(s->peer, buffer, most < sizeof buffer ? most : sizeof buffer);
    if (!size) return;
    assert_memory_equal(buffer, bytes + s->offset + s->got, size);
    s->got += size;
    most -= size;
  }
}

static void take_head(sending *s, const char *head)
{
  char buffer[64] = "";
  size_t held = 0;
  while (held < strlen(head)) {
    world_turn(s->w);
    held += peer_take(s->peer, buffer + held, strlen(head) - held);
  }
  assert_string_equal(buffer, head);
}

static void finish(sending *s)
{
  send_on(s);
  while (s->got < s->length) {
    if (s->one->ready & LC_WRITABLE) send_on(s);
    assert_int_equal(s->code, 0);
    assert_int_equal(lc_loop_turn(s->w->loop, 10 * LC_MILLISECOND), 0);
    take(s, SIZE_MAX);
  }
  assert_int_equal(s->done, s->length);
  lc_conn_end_write(s->one->conn);
  world_write(s->one, "behind");
  world_expect(s->w, s->peer, "behind");
  peer_close(s->peer);
}

/* ---------------------------------------------------------------------- whole -- */

static void a_small_file_leaves_together_with_what_was_written_before(void **state)
{
  sending s = begin(*state, 10, SMALL);
  world_write(s.one, "head");
  unsigned before = bad.of[FAULT_SENDMSG].made;
  send_on(&s);
  assert_int_equal(s.done, SMALL);
  assert_int_equal(bad.of[FAULT_SENDMSG].made, before);
  take_head(&s, "head");
  assert_int_equal(bad.of[FAULT_SENDMSG].made, before + 1);
  finish(&s);
  assert_int_equal(bad.of[FAULT_SEND_FILE].made, 0);
}

static void a_large_file_is_not_copied(void **state)
{
  sending s = begin(*state, 0, LARGE);
  world_write(s.one, "head");
  send_on(&s);
  take_head(&s, "head");
  finish(&s);
  assert_true(bad.of[FAULT_SEND_FILE].made > 0);
  assert_int_equal(bad.of[FAULT_READ_AT].made, 0);
}

static void a_part_of_a_file_is_sent(void **state)
{
  sending s = begin(*state, 333333, 444444);
  finish(&s);
}

static void a_call_takes_a_share_and_the_next_is_told_of(void **state)
{
  sending s = begin(*state, 0, LARGE);
  ssize_t sent = lc_conn_write_file(s.one->conn, file, 0, LARGE);
  assert_true(sent > 0 && sent <= SHARE);
  s.done = (uint64_t)sent;
  s.one->ready = 0;
  lc_conn_wait_write(s.one->conn, LC_NEVER);
  TURN_UNTIL(s.w, s.one->ready & LC_WRITABLE); /* though the peer takes nothing */
  finish(&s);
  assert_true(s.most <= SHARE);
}

static void a_full_kernel_is_waited_for(void **state)
{
  sending s = begin(*state, 0, LARGE);
  int small = 4096;
  assert_int_equal(setsockopt(lc_conn_fd(s.one->conn), SOL_SOCKET, SO_SNDBUF, &small, sizeof small),
                   0);
  send_on(&s);
  world_turn_for(s.w, 20 * LC_MILLISECOND);
  if (s.one->ready & LC_WRITABLE) send_on(&s);
  assert_true(s.done < LARGE);
  finish(&s);
}

static void a_slow_reader_has_time_for_each_piece(void **state)
{
  world *w = *state;
  w->options.settings.write_timeout = 300 * LC_MILLISECOND;
  sending s = begin(w, 0, LARGE);
  int small = 4096;
  assert_int_equal(setsockopt(lc_conn_fd(s.one->conn), SOL_SOCKET, SO_SNDBUF, &small, sizeof small),
                   0);
  send_on(&s);
  for (int i = 0; i < 8; i++) { /* much longer in all than one write may take */
    size_t before = s.got;
    world_turn_for(w, 60 * LC_MILLISECOND);
    take(&s, 60000);
    assert_true(s.got > before);
    assert_false(s.one->ready & LC_WRITE_TIMEOUT);
    if (s.one->ready & LC_WRITABLE) send_on(&s);
  }
  if (s.done < s.length)
    TURN_UNTIL(w, (s.one->ready & LC_WRITABLE ? send_on(&s) : (void)0,
                   s.one->ready & LC_WRITE_TIMEOUT)); /* it takes no more */
  lc_conn_break_write(s.one->conn, LC_TIMEOUT);
  lc_conn_finish(s.one->conn, "test");
  peer_close(s.peer);
}

/* -------------------------------------------------------------------- failures -- */

static void where_the_kernel_cannot_the_file_is_read(void **state)
{
  sending s = begin(*state, 5, LARGE - 5);
  faults_fail(&bad, FAULT_SEND_FILE, 1, UINT32_MAX, -EINVAL);
  finish(&s);
  assert_true(bad.of[FAULT_READ_AT].made > 0);
}

static void a_transport_that_cannot_gets_the_file_by_reading(void **state)
{
  world *w = *state;
  lc_transport by_hand = lc_plain;
  by_hand.send_file = NULL;
  by_hand.is_in_place = 0;
  w->options.transport = &by_hand;
  sending s = begin(w, 0, LARGE);
  finish(&s);
  assert_int_equal(bad.of[FAULT_SEND_FILE].made, 0);
  lc_server_free(w->server); /* before its transport goes */
  w->server = NULL;
}

static void calls_that_fail_for_a_moment_are_repeated(void **state)
{
  static const int codes[] = {-EINTR, -ENOMEM, -ENOBUFS, -EIO};
  world *w = *state;
  world_serve(w);
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    sending s = begin_on(w, 0, LARGE);
    faults_fail(&bad, FAULT_SEND_FILE, 1 + (unsigned)i % 2, 2, codes[i]);
    finish(&s);
    assert_true(bad.of[FAULT_SEND_FILE].failed > 0);
  }
}

/* Its first `good` calls are fine. Then the connection closes by a reset. */
static void fails(sending *s, int code)
{
  send_on(s);
  for (int i = 0; !s->code; i++) {
    assert_int_equal(lc_loop_turn(s->w->loop, 10 * LC_MILLISECOND), 0);
    take(s, SIZE_MAX);
    if (s->one->ready & LC_WRITABLE) send_on(s);
    assert_true(i < 1000);
  }
  assert_int_equal(s->code, code);
  assert_int_equal(lc_conn_error(s->one->conn), 0);
  lc_conn_break_write(s->one->conn, code);
  lc_conn_finish(s->one->conn, "test");
  TURN_UNTIL(s->w, s->one->closed);
  peer_sight sight;
  while ((sight = peer_look(s->peer)) == PEER_DATA) take(s, 1);
  assert_int_equal(sight, PEER_RESET);
  peer_close(s->peer);
}

static void a_file_that_becomes_shorter_is_told(void **state)
{
  sending s = begin(*state, 0, LARGE);
  ssize_t sent = lc_conn_write_file(s.one->conn, file, 0, LARGE);
  assert_true(sent > 0);
  s.done = (uint64_t)sent;
  assert_int_equal(ftruncate(file, sent), 0);
  fails(&s, LC_EOF);
}

static void a_small_file_that_is_shorter_than_promised_is_told(void **state)
{
  sending s = begin(*state, LARGE - 10, SMALL);
  fails(&s, LC_EOF);
  assert_int_equal(s.done, 10);
}

static void a_file_that_grows_is_sent_as_long_as_promised(void **state)
{
  sending s = begin(*state, LARGE - 200000, 100000);
  assert_int_equal(ftruncate(file, 2 * LARGE), 0);
  finish(&s);
}

static void a_disk_that_fails_is_told(void **state)
{
  sending s = begin(*state, 0, LARGE);
  faults_fail(&bad, FAULT_SEND_FILE, 2, UINT32_MAX, -EIO);
  faults_fail(&bad, FAULT_READ_AT, 1, UINT32_MAX, -EIO);
  fails(&s, -EIO);
}

static void what_is_no_file_to_send_is_told(void **state)
{
  sending s = begin(*state, 0, SMALL);
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(lc_conn_write_file(s.one->conn, ends[0], 0, SMALL), -ESPIPE);
  assert_int_equal(lc_conn_write_file(s.one->conn, ends[0], 0, LARGE), -ESPIPE);
  close(ends[0]);
  close(ends[1]);
  finish(&s);
}

static void a_peer_that_leaves_ends_the_connection_and_raises_no_signal(void **state)
{
  sending s = begin(*state, 0, LARGE);
  signal(SIGPIPE, SIG_DFL);
  send_on(&s);
  peer_finish(s.peer); /* so the kernel says EPIPE */
  peer_reset(s.peer);
  for (int i = 0; i < 100 && !s.code; i++) {
    s.done = 0;
    lc_conn_look(s.one->conn);
    send_on(&s);
    world_turn(s.w);
  }
  if (s.code != LC_RESET && s.code != LC_BROKEN_PIPE) fail_msg("%s", lc_code_name(s.code));
  assert_true(lc_conn_error(s.one->conn) != 0);
  lc_conn_abort(s.one->conn, "test");
}

static void the_kernel_s_own_call_raises_no_signal(void **state)
{
  const lc_sys *sys = lc_sys_linux();
  int ends[2];
  (void)state;
  signal(SIGPIPE, SIG_DFL);
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  close(ends[1]);
  assert_int_equal(sys->send_file(sys, ends[0], file, 0, 100), -EPIPE);
  close(ends[0]);
}

static void posts_come_behind_a_file_that_waits(void **state)
{
  sending s = begin(*state, 0, LARGE);
  struct iovec word = {"posted", 6};
  ssize_t sent = lc_conn_write_file(s.one->conn, file, 0, LARGE);
  assert_true(sent > 0);
  s.done = (uint64_t)sent;
  s.one->ready = 0;
  lc_conn_wait_write(s.one->conn, LC_NEVER);
  assert_int_equal(lc_conn_post(s.one->conn, &word, 1), 0);
  while (s.got < s.length) {
    if (s.one->ready & LC_WRITABLE && s.done < s.length) send_on(&s);
    if (s.done == s.length) lc_conn_end_write(s.one->conn);
    world_turn(s.w);
    take(&s, s.length - s.got);
  }
  world_expect(s.w, s.peer, "posted");
  peer_close(s.peer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    FILE_TEST(a_small_file_leaves_together_with_what_was_written_before),
    FILE_TEST(a_large_file_is_not_copied),
    FILE_TEST(a_part_of_a_file_is_sent),
    FILE_TEST(a_call_takes_a_share_and_the_next_is_told_of),
    FILE_TEST(a_full_kernel_is_waited_for),
    FILE_TEST(a_slow_reader_has_time_for_each_piece),
    FILE_TEST(where_the_kernel_cannot_the_file_is_read),
    FILE_TEST(a_transport_that_cannot_gets_the_file_by_reading),
    FILE_TEST(calls_that_fail_for_a_moment_are_repeated),
    FILE_TEST(a_file_that_becomes_shorter_is_told),
    FILE_TEST(a_small_file_that_is_shorter_than_promised_is_told),
    FILE_TEST(a_file_that_grows_is_sent_as_long_as_promised),
    FILE_TEST(a_disk_that_fails_is_told),
    FILE_TEST(what_is_no_file_to_send_is_told),
    FILE_TEST(a_peer_that_leaves_ends_the_connection_and_raises_no_signal),
    FILE_TEST(the_kernel_s_own_call_raises_no_signal),
    FILE_TEST(posts_come_behind_a_file_that_waits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
