/* halt.c - a processor that stands still while it handles a packet, as those of virtual machines do. What the packet
 * causes comes later. */
#include "inside.h"

struct sim_handling {
  sim_handling *next;
  sim_kernel *kernel;
  void (*end)(sim_tcp *listener, sim_tcp *client);
  sim_tcp *listener, *client;
};

/* Absent from the list: it has ended before its time. */
static int leave(sim_handling *one)
{
  sim_handling **place = &one->kernel->handled;
  while (*place && *place != one) place = &(*place)->next;
  if (!*place) return 0;
  *place = one->next;
  return 1;
}

static void go_on(void *user)
{
  sim_handling *one = user, all = *one;
  int is_due = leave(one);
  sim_give(all.kernel, one, sizeof *one);
  if (is_due) all.end(all.listener, all.client);
}

void sim_arrival_end(void (*end)(sim_tcp *listener, sim_tcp *client), sim_tcp *listener,
                     sim_tcp *client)
{
  sim_kernel *kernel = listener->file.kernel;
  if (!kernel->network.halt || sim_random(kernel, 2)) {
    end(listener, client);
    return;
  }
  sim_handling *one = sim_take(kernel, sizeof *one);
  *one = (sim_handling){kernel->handled, kernel, end, listener, client};
  kernel->handled = one;
  sim_at(kernel, kernel->now + (lc_time)sim_random(kernel, (uint64_t)kernel->network.halt), go_on,
         one);
}

void sim_arrivals_end(sim_kernel *kernel)
{
  while (kernel->handled) {
    sim_handling *one = kernel->handled;
    leave(one);
    one->end(one->listener, one->client);
  }
}
