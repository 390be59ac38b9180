/* turns.c - several processes with programs of their own, of which one runs at a time.
 *
 * A program is a function on a stack of its own. It runs until it waits, or until a call of its
 * takes time; then the seed says which of those that can go on does so. When none can, time passes.
 * A process that is killed never goes on: its stack is left as it is, and the kernel closes what it
 * had open.
 */
#include <signal.h>
#include <ucontext.h>

#include "inside.h"

struct sim_turn {
  ucontext_t context;
  sim_process *process;
  sim_turn *next; /* of those that have not ended */
  void (*run)(void *user);
  void *user;
  const sim_rest *rest; /* NULL: a call takes its time */
  lc_time until;
  uint64_t calls, last_call;
};

/* What the processes of one kernel share. */
struct sim_stage {
  ucontext_t context; /* of sim_turns */
  sim_turn *turns, *current;
  void (*crashed)(void *user, sim_process *process);
  void *crashed_user;
};

static sim_stage *stage_of(sim_kernel *kernel)
{
  if (!kernel->stage) kernel->stage = sim_take(kernel, sizeof *kernel->stage);
  return kernel->stage;
}

static void step_back(sim_turn *turn)
{
  swapcontext(&turn->context, &turn->process->kernel->stage->context);
}

/* ----------------------------------------------------------------------- one of them -- */

/* makecontext hands over numbers of 32 bits. */
static void begin(unsigned high, unsigned low)
{
  sim_turn *turn =
    (sim_turn *)((uintptr_t)high << 32 | low); /* NOLINT(performance-no-int-to-ptr) */
  turn->run(turn->user);
  sim_process_exit(turn->process, 0);
}

void sim_process_run(sim_process *process, void (*run)(void *user), void *user, void *stack,
                     size_t size)
{
  sim_stage *stage = stage_of(process->kernel);
  sim_turn *turn = sim_take(process->kernel, sizeof *turn);
  uintptr_t address = (uintptr_t)turn;
  turn->process = process;
  turn->run = run;
  turn->user = user;
  turn->until = process->kernel->now;
  getcontext(&turn->context);
  turn->context.uc_stack.ss_sp = stack;
  turn->context.uc_stack.ss_size = size;
  makecontext(&turn->context, (void (*)(void))begin, 2, (unsigned)(address >> 32),
              (unsigned)address);
  turn->next = stage->turns;
  stage->turns = turn;
  process->turn = turn;
}

int sim_process_is_over(const sim_process *process) { return !process->turn; }

int sim_process_id(const sim_process *process) { return process->pid; }

/* Does not return when the process is the one that runs. */
void sim_turn_end(sim_process *process, lc_subprocess_end how)
{
  sim_stage *stage = process->kernel->stage;
  sim_turn **place = &stage->turns, *turn = process->turn;
  if (!turn) return;
  while (*place != turn) place = &(*place)->next;
  *place = turn->next;
  process->turn = NULL;
  sim_process_kill(process);
  sim_child_end(process, how);
  if (stage->current == turn) step_back(turn);
}

void sim_process_exit(sim_process *process, int status)
{
  sim_turn_end(process, (lc_subprocess_end){LC_END_EXIT, status});
}

static void crash(sim_process *process)
{
  sim_stage *stage = process->kernel->stage;
  process->has_crashed = 1;
  if (stage->crashed) stage->crashed(stage->crashed_user, process);
  sim_turn_end(process, (lc_subprocess_end){LC_END_SIGNAL, SIGKILL});
}

void sim_process_crash(sim_process *process, uint64_t number)
{
  if (!process->turn) return;
  if (number) process->turn->last_call = process->turn->calls + number;
  else crash(process);
}

int sim_process_has_crashed(const sim_process *process) { return process->has_crashed; }

void sim_kernel_on_crash(sim_kernel *kernel, void (*crashed)(void *user, sim_process *process),
                         void *user)
{
  sim_stage *stage = stage_of(kernel);
  stage->crashed = crashed;
  stage->crashed_user = user;
}

void sim_turn_call(sim_process *process)
{
  sim_turn *turn = process->turn;
  sim_kernel *kernel = process->kernel;
  if (++turn->calls == turn->last_call) crash(process);
  if (process->cost) sim_pause(process, (lc_time)sim_random(kernel, (uint64_t)process->cost + 1));
}

void sim_pause(sim_process *process, lc_time time)
{
  sim_turn_rest(process, NULL, process->kernel->now + time);
}

void sim_turn_rest(sim_process *process, const sim_rest *rest, lc_time until)
{
  sim_turn *turn = process->turn;
  turn->rest = rest;
  turn->until = until;
  step_back(turn);
}

/* ----------------------------------------------------------------------- all of them -- */

static int can_go_on(const sim_turn *turn)
{
  if (turn->process->kernel->now >= turn->until) return 1;
  return turn->rest && (turn->process->interrupted || sim_rest_is_over(turn->process, turn->rest));
}

/* One of those that can go on; NULL: none can. */
static sim_turn *choose(sim_kernel *kernel)
{
  sim_turn *chosen = NULL;
  uint64_t count = 0;
  for (sim_turn *one = kernel->stage->turns; one; one = one->next)
    if (can_go_on(one) && sim_random(kernel, ++count) == 0) chosen = one;
  return chosen;
}

static lc_time next_at(const sim_kernel *kernel)
{
  lc_time at = sim_next_at(kernel);
  for (const sim_turn *one = kernel->stage->turns; one; one = one->next)
    if (one->until < at) at = one->until;
  return at;
}

void sim_turns(sim_kernel *kernel, lc_time until)
{
  sim_stage *stage = stage_of(kernel);
  while (stage->turns) {
    sim_turn *turn = choose(kernel);
    if (turn) {
      stage->current = turn;
      swapcontext(&stage->context, &turn->context);
      stage->current = NULL;
      continue;
    }
    lc_time at = next_at(kernel);
    if (at > until || at == LC_NEVER) return;
    if (sim_next_at(kernel) <= at) sim_step(kernel);
    else kernel->now = at;
  }
}
