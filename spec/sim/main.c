/* main.c - runs schedules, and tells of the first that goes wrong.
 *
 *   sim [--n=COUNT] [--seed=FIRST] [--trace]
 *
 * COUNT schedules from seed FIRST on (1000 from 1). With --seed alone, that one, with its plan and
 * trace. Exit status 1 when one violates what must hold: its seed, what remains of its plan when all is
 * left out that is not needed, and the trace of that.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "run.h"

static double seconds_now(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static run the_run;

static int replay(uint64_t seed)
{
  plan p;
  plan_make(&p, seed);
  plan_print(&p, stdout);
  return run_plan(&the_run, &p, stdout);
}

static int explore(uint64_t first, uint64_t count)
{
  double start = seconds_now();
  for (uint64_t i = 0; i < count; i++) {
    plan p;
    plan_make(&p, first + i);
    if (run_plan(&the_run, &p, NULL)) continue;
    printf("seed %" PRIu64 ": %s\n", first + i, the_run.failure);
    return 0;
  }
  double took = seconds_now() - start;
  printf("%" PRIu64 " schedules from seed %" PRIu64 ", no violation: %.0f schedules a second\n",
         count, first, (double)count / took);
  return 1;
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
  uint64_t schedules = 0, seed = 0;
  for (int i = 1; i < count; i++) {
    if (number_of(arguments[i], "--n=", &schedules)) continue;
    if (number_of(arguments[i], "--seed=", &seed)) continue;
    fprintf(stderr, "sim: no option %s\n", arguments[i]);
    return 2;
  }
  if (seed && !schedules) return !replay(seed);
  return !explore(seed ? seed : 1, schedules ? schedules : 1000);
}
