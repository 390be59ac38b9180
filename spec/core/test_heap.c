/* test_heap.c - the timer heap against a naive model that looks at every timer each time.
 *
 * The random walks begin with fixed seeds, so a failure can be repeated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{ /* xorshift64* */
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return (uint32_t)((random_state * 2685821657736338717u) >> 32) % below;
}

/* -------------------------------------------------------------- the model -- */

/* A timer and what the model believes of it. Each is allocated on its own, so
 * that touching a freed one is noticed by the sanitizer. */
typedef struct node {
  lc_timer timer;
  int number;
  int is_armed;
  int is_late; /* armed for the past while a run was under way */
  lc_time at;
} node;

#define NODES_MAX 300

static struct {
  lc_heap timers;
  node *nodes[NODES_MAX];
  lc_time now;
  int is_running;
  int mischief; /* chance in 100 that a callback meddles */
  unsigned fired;
} world;

static void fire(lc_timer *timer, lc_time now);

static node *earliest(int with_late)
{
  node *best = NULL;

  for (int i = 0; i < NODES_MAX; i++) {
    node *one = world.nodes[i];

    if (one == NULL || !one->is_armed || (one->is_late && !with_late)) continue;
    if (best == NULL || one->at < best->at) best = one;
  }
  return best;
}

static void check_agreement(void)
{
  const node *first = earliest(1);
  uint32_t armed = 0, open = 0;

  for (int i = 0; i < NODES_MAX; i++) {
    const node *one = world.nodes[i];

    if (one == NULL) continue;
    open++;
    armed += (uint32_t)one->is_armed;
    assert_int_equal(one->timer.index != 0, one->is_armed);
    if (!one->is_armed) continue;
    assert_true(lc_heap_at(&world.timers, &one->timer) == one->at);
    assert_ptr_equal(world.timers.heap[one->timer.index - 1].timer, &one->timer);
  }
  assert_int_equal(world.timers.count + world.timers.late, armed);
  assert_int_equal(world.timers.reserved, open);
  assert_true(open <= world.timers.capacity);
  if (world.timers.late == 0) {
    assert_true(lc_heap_next(&world.timers) == (first != NULL ? first->at : LC_NEVER));
  } else {
    assert_true(lc_heap_next(&world.timers) <= world.now);
  }
}

static void open_node(int i)
{
  node *one = calloc(1, sizeof *one);

  assert_non_null(one);
  one->number = i;
  assert_int_equal(lc_heap_open(&world.timers, &one->timer, fire), 0);
  world.nodes[i] = one;
}

static void close_node(int i)
{
  lc_heap_close(&world.timers, &world.nodes[i]->timer);
  assert_int_equal(world.nodes[i]->timer.index, 0);
  free(world.nodes[i]);
  world.nodes[i] = NULL;
}

static void set_node(node *one, lc_time at)
{
  lc_heap_set(&world.timers, &one->timer, at);
  one->is_armed = at != LC_NEVER;
  one->is_late = one->is_armed && world.is_running && at <= world.now;
  one->at = at;
}

/* One random operation on one random timer: mostly sets, near and far, past and never. */
static void meddle(void)
{
  int i = (int)draw(NODES_MAX);
  node *one = world.nodes[i];

  if (one == NULL) {
    open_node(i);
    return;
  }
  switch (draw(10)) {
    case 0: close_node(i); break;
    case 1:
      lc_heap_clear(&world.timers, &one->timer);
      one->is_armed = 0;
      break;
    case 2: set_node(one, LC_NEVER); break;
    case 3: set_node(one, world.now - (lc_time)draw(20)); break;
    case 4: set_node(one, world.now + 1000 + (lc_time)draw(1000000)); break;
    default: set_node(one, world.now + (lc_time)draw(100)); break;
  }
}

static void fire(lc_timer *timer, lc_time now)
{
  node *one = (node *)timer;
  const node *first = earliest(0);

  assert_true(world.is_running);
  assert_true(now == world.now);
  assert_true(one->is_armed && !one->is_late);
  assert_true(one->at <= now);       /* never early */
  assert_true(one->at == first->at); /* in the order of their times */
  assert_int_equal(timer->index, 0); /* cleared first */
  one->is_armed = 0;
  world.fired++;
  while (draw(100) < (uint32_t)world.mischief) meddle(); /* may well free this one */
}

