/* test_sim.c - a few thousand schedules on the simulated kernel; `make sim N=...` runs more of
 * them. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hand.h"
#include "pass.h"
#include "plan_fields.h"
#include "run.h"

enum { SCHEDULES = 3000, PASSES = 400 };

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

static void every_descriptor_comes_with_its_byte(void **state)
{
  char failure[PASS_TEXT];
  (void)state;
  for (uint64_t seed = 1; seed <= PASSES; seed++)
    if (!pass_run(seed, failure, NULL))
      fail_msg("schedule %u of pass.c: %s", (unsigned)seed, failure);
}

static void nobody_is_lost_between_workers(void **state)
{
  char failure[HAND_TEXT];
  (void)state;
  for (uint64_t seed = 1; seed <= PASSES; seed++)
    if (!hand_run(seed, failure, NULL))
      fail_msg("schedule %u of hand.c: %s", (unsigned)seed, failure);
}

static void run_file(const char *name)
{
  static plan p;
  const char *problem;
  FILE *from = fopen(name, "r");
  assert_non_null(from);
  if (plan_read(&p, from, &problem)) fail_msg("%s: %s", name, problem);
  fclose(from);
  if (!run_plan(&the_run, &p, NULL)) fail_msg("%s: %s", name, the_run.failure);
}

/* spec/regress/NAME.plan: what once went wrong, as little of it as does. */
static void what_was_mended_stays_so(void **state)
{
  DIR *folder = opendir("spec/regress");
  int count = 0;
  (void)state;
  assert_non_null(folder);
  for (const struct dirent *entry; (entry = readdir(folder));) {
    char name[sizeof "spec/regress/" + sizeof entry->d_name];
    size_t length = strlen(entry->d_name);
    if (length < 5 || strcmp(entry->d_name + length - 5, ".plan") != 0) continue;
    snprintf(name, sizeof name, "spec/regress/%s", entry->d_name);
    run_file(name);
    count++;
  }
  closedir(folder);
  assert_true(count > 0);
}

/* What is written down is what was meant. */
static void a_plan_can_be_written_and_read(void **state)
{
  static char text[1 << 16], again[1 << 16];
  static plan p, other;
  const char *problem;
  (void)state;
  for (uint64_t seed = 1; seed < 100; seed++) {
    FILE *file = fmemopen(text, sizeof text, "w");
    plan_make(&p, seed);
    plan_print(&p, file);
    fclose(file);
    file = fmemopen(text, strlen(text), "r");
    assert_int_equal(plan_read(&other, file, &problem), 0);
    fclose(file);
    file = fmemopen(again, sizeof again, "w");
    plan_print(&other, file);
    fclose(file);
    assert_string_equal(text, again);
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
    cmocka_unit_test(every_descriptor_comes_with_its_byte),
    cmocka_unit_test(nobody_is_lost_between_workers),
    cmocka_unit_test(what_was_mended_stays_so),
    cmocka_unit_test(a_plan_can_be_written_and_read),
    cmocka_unit_test(a_seed_says_it_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
