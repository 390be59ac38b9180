/* main.c - runs plans of the supervisor on the simulated kernel, and tells of the first that goes
 * wrong.
 *
 *   sim-supervise [--n=COUNT] [--seed=FIRST]
 *
 * COUNT plans from seed FIRST on (100 from 1), each tenth twice, because the same seed must give
 * the same trace; with --seed alone that one, with its trace. Exit status 1 when one goes wrong.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

static double processor_time(void)
{
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static uint64_t at_seed, at_plan;

static void crashed(int number)
{
  dprintf(STDOUT_FILENO, "seed %" PRIu64 ", the %" PRIu64 ". schedule: a crash, %s\n", at_seed,
          at_plan, strsignal(number));
  signal(number, SIG_DFL);
  raise(number);
}

/* The stack of a simulated process may be the one that is full. */
static void tell_of_crashes(void)
{
  static char stack[64 * 1024];
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
  struct sigaction action = {.sa_handler = crashed, .sa_flags = SA_ONSTACK};
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGABRT, &action, NULL);
}

static int run_one(uint64_t seed, int is_twice, char failure[WORLD_TEXT])
{
  uint64_t first, second;
  if (!world_run(seed, failure, NULL, &first)) return 0;
  if (!is_twice) return 1;
  if (!world_run(seed, failure, NULL, &second)) return 0;
  if (first != second) snprintf(failure, WORLD_TEXT, "the same seed gives another trace");
  return first == second;
}

static int explore(uint64_t first, uint64_t count)
{
  char failure[WORLD_TEXT];
  double start = processor_time();
  tell_of_crashes();
  for (uint64_t i = 0; i < count; i++) {
    at_seed = first + i;
    at_plan = i + 1;
    if (run_one(first + i, i % 10 == 0, failure)) continue;
    printf("seed %" PRIu64 ", the %" PRIu64 ". schedule: %s\n", first + i, i + 1, failure);
    fflush(stdout);
    world_run(first + i, failure, stdout, NULL);
    return 0;
  }
  printf("%" PRIu64 " plans of the supervisor from seed %" PRIu64 ", no violation: %.1f ms each\n",
         count, first, (processor_time() - start) * 1e3 / (double)count);
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
  char failure[WORLD_TEXT];
  uint64_t plans = 0, seed = 0;
  clearenv();
  for (int i = 1; i < count; i++) {
    if (number_of(arguments[i], "--n=", &plans) || number_of(arguments[i], "--seed=", &seed))
      continue;
    fprintf(stderr, "sim-supervise: no option %s\n", arguments[i]);
    return 2;
  }
  if (seed && !plans) return !world_run(seed, failure, stdout, NULL);
  return !explore(seed ? seed : 1, plans ? plans : 100);
}
