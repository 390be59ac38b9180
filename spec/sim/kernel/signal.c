/* signal.c - signals as the core hears of them: counted, stamped, and the owner woken. A program
 * ends at one without an owner. */
#include <signal.h>
#include <string.h>

#include "inside.h"

static sim_signal *signal_at(sim_process *process, int number)
{
  return number > 0 && number < SIM_SIGNALS ? &process->signals[number] : NULL;
}

int sim_signal_watch(sim_process *process, int number, int wake_fd)
{
  sim_signal *signal = signal_at(process, number);
  if (!signal || number == SIGKILL || number == SIGSTOP) return -EINVAL;
  if (signal->is_watched) return -EBUSY;
  *signal = (sim_signal){.is_watched = 1, .wake_fd = wake_fd, .also_fd = -1};
  return 0;
}

int sim_signal_release(sim_process *process, int number)
{
  sim_signal *signal = signal_at(process, number);
  if (!signal || !signal->is_watched) return -EINVAL;
  memset(signal, 0, sizeof *signal);
  return 0;
}

int sim_signal_look(sim_process *process, int number, lc_signal_seen *seen, int take)
{
  sim_signal *signal = signal_at(process, number);
  if (!signal || !signal->is_watched) return -EINVAL;
  *seen = signal->seen;
  if (take) memset(&signal->seen, 0, sizeof signal->seen);
  return 0;
}

int sim_signal_also_wake(sim_process *process, int number, int wake_fd)
{
  sim_signal *signal = signal_at(process, number);
  if (!signal || !signal->is_watched) return -EINVAL;
  signal->also_fd = wake_fd;
  return 0;
}

void sim_process_signal(sim_process *process, int number)
{
  sim_signal *signal = signal_at(process, number);
  lc_time now = process->kernel->now;
  if (number == SIGKILL || (signal && !signal->is_watched && process->turn)) {
    sim_turn_end(process, (lc_subprocess_end){LC_END_SIGNAL, number});
    return;
  }
  if (!signal || !signal->is_watched) return;
  lc_signal_seen *seen = &signal->seen;
  if (!seen->first_at) seen->first_at = now;
  seen->last_at = now;
  seen->count++;
  if (!signal->pressed_at || now - signal->pressed_at >= LC_SIGNALS_APART) {
    signal->pressed_at = now;
    seen->presses++;
  }
  process->interrupted = 1;
  sim_wake(process, signal->wake_fd);
  if (signal->also_fd >= 0) sim_wake(process, signal->also_fd);
}