static void run(void)
{
  unsigned before = world.fired;
  unsigned reported;

  world.is_running = 1;
  reported = lc_heap_run(&world.timers, world.now, NULL, NULL);
  world.is_running = 0;
  assert_int_equal(reported, world.fired - before);
  for (int i = 0; i < NODES_MAX; i++) {
    node *one = world.nodes[i];

    if (one == NULL) continue;
    assert_true(!one->is_armed || one->is_late || one->at > world.now); /* nothing due was missed */
    one->is_late = 0;
  }
  check_agreement();
}

static void walk(uint64_t seed, int mischief)
{
  memset(&world, 0, sizeof world);
  lc_heap_init(&world.timers);
  random_state = seed;
  world.mischief = mischief;
  world.now = 1000;
  for (int step = 0; step < 3000; step++) {
    meddle();
    if (step % 5 == 0) check_agreement();
    if (draw(8) == 0) {
      world.now += (lc_time)draw(60);
      run();
    }
  }
  assert_true(world.fired > 500);
  for (int i = 0; i < NODES_MAX; i++) {
    if (world.nodes[i] != NULL) close_node(i);
  }
  assert_int_equal(world.timers.count, 0);
  assert_int_equal(world.timers.reserved, 0);
  lc_heap_free(&world.timers);
}

static void agrees_with_the_model(void **state)
{
  (void)state;
  for (uint64_t seed = 1; seed <= 8; seed++) walk(seed * 7919, 0);
}

static void agrees_when_callbacks_meddle(void **state)
{
  (void)state;
  for (uint64_t seed = 1; seed <= 8; seed++) walk(seed * 104729, 45);
}

/* ----------------------------------------------------------- one by one -- */

static lc_heap timers;
static int fires;

static void count_fire(lc_timer *timer, lc_time now)
{
  (void)timer, (void)now;
  fires++;
}

static int set_up(void **state)
{
  (void)state;
  lc_heap_init(&timers);
  fires = 0;
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  lc_heap_free(&timers);
  return 0;
}

static void an_empty_heap_is_quiet(void **state)
{
  (void)state;
  assert_true(lc_heap_next(&timers) == LC_NEVER);
  assert_int_equal(lc_heap_run(&timers, LC_NEVER - 1, NULL, NULL), 0);
}

static void a_zeroed_timer_can_be_closed(void **state)
{
  lc_timer timer;

  (void)state;
  memset(&timer, 0, sizeof timer);
  lc_heap_clear(&timers, &timer);
  lc_heap_close(&timers, &timer);
  assert_int_equal(timers.reserved, 0);
}

static void fires_on_time_and_not_before(void **state)
{
  lc_timer timer;

  (void)state;
  memset(&timer, 0, sizeof timer);
  assert_int_equal(lc_heap_open(&timers, &timer, count_fire), 0);
  lc_heap_set(&timers, &timer, 500);
  assert_int_equal(lc_heap_run(&timers, 499, NULL, NULL), 0);
  assert_int_equal(lc_heap_run(&timers, 500, NULL, NULL), 1);
  assert_int_equal(lc_heap_run(&timers, 501, NULL, NULL), 0);
  assert_int_equal(fires, 1);
  lc_heap_close(&timers, &timer);
}

static void set_to_never_clears(void **state)
{
  lc_timer timer;

  (void)state;
  memset(&timer, 0, sizeof timer);
  assert_int_equal(lc_heap_open(&timers, &timer, count_fire), 0);
  lc_heap_set(&timers, &timer, 500);
  lc_heap_set(&timers, &timer, LC_NEVER);
  assert_true(lc_heap_next(&timers) == LC_NEVER);
  assert_int_equal(lc_heap_run(&timers, 1000, NULL, NULL), 0);
  lc_heap_close(&timers, &timer);
}

static void arm_again_at_once(lc_timer *timer, lc_time now)
{
  fires++;
  lc_heap_set(&timers, timer, now - 1);
}

static void one_that_arms_itself_for_the_past_waits_for_the_next_run(void **state)
{
  lc_timer timer;

  (void)state;
  memset(&timer, 0, sizeof timer);
  assert_int_equal(lc_heap_open(&timers, &timer, arm_again_at_once), 0);
  lc_heap_set(&timers, &timer, 500);
  for (int i = 1; i <= 3; i++) {
    assert_int_equal(lc_heap_run(&timers, 500, NULL, NULL), 1); /* at the very same time */
    assert_int_equal(fires, i);
    assert_true(lc_heap_next(&timers) == 499);
  }
  lc_heap_close(&timers, &timer);
}

