/* test_timetable.c - when the steps of the process's ladder are due: signals bring them nearer only. */
#include "process/timetable.h"
#include "world.h"

/* A ladder of ten seconds, one of them for grace, that began at 100 s. */
static lc_timetable ten_seconds(void)
{
  lc_drain_options options = {.timeout = 10 * LC_SECOND, .grace = LC_SECOND};
  lc_timetable table;
  lc_timetable_init(&table, &options);
  assert_true(lc_timetable_cancel_at(&table) == LC_NEVER);
  assert_true(lc_timetable_kill_at(&table) == LC_NEVER);
  lc_timetable_signal(&table, 100 * LC_SECOND);
  lc_timetable_begin(&table, 100 * LC_SECOND, -1);
  return table;
}

static void expect(const lc_timetable *table, lc_time cancel, lc_time kill, lc_time end)
{
  assert_true(lc_timetable_cancel_at(table) == cancel);
  assert_true(lc_timetable_kill_at(table) == kill);
  assert_true(lc_timetable_end_at(table) == end);
}

static void the_second_signal_cancels_and_the_third_kills(void **state)
{
  lc_timetable table = ten_seconds();
  (void)state;
  expect(&table, 109 * LC_SECOND, 110 * LC_SECOND, 110 * LC_SECOND);
  assert_int_equal(lc_timetable_signal(&table, 102 * LC_SECOND), 1);
  expect(&table, 102 * LC_SECOND, 110 * LC_SECOND, 110 * LC_SECOND);
  assert_int_equal(lc_timetable_signal(&table, 102 * LC_SECOND + LC_MILLISECOND), 0); /* a bounce */
  expect(&table, 102 * LC_SECOND, 110 * LC_SECOND, 110 * LC_SECOND);
  assert_int_equal(lc_timetable_signal(&table, 103 * LC_SECOND), 1);
  expect(&table, 103 * LC_SECOND, 103 * LC_SECOND, 103 * LC_SECOND);
}

static void more_signals_put_nothing_off(void **state)
{
  lc_timetable table = ten_seconds();
  (void)state;
  for (lc_time at = 102 * LC_SECOND; at < 150 * LC_SECOND; at += LC_SECOND)
    lc_timetable_signal(&table, at);
  expect(&table, 103 * LC_SECOND, 103 * LC_SECOND, 103 * LC_SECOND);
}

static void signals_after_the_deadline_put_nothing_off(void **state)
{
  lc_timetable table = ten_seconds();
  (void)state;
  lc_timetable_signal(&table, 111 * LC_SECOND);
  expect(&table, 109 * LC_SECOND, 110 * LC_SECOND, 110 * LC_SECOND);
  lc_timetable_signal(&table, 112 * LC_SECOND);
  expect(&table, 109 * LC_SECOND, 110 * LC_SECOND, 110 * LC_SECOND);
}

static void the_third_signal_takes_the_time_of_the_hooks(void **state)
{
  lc_timetable table = ten_seconds();
  (void)state;
  table.has_hooks = 1;
  table.options.hooks = 3 * LC_SECOND;
  expect(&table, 106 * LC_SECOND, 107 * LC_SECOND, 110 * LC_SECOND);
  lc_timetable_signal(&table, 107 * LC_SECOND + LC_MILLISECOND);
  lc_timetable_signal(&table, 108 * LC_SECOND); /* while the hooks run */
  assert_true(lc_timetable_end_at(&table) == 108 * LC_SECOND);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_second_signal_cancels_and_the_third_kills),
    cmocka_unit_test(more_signals_put_nothing_off),
    cmocka_unit_test(signals_after_the_deadline_put_nothing_off),
    cmocka_unit_test(the_third_signal_takes_the_time_of_the_hooks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
