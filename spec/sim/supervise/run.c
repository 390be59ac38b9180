/* run.c - a plan from its begin to its end, and what must hold then. */
#include <stdarg.h>
#include <string.h>

#include "arena.h"
#include "truth.h"
#include "world.h"

static const lc_time LONGEST = 600 * LC_SECOND;

static world the_world;

static void digest(world *in, const char *text)
{
  for (; *text; text++) in->digest = (in->digest ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
}

void tell(world *in, const char *format, ...)
{
  char text[512];
  va_list values;
  int length = snprintf(text, sizeof text, "%12.6f  ", lc_to_seconds(sim_now(in->kernel)));
  va_start(values, format);
  vsnprintf(text + length, sizeof text - (size_t)length, format, values);
  va_end(values);
  digest(in, text);
  if (in->trace) fprintf(in->trace, "%s\n", text);
}

void fail(world *in, const char *format, ...)
{
  char text[WORLD_TEXT];
  va_list values;
  va_start(values, format);
  vsnprintf(text, sizeof text, format, values);
  va_end(values);
  tell(in, "WRONG: %s", text);
  if (!in->failure[0]) strcpy(in->failure, text);
}

uint64_t below(world *in, uint64_t limit) { return sim_random(in->kernel, limit); }

sim_process *run_c(world *in, int host, void (*run)(void *user), void *user)
{
  sim_process *process = sim_process_new(in->kernel, host);
  sim_process_run(process, run, user, arena_stack(), ARENA_STACK);
  return process;
}

static void begin(world *in, uint64_t seed)
{
  in->master_status = -1;
  sim_kernel_exec(in->kernel, program_exec, in);
  sim_kernel_on_crash(in->kernel, program_crashed, in);
  plan_world(in, seed);
  tell(in, "%u workers, %u deeds, %u clients%s%s", in->workers, in->deed_count, in->client_count,
       in->is_rolling ? ", rolling" : "", in->is_given ? ", --listen" : "");
  deploy(in, BUILD_GOOD);
  in->init = run_c(in, 1, init_run, in);
  for (unsigned i = 0; i < in->deed_count; i++)
    in->deeds[i].process = run_c(in, 1, deed_run, &in->deeds[i]);
  for (unsigned i = 0; i < in->client_count; i++)
    in->clients[i].process = run_c(in, 2, client_run, &in->clients[i]);
}

/* --------------------------------------------------------------------- what must hold -- */

/* A process that is killed leaves its paths to others: the master's control socket to the next
 * master, one that a worker is about to open to the next worker that opens it. */
static void check_path(void *user, const char *name)
{
  world *in = user;
  if (in->has_crashed_master && !strcmp(name, CONTROL_PATH)) return;
  if (in->crashes && strcmp(name, SOCKET_PATH) != 0) return;
  if (in->has_crashed_master && in->has_crashed_worker) return;
  fail(in, "the socket %s is left behind", name);
}

static void check_program(world *in, const program *one)
{
  const sim_process *process = one->process;
  int id = sim_process_id(process);
  /* A thread that stands still is the master's to kill. */
  int may_stay = one->is_blocked && in->has_crashed_master;
  if (!sim_process_is_over(process) && !may_stay) fail(in, "process %d does not end", id);
  if (sim_process_has_crashed(process)) return;
  if (sim_truth_strange(process)) fail(in, "process %d has used a descriptor that is not open", id);
  if (sim_truth_left_watched(process))
    fail(in, "process %d has closed a descriptor that epoll watched", id);
}

static void check(world *in)
{
  for (const program *one = in->programs; one; one = one->next) check_program(in, one);
  sim_kernel_paths(in->kernel, check_path, in);
  if (in->is_sure && in->master_status != 0)
    fail(in, "the master ends with status %d", in->master_status);
}

int world_run(uint64_t seed, char failure[WORLD_TEXT], FILE *trace, uint64_t *of_all)
{
  world *in = &the_world;
  memset(in, 0, sizeof *in);
  failure[0] = 0;
  in->failure = failure;
  in->trace = trace;
  in->kernel = sim_kernel_new(seed);
  arena_begin();
  begin(in, seed);
  sim_turns(in->kernel, sim_now(in->kernel) + LONGEST);
  check(in);
  tell(in, "over");
  arena_end();
  sim_kernel_free(in->kernel);
  if (of_all) *of_all = in->digest;
  return !failure[0];
}