/* Arms itself for the past and then opens so many that the heap has to grow, with it in there. */
static lc_timer crowd[100];

static void arm_and_open_many(lc_timer *timer, lc_time now)
{
  lc_heap_set(&timers, timer, now - 7);
  for (size_t i = 0; i < sizeof crowd / sizeof *crowd; i++) {
    assert_int_equal(lc_heap_open(&timers, &crowd[i], count_fire), 0);
    if (i % 2 == 0) lc_heap_set(&timers, &crowd[i], now - (lc_time)i);
  }
}

static void the_heap_may_grow_during_a_run(void **state)
{
  lc_timer timer;

  (void)state;
  memset(&timer, 0, sizeof timer);
  memset(crowd, 0, sizeof crowd);
  assert_int_equal(lc_heap_open(&timers, &timer, arm_and_open_many), 0);
  lc_heap_set(&timers, &timer, 500);
  assert_int_equal(lc_heap_run(&timers, 500, NULL, NULL), 1);
  assert_int_equal(timers.count, 51);
  timer.fire = count_fire;
  assert_int_equal(lc_heap_run(&timers, 500, NULL, NULL), 51);
  assert_int_equal(fires, 51);
  lc_heap_close(&timers, &timer);
  for (size_t i = 0; i < sizeof crowd / sizeof *crowd; i++) lc_heap_close(&timers, &crowd[i]);
  assert_int_equal(timers.reserved, 0);
}

static void room_is_reserved_when_opened(void **state)
{
  enum { MANY = 1000 };
  lc_timer *many = calloc(MANY, sizeof *many);
  const lc_timer_entry *heap;

  (void)state;
  assert_non_null(many);
  for (int i = 0; i < MANY; i++) {
    assert_int_equal(lc_heap_open(&timers, &many[i], count_fire), 0);
  }
  heap = timers.heap;
  for (int i = 0; i < MANY; i++) lc_heap_set(&timers, &many[i], MANY - i);
  assert_ptr_equal(heap, timers.heap); /* arming allocates nothing, so it cannot fail */
  assert_int_equal(lc_heap_run(&timers, MANY / 2, NULL, NULL), MANY / 2);
  for (int i = 0; i < MANY; i++) lc_heap_close(&timers, &many[i]);
  assert_int_equal(timers.reserved, 0);
  assert_int_equal(timers.count, 0);
  free(many);
}

static void extreme_times_are_ordered(void **state)
{
  static const lc_time times[] = {LC_NEVER - 1, INT64_MIN, 0, -1, 1, INT64_MIN + 1};
  lc_timer some[sizeof times / sizeof *times];

  (void)state;
  memset(some, 0, sizeof some);
  for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
    assert_int_equal(lc_heap_open(&timers, &some[i], count_fire), 0);
    lc_heap_set(&timers, &some[i], times[i]);
  }
  assert_true(lc_heap_next(&timers) == INT64_MIN);
  assert_int_equal(lc_heap_run(&timers, -1, NULL, NULL), 3);
  assert_int_equal(lc_heap_run(&timers, LC_NEVER - 2, NULL, NULL), 2);
  assert_int_equal(lc_heap_run(&timers, LC_NEVER - 1, NULL, NULL), 1);
  for (size_t i = 0; i < sizeof times / sizeof *times; i++) lc_heap_close(&timers, &some[i]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(agrees_with_the_model),
    cmocka_unit_test(agrees_when_callbacks_meddle),
    cmocka_unit_test_setup_teardown(an_empty_heap_is_quiet, set_up, tear_down),
    cmocka_unit_test_setup_teardown(a_zeroed_timer_can_be_closed, set_up, tear_down),
    cmocka_unit_test_setup_teardown(fires_on_time_and_not_before, set_up, tear_down),
    cmocka_unit_test_setup_teardown(set_to_never_clears, set_up, tear_down),
    cmocka_unit_test_setup_teardown(one_that_arms_itself_for_the_past_waits_for_the_next_run,
                                    set_up, tear_down),
    cmocka_unit_test_setup_teardown(the_heap_may_grow_during_a_run, set_up, tear_down),
    cmocka_unit_test_setup_teardown(room_is_reserved_when_opened, set_up, tear_down),
    cmocka_unit_test_setup_teardown(extreme_times_are_ordered, set_up, tear_down),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
