/* test_sim.c - a few thousand schedules on the simulated kernel; `make sim N=...` runs more of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run.h"

enum { SCHEDULES = 3000 };

static run the_run;

static void no_schedule_violates_what_must_hold(void **state)
{
  plan p;
  (void)state;
  for (uint64_t seed = 1; seed <= SCHEDULES; seed++) {
    plan_make(&p, seed);
    if (!run_plan(&the_run, &p, NULL))
      fail_msg("make sim SEED=%u: %s", (unsigned)seed, the_run.failure);
  }
}

/* A schedule tells the same story each time, or there would be no telling what went wrong. */
static void a_seed_says_it_all(void **state)
{
  static char stories[2][1 << 20];
  (void)state;
  for (int i = 0; i < 2; i++) {
    plan p;
    FILE *trace = fmemopen(stories[i], sizeof stories[i], "w");
    assert_non_null(trace);
    plan_make(&p, 42);
    assert_true(run_plan(&the_run, &p, trace));
    fclose(trace);
  }
  assert_true(stories[0][0]);
  assert_string_equal(stories[0], stories[1]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(no_schedule_violates_what_must_hold),
    cmocka_unit_test(a_seed_says_it_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
