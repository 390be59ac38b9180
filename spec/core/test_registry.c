/* test_registry.c - finding, counting and walking stay true while connections come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/member.h"
#include "server/registry.h"

enum { MANY = 500 };

static lc_registry registry;
static lc_member members[MANY]; /* only what the registry looks at is filled in */

static int set_up(void **state)
{
  (void)state;
  memset(members, 0, sizeof members);
  lc_registry_init(&registry);
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  lc_registry_free(&registry);
  return 0;
}

static void add(int i)
{
  members[i].conn.id = (uint64_t)i + 1;
  assert_int_equal(lc_registry_reserve(&registry), 0);
  lc_registry_add(&registry, &members[i].conn);
}

static void add_many(int count)
{
  for (int i = 0; i < count; i++) add(i);
}

static void move(int i, lc_state to)
{
  lc_state from = (lc_state)members[i].conn.state;
  members[i].conn.state = (uint8_t)to;
  lc_registry_move(&registry, from, to);
}

static void an_empty_one_finds_nobody(void **state)
{
  (void)state;
  assert_null(lc_registry_find(&registry, 1));
  assert_null(lc_registry_next(&registry, NULL));
  lc_registry_rewind(&registry, LC_WALK_VISIT);
  assert_null(lc_registry_step(&registry, LC_WALK_VISIT));
}

static void everybody_is_found_by_id_and_nobody_else(void **state)
{
  (void)state;
  add_many(MANY);
  for (int i = 0; i < MANY; i++)
    assert_ptr_equal(lc_registry_find(&registry, (uint64_t)i + 1), &members[i].conn);
  assert_null(lc_registry_find(&registry, 0));
  assert_null(lc_registry_find(&registry, MANY + 1));
  assert_null(lc_registry_find(&registry, UINT64_C(1) << 40 | 1)); /* the same home */
}

static void those_that_left_are_not_found(void **state)
{
  (void)state;
  add_many(MANY);
  for (int i = 0; i < MANY; i += 3) lc_registry_remove(&registry, &members[i].conn);
  for (int i = 0; i < MANY; i++)
    assert_ptr_equal(lc_registry_find(&registry, (uint64_t)i + 1), i % 3 ? &members[i].conn : NULL);
}

/* Ids that are far apart share homes; whoever leaves must not hide those behind it. */
static void ids_that_collide_are_told_apart(void **state)
{
  static const uint64_t steps[] = {1, 16, 1024, 7, 4096};
  uint32_t chance = 4711;
  uint64_t id = 0;
  char present[MANY] = {0};
  (void)state;
  for (int i = 0; i < MANY; i++) {
    members[i].conn.id = id += steps[i % 5];
    assert_int_equal(lc_registry_reserve(&registry), 0);
    lc_registry_add(&registry, &members[i].conn);
    present[i] = 1;
    chance = chance * 1664525u + 1013904223u;
    int leaver = (int)((chance >> 16) % (unsigned)(i + 1));
    if (present[leaver]) lc_registry_remove(&registry, &members[leaver].conn);
    present[leaver] = 0;
    for (int j = 0; j <= i; j++)
      assert_ptr_equal(lc_registry_find(&registry, members[j].conn.id),
                       present[j] ? &members[j].conn : NULL);
  }
}

/* Whoever leaves looks at those behind it as far as the next free place. */
static void ids_that_count_up_make_no_long_runs(void **state)
{
  uint32_t run = 0, longest = 0;
  (void)state;
  add_many(MANY);
  for (uint32_t place = 0; place < 2 * registry.place_count; place++) {
    run = registry.places[place % registry.place_count] ? run + 1 : 0;
    if (run > longest) longest = run;
  }
  assert_in_range(longest, 1, 16);
}

static void counts_by_state_add_up(void **state)
{
  (void)state;
  add_many(100);
  assert_int_equal(registry.counts[LC_STATE_NEW], 100);
  for (int i = 0; i < 30; i++) move(i, LC_STATE_ACTIVE);
  for (int i = 0; i < 10; i++) move(i, LC_STATE_IDLE);
  assert_int_equal(registry.counts[LC_STATE_NEW], 70);
  assert_int_equal(registry.counts[LC_STATE_ACTIVE], 20);
  assert_int_equal(registry.counts[LC_STATE_IDLE], 10);
  for (int i = 0; i < 100; i++) lc_registry_remove(&registry, &members[i].conn);
  for (int i = 0; i <= LC_STATES; i++) assert_int_equal(registry.counts[i], 0);
}

static void walks_in_the_order_of_arrival(void **state)
{
  int i = 0;
  (void)state;
  add_many(MANY);
  for (const lc_conn *conn = NULL; (conn = lc_registry_next(&registry, conn)); i++)
    assert_ptr_equal(conn, &members[i].conn);
  assert_int_equal(i, MANY);
}

/* A walk in shares sees each connection that was there and stayed, and none of them twice. */
static void a_walk_in_shares_survives_departures(void **state)
{
  int visits[100] = {0}, gone[100] = {0}, step = 0;
  (void)state;
  add_many(100);
  lc_registry_rewind(&registry, LC_WALK_VISIT);
  for (lc_conn *conn; (conn = lc_registry_step(&registry, LC_WALK_VISIT)); step++) {
    int i = (int)(lc_member_of(conn) - members);
    visits[i]++;
    for (int leaver = i; leaver <= i + 1 && leaver < 100; leaver++) { /* itself, or the next one */
      if (step % (leaver == i ? 3 : 2)) continue;
      lc_registry_remove(&registry, &members[leaver].conn);
      gone[leaver] = 1;
    }
  }
  assert_true(step > 50 && step < 100);
  for (int i = 0; i < 100; i++)
    if (gone[i]) assert_true(visits[i] <= 1);
    else assert_int_equal(visits[i], 1);
}

static void the_last_may_leave_under_the_walk(void **state)
{
  (void)state;
  add_many(2);
  lc_registry_rewind(&registry, LC_WALK_VISIT);
  assert_ptr_equal(lc_registry_step(&registry, LC_WALK_VISIT), &members[0].conn);
  lc_registry_remove(&registry, &members[1].conn);
  lc_registry_remove(&registry, &members[0].conn);
  assert_null(lc_registry_step(&registry, LC_WALK_VISIT));
  assert_null(lc_registry_step(&registry, LC_WALK_VISIT)); /* over, and stays over */
}

static void newcomers_are_visited_by_a_walk_under_way(void **state)
{
  int steps = 1;
  (void)state;
  add_many(3);
  lc_registry_rewind(&registry, LC_WALK_VISIT);
  assert_non_null(lc_registry_step(&registry, LC_WALK_VISIT));
  add(3);
  while (lc_registry_step(&registry, LC_WALK_VISIT)) steps++;
  assert_int_equal(steps, 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(an_empty_one_finds_nobody),           TEST(everybody_is_found_by_id_and_nobody_else),
    TEST(those_that_left_are_not_found),       TEST(ids_that_collide_are_told_apart),
    TEST(ids_that_count_up_make_no_long_runs), TEST(counts_by_state_add_up),
    TEST(walks_in_the_order_of_arrival),       TEST(a_walk_in_shares_survives_departures),
    TEST(the_last_may_leave_under_the_walk),   TEST(newcomers_are_visited_by_a_walk_under_way),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
