/* stage_sim.c - scenes on the simulated kernel. */
#include "kernel.h"
#include "scene.h"

static sim_kernel *kernel;
static sim_process *process;

static int limit(int number)
{
  enum { AS_BEFORE = 1024 };
  sim_process_limit(process, number < 0 ? AS_BEFORE : number);
  return 0;
}

static int deafen(int fd, int on) { return sim_process_deafen(process, fd, on); }

static void arrive(int signal) { sim_process_signal(process, signal); }

static int move(int to_far)
{
  sim_process_move(process, to_far);
  return 0;
}

stage stage_sim(int is_apart)
{
  sim_kernel_free(kernel);
  kernel = sim_kernel_new(1);
  process = sim_process_new(kernel, 0);
  sim_kernel_network(kernel)->delay = 100 * LC_MILLISECOND;
  return (stage){.name = "the simulated kernel",
                 .sys = sim_process_sys(process),
                 .limit = limit,
                 .deafen = deafen,
                 .raise = arrive,
                 .move = move,
                 .is_apart = is_apart};
}
