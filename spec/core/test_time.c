/* test_time.c - seconds and nanoseconds: rounding, clamping, sums that do not overflow. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lastcall.h"

static void seconds_become_nanoseconds(void **state)
{
  (void)state;
  assert_true(lc_seconds(0) == 0);
  assert_true(lc_seconds(1) == LC_SECOND);
  assert_true(lc_seconds(0.001) == LC_MILLISECOND);
  assert_true(lc_seconds(-2.5) == -2500 * LC_MILLISECOND);
  assert_true(lc_seconds(86400.0 * 365) == 31536000 * LC_SECOND);
}

static void the_nearest_nanosecond_is_taken(void **state)
{
  (void)state;
  assert_true(lc_seconds(0.3) == 300000000);
  assert_true(lc_seconds(1.1) == 1100000000);
  assert_true(lc_seconds(0.6e-9) == 1);
  assert_true(lc_seconds(0.4e-9) == 0);
  assert_true(lc_seconds(-0.6e-9) == -1);
  for (int i = 0; i < 100000; i++) {
    lc_time milliseconds = (lc_time)i * LC_MILLISECOND;

    assert_true(lc_seconds((double)i / 1000) == milliseconds);
  }
}

static void what_is_too_much_is_clamped(void **state)
{
  (void)state;
  assert_true(lc_seconds(INFINITY) == LC_NEVER);
  assert_true(lc_seconds(-INFINITY) == -LC_NEVER);
  assert_true(lc_seconds(1e300) == LC_NEVER);
  assert_true(lc_seconds(-1e300) == -LC_NEVER);
  assert_true(lc_seconds(9223372036.854776) == LC_NEVER);
  assert_true(lc_seconds(-9223372036.854776) == -LC_NEVER);
  assert_true(lc_seconds(9223372036.0) < LC_NEVER);
  assert_true(lc_seconds(NAN) == 0);
}

static void there_and_back(void **state)
{
  (void)state;
  assert_true(lc_to_seconds(0) == 0.0);
  assert_true(lc_to_seconds(1500 * LC_MILLISECOND) == 1.5);
  assert_true(lc_to_seconds(-LC_SECOND) == -1.0);
  assert_true(isinf(lc_to_seconds(LC_NEVER)) && lc_to_seconds(LC_NEVER) > 0);
  assert_true(isinf(lc_to_seconds(-LC_NEVER)) && lc_to_seconds(-LC_NEVER) < 0);
  assert_true(lc_seconds(lc_to_seconds(LC_NEVER)) == LC_NEVER);
  for (lc_time t = 1; t < 4 * 1000000 * LC_SECOND; t = t * 3 + 1) {
    assert_true(lc_seconds(lc_to_seconds(t)) == t); /* 53 bits are enough for 46 days */
  }
}

static void sums_stay_in_range(void **state)
{
  (void)state;
  assert_true(lc_time_add(1, 2) == 3);
  assert_true(lc_time_add(5, -7) == -2);
  assert_true(lc_time_add(LC_NEVER - 1, 1) == LC_NEVER);
  assert_true(lc_time_add(LC_NEVER - 1, 2) == LC_NEVER);
  assert_true(lc_time_add(LC_NEVER - 3, 2) == LC_NEVER - 1);
  assert_true(lc_time_add(-LC_NEVER, -1) == -LC_NEVER);
  assert_true(lc_time_add(-LC_NEVER + 1, -5) == -LC_NEVER);
  assert_true(lc_time_add(-LC_NEVER + 5, -5) == -LC_NEVER);
}

static void never_stays_never(void **state)
{
  (void)state;
  assert_true(lc_time_add(LC_NEVER, 0) == LC_NEVER);
  assert_true(lc_time_add(LC_NEVER, -LC_SECOND) == LC_NEVER);
  assert_true(lc_time_add(-LC_SECOND, LC_NEVER) == LC_NEVER);
  assert_true(lc_time_add(LC_NEVER, LC_NEVER) == LC_NEVER);
  assert_true(lc_time_add(LC_NEVER, -LC_NEVER) == LC_NEVER);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(seconds_become_nanoseconds),
    cmocka_unit_test(the_nearest_nanosecond_is_taken),
    cmocka_unit_test(what_is_too_much_is_clamped),
    cmocka_unit_test(there_and_back),
    cmocka_unit_test(sums_stay_in_range),
    cmocka_unit_test(never_stays_never),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
