/* child.c - child processes: with a program (turns.c), or thin ones, which do nothing but start
 * and end, at their time or by a signal. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

typedef struct sim_watch sim_watch;

struct sim_child {
  sim_process *parent, *process; /* that it is itself; NULL: a thin one */
  sim_child *next;
  sim_watch *watches;
  int pid;
  int is_deaf;
  int has_started; /* or can never */
  int has_ended;
  lc_subprocess_end end;
  int has_program;
  lc_subprocess_end planned;
};

/* A descriptor of a process. */
struct sim_watch {
  sim_file file;
  sim_child *child;
  sim_watch *next;
};

enum { FIRST_PID = 1000, NO_PROGRAM = 127 };

#define STARTS_WITHIN (2 * LC_MILLISECOND) /* and not before half of it is over */

static void end_child(sim_child *child, lc_subprocess_end end)
{
  if (child->has_ended) return;
  child->has_ended = 1;
  child->end = end;
  for (sim_watch *one = child->watches; one; one = one->next) sim_file_wake(&one->file, EPOLLIN);
}

void sim_child_end(sim_process *process, lc_subprocess_end end)
{
  if (process->as_child) end_child(process->as_child, end);
}

static void time_is_over(void *user)
{
  sim_child *child = user;
  end_child(child, child->planned);
}

static sim_child **place_of(sim_process *process, int pid)
{
  sim_child **place = &process->children;
  while (*place && (*place)->pid != pid) place = &(*place)->next;
  return place;
}

static void starts(void *user)
{
  sim_child *child = user;
  child->has_started = 1;
  if (!child->has_program) end_child(child, (lc_subprocess_end){LC_END_EXIT, NO_PROGRAM});
}

static sim_child *child_new(sim_process *parent)
{
  sim_child *child = sim_take(parent->kernel, sizeof *child);
  child->parent = parent;
  child->pid = FIRST_PID + (int)++parent->kernel->last_pid;
  child->next = parent->children;
  parent->children = child;
  return child;
}

/* The arguments say when it ends, by which status, and whether it obeys SIGTERM; without them
 * there is no program. */
static sim_child *make_thin(sim_process *process, const char *const *argv)
{
  sim_child *child = child_new(process);
  if (!argv[1] || !argv[2]) return child;
  child->has_program = 1;
  child->planned = (lc_subprocess_end){LC_END_EXIT, atoi(argv[2])};
  child->is_deaf = argv[3] && !strcmp(argv[3], "deaf");
  if (strcmp(argv[1], "-") != 0)
    sim_at(process->kernel, process->kernel->now + atoi(argv[1]) * LC_MILLISECOND, time_is_over,
           child);
  return child;
}

void sim_kernel_exec(sim_kernel *kernel, sim_exec *exec, void *user)
{
  kernel->exec = exec;
  kernel->exec_user = user;
}

static sim_child *make(sim_process *parent, const lc_subprocess_options *options)
{
  sim_kernel *kernel = parent->kernel;
  if (!kernel->exec) return make_thin(parent, options->argv);
  sim_child *child = child_new(parent);
  sim_process *process = sim_process_new(kernel, parent->host);
  child->process = process;
  process->as_child = child;
  process->pid = child->pid;
  for (size_t i = 0; i < options->fd_count; i++)
    if (options->fds[i].here >= 0)
      sim_process_give(parent, options->fds[i].here, process, options->fds[i].there);
  child->has_program = kernel->exec(kernel->exec_user, process, options) == 0;
  return child;
}

int sim_born(sim_process *process, lc_birth *birth, lc_start_step *step)
{
  sim_child *child = (sim_child *)birth;
  lc_subprocess_end end;
  *step = LC_START_PROGRAM;
  if (!child->has_started && !child->has_ended) return 0;
  if (child->has_program || !child->has_started) return 1;
  sim_process_end(process, child->pid, 0, &end);
  return -ENOENT;
}

int sim_spawn(sim_process *process, const lc_subprocess_options *options, lc_birth **birth,
              lc_start_step *step)
{
  lc_time now = process->kernel->now;
  sim_child *child = make(process, options);
  for (size_t i = 0; i < options->fd_count; i++)
    if (options->fds[i].is_kept) process->has_forked = 1;
  if (birth) {
    *birth = (lc_birth *)child;
    sim_at(process->kernel, now + STARTS_WITHIN / 2 + now % (STARTS_WITHIN / 2), starts, child);
    return child->pid;
  }
  starts(child);
  int result = sim_born(process, (lc_birth *)child, step);
  return result < 0 ? result : child->pid;
}

int sim_process_watch(sim_process *process, int pid)
{
  sim_child *child = *place_of(process, pid);
  if (!child) return -ESRCH;
  sim_watch *watch = sim_take(process->kernel, sizeof *watch);
  sim_file_init(&watch->file, SIM_CHILD, process);
  watch->child = child;
  watch->next = child->watches;
  child->watches = watch;
  return sim_file_install(process, &watch->file);
}

uint32_t sim_child_poll(const sim_file *file)
{
  return ((const sim_watch *)file)->child->has_ended ? EPOLLIN : 0;
}

/* Nothing is given back: the plan, and descriptors, may still refer to the child. */
int sim_process_end(sim_process *process, int pid, int keep, lc_subprocess_end *end)
{
  sim_child **place = place_of(process, pid), *child = *place;
  if (!child) return -ECHILD;
  if (!child->has_ended) return 0;
  *end = child->end;
  if (!keep) *place = child->next;
  return 1;
}

int sim_process_any_ended(sim_process *process)
{
  const sim_child *child = process->children;
  while (child && !child->has_ended) child = child->next;
  return child ? child->pid : 0;
}

enum { PROCESSORS = 2 };

int sim_processors(sim_process *process, int *numbers, int capacity)
{
  (void)process;
  int count = capacity < PROCESSORS ? capacity : PROCESSORS;
  for (int i = 0; i < count; i++) numbers[i] = i;
  return count;
}

/* Work takes no time here, so it does not matter where it is done. */
int sim_process_pin(sim_process *process, int pid, int processor)
{
  if (!*place_of(process, pid)) return -ESRCH;
  return processor >= 0 && processor < PROCESSORS ? 0 : -EINVAL;
}

/* A child is alone in its group. */
int sim_child_signal(sim_process *process, int pid, int to_group, int signal)
{
  (void)to_group;
  sim_child *child = *place_of(process, pid);
  if (!child) return -ESRCH;
  if (child->process && signal) sim_process_signal(child->process, signal);
  else if (signal && !(signal == SIGTERM && child->is_deaf))
    end_child(child, (lc_subprocess_end){LC_END_SIGNAL, signal});
  return 0;
}

unsigned sim_process_children(const sim_process *process)
{
  unsigned count = 0;
  for (const sim_child *child = process->children; child; child = child->next) count++;
  return count;
}
