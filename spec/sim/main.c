/* main.c - runs schedules, and tells of the first that goes wrong.
 *
 *   sim [--n=COUNT] [--seed=FIRST] [FILE...]
 *
 * COUNT schedules from seed FIRST on (1000 from 1); with --seed alone that one, with its plan and
 * its trace; with files, the plans in them. A schedule that violates what must hold is told by its
 * seed, by what is left of its plan when everything is taken out that is not needed, and by the
 * trace of that: kept as spec/regress/NAME.plan it is run again with every test. Exit status 1
 * then.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hand.h"
#include "pass.h"
#include "plan_fields.h"
#include "shrink.h"

static run the_run;

static double seconds_now(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* The plan has failed: the least of it, and what happens then. */
static void tell(plan *p)
{
  unsigned runs = shrink(&the_run, p);
  run_plan(&the_run, p, NULL);
  printf("# %s (shrunk in %u runs)\n", the_run.failure, runs);
  plan_print(p, stdout);
  run_plan(&the_run, p, stdout);
}

static int replay(plan *p)
{
  plan_print(p, stdout);
  if (run_plan(&the_run, p, stdout)) return 1;
  puts("# the least of it that goes wrong:");
  tell(p);
  return 0;
}

static uint64_t at_seed, at_schedule;

static void crashed(int number)
{
  dprintf(STDOUT_FILENO, "seed %" PRIu64 ", the %" PRIu64 ". schedule: a crash, %s\n", at_seed,
          at_schedule, strsignal(number));
  signal(number, SIG_DFL);
  raise(number);
}

/* Schedules of other worlds than that of a server and its clients: each belongs to one seed in so many. */
enum { WORLDS = 4, WORLD_TEXT = 200 };

typedef int world(uint64_t seed, char failure[WORLD_TEXT], FILE *trace);

static world *const OTHERS[WORLDS] = {pass_run, hand_run};

/* The schedule that a seed has in another world; whether all was well. */
static int in_other_world(uint64_t seed, uint64_t schedule)
{
  char failure[WORLD_TEXT];
  world *other = OTHERS[seed % WORLDS];
  if (!other || other(seed, failure, NULL)) return 1;
  printf("seed %" PRIu64 ", the %" PRIu64 ". schedule: %s\n", seed, schedule, failure);
  fflush(stdout);
  other(seed, failure, stdout);
  return 0;
}

static int explore(uint64_t first, uint64_t count)
{
  static plan p;
  double start = seconds_now();
  signal(SIGABRT, crashed);
  signal(SIGSEGV, crashed);
  for (uint64_t i = 0; i < count; i++) {
    at_seed = first + i;
    at_schedule = i + 1;
    plan_make(&p, at_seed);
    if (!in_other_world(at_seed, at_schedule)) return 0;
    if (run_plan(&the_run, &p, NULL)) continue;
    printf("seed %" PRIu64 ", the %" PRIu64 ". schedule: %s\n", first + i, i + 1, the_run.failure);
    fflush(stdout);
    tell(&p);
    return 0;
  }
  double took = seconds_now() - start;
  printf("%" PRIu64 " schedules from seed %" PRIu64 ", no violation: %.0f schedules a second\n",
         count, first, (double)count / took);
  return 1;
}

static int run_file(const char *name)
{
  static plan p;
  const char *problem;
  FILE *from = fopen(name, "r");
  if (!from) {
    perror(name);
    return 0;
  }
  unsigned line = plan_read(&p, from, &problem);
  fclose(from);
  if (!line) return replay(&p);
  fprintf(stderr, "%s:%u: %s\n", name, line, problem);
  return 0;
}

static int number_of(const char *argument, const char *name, uint64_t *value)
{
  size_t length = strlen(name);
  if (strncmp(argument, name, length) != 0 || !argument[length]) return 0;
  *value = strtoull(argument + length, NULL, 10);
  return 1;
}

int main(int count, char **arguments)
{
  static plan p;
  uint64_t schedules = 0, seed = 0;
  int is_well = 1, files = 0;
  for (int i = 1; i < count; i++) {
    if (number_of(arguments[i], "--n=", &schedules)) continue;
    if (number_of(arguments[i], "--seed=", &seed)) continue;
    if (arguments[i][0] == '-') {
      fprintf(stderr, "sim: no option %s\n", arguments[i]);
      return 2;
    }
    is_well &= run_file(arguments[i]);
    files++;
  }
  if (files) return !is_well;
  if (seed && !schedules) {
    plan_make(&p, seed);
    return !in_other_world(seed, 1) || !replay(&p);
  }
  return !explore(seed ? seed : 1, schedules ? schedules : 1000);
}
