/* test_select.c - one wait for several descriptors, which the loop may watch already. */
#include <poll.h>
#include <unistd.h>

#include "world.h"

enum { PIPES = 3 };

static int ends[PIPES][2];
static int told;

static void ready(void *user)
{
  (void)user;
  told++;
}

static int set_up(void **state)
{
  told = 0;
  int result = world_set_up(state);
  for (int i = 0; i < PIPES; i++) assert_int_equal(pipe(ends[i]), 0);
  return result;
}

static int tear_down(void **state)
{
  for (int i = 0; i < PIPES; i++) {
    close(ends[i][0]);
    close(ends[i][1]);
  }
  return world_tear_down(state);
}

static lc_select *begin(world *w, const struct pollfd *fds, unsigned count)
{
  int error = 0;
  lc_select *wait = lc_select_begin(w->loop, fds, count, ready, NULL, &error);
  assert_int_equal(error, 0);
  assert_non_null(wait);
  return wait;
}

static void poke(int i) { assert_int_equal(write(ends[i][1], "x", 1), 1); }

static void the_one_that_is_ready_ends_the_wait(void **state)
{
  world *w = *state;
  const struct pollfd fds[PIPES] = {{.fd = ends[0][0], .events = POLLIN},
                                    {.fd = ends[1][0], .events = POLLIN},
                                    {.fd = ends[2][0], .events = POLLIN}};
  lc_select *wait = begin(w, fds, PIPES);
  world_turn(w);
  assert_int_equal(told, 0);
  poke(1);
  world_turn(w);
  assert_int_equal(told, 1);
  lc_select_end(wait);
  poke(2);
  world_turn(w);
  assert_int_equal(told, 1);
}

static void reading_and_writing_are_told_apart(void **state)
{
  world *w = *state;
  const struct pollfd reading[] = {{.fd = ends[0][0], .events = POLLIN},
                                   {.fd = ends[1][0], .events = POLLIN}};
  const struct pollfd both[] = {{.fd = ends[0][0], .events = POLLIN},
                                {.fd = ends[1][1], .events = POLLOUT}};
  lc_select *wait = begin(w, reading, 2);
  world_turn(w);
  assert_int_equal(told, 0);
  lc_select_end(wait);
  wait = begin(w, both, 2);
  world_turn(w);
  assert_int_equal(told, 1); /* there is room in the pipe */
  lc_select_end(wait);
}

static void a_descriptor_may_be_waited_for_twice_and_named_twice(void **state)
{
  world *w = *state;
  const struct pollfd one = {.fd = ends[0][0], .events = POLLIN};
  const struct pollfd twice[] = {one, one, {.fd = -1, .events = POLLIN}};
  lc_select *first = begin(w, &one, 1), *second = begin(w, &one, 1), *third = begin(w, twice, 3);
  world_turn(w);
  assert_int_equal(told, 0);
  poke(0);
  world_turn(w);
  assert_int_equal(told, 3);
  lc_select_end(first);
  lc_select_end(second);
  lc_select_end(third);
}

static void what_cannot_be_waited_for_is_said(void **state)
{
  world *w = *state;
  const struct pollfd none = {.fd = 987654, .events = POLLIN};
  int error = 0;
  assert_null(lc_select_begin(w->loop, &none, 1, ready, NULL, &error));
  assert_int_equal(error, -EBADF);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {TEST(the_one_that_is_ready_ends_the_wait),
                                     TEST(reading_and_writing_are_told_apart),
                                     TEST(a_descriptor_may_be_waited_for_twice_and_named_twice),
                                     TEST(what_cannot_be_waited_for_is_said)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
