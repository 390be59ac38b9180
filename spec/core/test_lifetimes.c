/* test_lifetimes.c - what ends in which order: a loop and its children, and a server or a ladder
 * that is freed in its last callback; and a child that lacks memory as it is made. */
#include "memory.h"
#include "world.h"

/* ------------------------------------------------------- a loop and its children -- */

static void do_nothing(void *user) { (void)user; }

static size_t say_nothing(lc_work work, char *text, size_t size, void *user)
{
  (void)work, (void)user;
  if (size) *text = '\0';
  return 0;
}

static const lc_watchdog_events WATCHDOG_EVENTS = {do_nothing, do_nothing, say_nothing};
static const lc_events NO_EVENTS;

enum { SERVER, SHUTDOWN, WATCHDOG, OTHER_SERVER, CHILDREN };

typedef struct family {
  lc_loop *loop;
  lc_server *servers[CHILDREN];
  lc_shutdown *shutdown;
} family;

static int try_to_bear(family *f, int child)
{
  int error = 0;
  switch (child) {
    case SHUTDOWN: f->shutdown = lc_shutdown_new(f->loop, NULL, NULL, NULL, &error); break;
    case WATCHDOG: error = lc_watchdog_start(f->loop, NULL, &WATCHDOG_EVENTS, NULL); break;
    default: f->servers[child] = lc_server_new(f->loop, NULL, &NO_EVENTS, NULL, &error); break;
  }
  return error;
}

static void bear(family *f, int child) { assert_int_equal(try_to_bear(f, child), 0); }

static void end(family *f, int child)
{
  switch (child) {
    case SHUTDOWN: lc_shutdown_free(f->shutdown); break;
    case WATCHDOG: lc_watchdog_stop(f->loop); break;
    default: lc_server_free(f->servers[child]); break;
  }
}

/* The children are born in one order and end in another; the loop ends those from `by_hand` on. */
static void live(const int *births, const int *deaths, int by_hand, int is_draining)
{
  int error = 0;
  family f = {.loop = lc_loop_new(NULL, &error)};
  assert_non_null(f.loop);
  for (int i = 0; i < CHILDREN; i++) bear(&f, births[i]);
  if (is_draining) {
    lc_shutdown_begin(f.shutdown, lc_loop_clock(f.loop), LC_SECOND);
    assert_int_equal(lc_server_shutdown(f.servers[SERVER], LC_NEVER), 0);
    assert_int_equal(lc_loop_turn(f.loop, 0), 0);
  }
  for (int i = 0; i < by_hand; i++) end(&f, deaths[i]);
  assert_int_equal(lc_loop_turn(f.loop, 0), 0);
  lc_loop_free(f.loop);
}

static void swap(int *a, int *b)
{
  int before = *a;
  *a = *b;
  *b = before;
}

/* Calls `then` with each order of what lies from `from` on. */
static void for_each_order(int *order, int from, void (*then)(const int *order))
{
  if (from == CHILDREN) then(order);
  for (int i = from; i < CHILDREN; i++) {
    swap(&order[from], &order[i]);
    for_each_order(order, from + 1, then);
    swap(&order[from], &order[i]);
  }
}

static void live_and_end(const int *order)
{
  static const int FORWARDS[] = {SERVER, SHUTDOWN, WATCHDOG, OTHER_SERVER};
  for (int by_hand = 0; by_hand <= CHILDREN; by_hand++) {
    live(order, order, by_hand, 0);
    live(FORWARDS, order, by_hand, 1);
  }
}

static void the_children_of_a_loop_end_in_any_order(void **state)
{
  int order[] = {SERVER, SHUTDOWN, WATCHDOG, OTHER_SERVER};
  long before = memory_live();
  (void)state;
  for_each_order(order, 0, live_and_end);
  assert_int_equal(memory_live(), before);
}

/* The watchdog knows the ladder's plan, whichever of them came first. */
static void a_watchdog_that_comes_late_knows_the_plan(void **state)
{
  int error = 0;
  family f = {.loop = lc_loop_new(NULL, &error)};
  (void)state;
  bear(&f, SHUTDOWN);
  lc_shutdown_begin(f.shutdown, lc_loop_clock(f.loop), 0);
  bear(&f, WATCHDOG);
  lc_time until = lc_loop_clock(f.loop) + world_seconds(5);
  unsigned asked = 0;
  lc_loop_enter(f.loop, LC_WORK_SCRIPT);
  while (!(asked & LC_ASK_END) && lc_loop_clock(f.loop) < until) asked |= lc_watchdog_asked(f.loop);
  lc_loop_enter(f.loop, LC_WORK_NONE);
  assert_true(asked & LC_ASK_END);
  lc_loop_free(f.loop);
}

/* ------------------------------------------------------------- in a last callback -- */

static void free_all(world *w, lc_step step)
{
  if (step != LC_STEP_DONE) return;
  lc_server_free(w->server);
  w->server = NULL;
}

static void a_server_may_be_freed_in_its_last_callback(void **state)
{
  world *w = *state;
  int peer, error = 0;
  lc_shutdown *shutdown = lc_shutdown_new(w->loop, NULL, NULL, NULL, &error);
  assert_int_equal(lc_watchdog_start(w->loop, NULL, &WATCHDOG_EVENTS, NULL), 0);
  w->step = free_all;
  world_serve(w);
  world_accept(w, &peer);
  peer_close(peer);
  lc_shutdown_begin(shutdown, lc_loop_clock(w->loop), -1);
  TURN_UNTIL(w, lc_shutdown_step(shutdown) == LC_STEP_DONE);
  assert_null(w->server);
  lc_shutdown_free(shutdown);
}

static lc_shutdown *the_ladder;
static int is_over;

static void free_the_ladder(lc_step step, void *user)
{
  (void)user;
  if (step != LC_STEP_DONE) return;
  lc_shutdown_free(the_ladder);
  is_over = 1;
}

static void end_in_the_last_step(world *w, unsigned signals)
{
  static const lc_shutdown_events events = {.step = free_the_ladder};
  int error = 0;
  is_over = 0;
  the_ladder = lc_shutdown_new(w->loop, NULL, &events, NULL, &error);
  assert_non_null(the_ladder);
  for (lc_time at = lc_loop_clock(w->loop); signals--; at += LC_SECOND)
    lc_shutdown_signal(the_ladder, at);
  TURN_UNTIL(w, is_over);
  world_turn_for(w, 5 * LC_MILLISECOND);
}

static void the_ladder_of_the_process_likewise(void **state)
{
  world *w = *state;
  end_in_the_last_step(w, 1);
  world_serve(w);
  end_in_the_last_step(w, 3); /* killed; and another one may begin */
}

/* ------------------------------------------------------------- a child that lacks memory -- */

/* Each allocation in turn fails: the birth says so and leaves nothing, and the next one
 * succeeds. */
static void be_born_in_vain(int child)
{
  for (unsigned nth = 1;; nth++) {
    int error = 0;
    family f = {.loop = lc_loop_new(NULL, &error)};
    memory_fail(nth, 1);
    int result = try_to_bear(&f, child);
    memory_well();
    if (!memory_failed()) {
      assert_int_equal(result, 0);
      assert_true(nth > 1);
      lc_loop_free(f.loop);
      return;
    }
    assert_int_equal(result, -ENOMEM);
    bear(&f, child);
    lc_loop_free(f.loop);
  }
}

static void a_child_that_lacks_memory_leaves_nothing(void **state)
{
  long before = memory_live();
  (void)state;
  be_born_in_vain(SERVER);
  be_born_in_vain(SHUTDOWN);
  be_born_in_vain(WATCHDOG);
  assert_int_equal(memory_live(), before);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_children_of_a_loop_end_in_any_order),
    cmocka_unit_test(a_watchdog_that_comes_late_knows_the_plan),
    WORLD_TEST(a_server_may_be_freed_in_its_last_callback),
    WORLD_TEST(the_ladder_of_the_process_likewise),
    cmocka_unit_test(a_child_that_lacks_memory_leaves_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
