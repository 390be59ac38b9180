/* clock.c - time, what is planned for it, and chance. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"

#define BEGINNING (1000 * LC_SECOND) /* no time is 0 by accident */

/* ----------------------------------------------------------------- chance -- */

/* splitmix64, to fill the state of the other from one number. */
static uint64_t mixed(uint64_t *seed)
{
  uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

static uint64_t rotated(uint64_t x, int by) { return x << by | x >> (64 - by); }

/* xoshiro256** by Blackman and Vigna. */
static uint64_t next(uint64_t state[4])
{
  uint64_t result = rotated(state[1] * 5, 7) * 9, t = state[1] << 17;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= t;
  state[3] = rotated(state[3], 45);
  return result;
}

uint64_t sim_random(sim_kernel *kernel, uint64_t limit) { return next(kernel->chance) % limit; }

/* --------------------------------------------------------------- the plan -- */

static int is_before(const sim_event *a, const sim_event *b)
{
  return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void make_room(sim_kernel *kernel)
{
  uint32_t old = kernel->event_capacity, capacity = old ? old * 2 : 256;
  sim_event *events = sim_take(kernel, capacity * sizeof *events);
  if (old) memcpy(events, kernel->events, old * sizeof *events);
  sim_give(kernel, kernel->events, old * sizeof *events);
  kernel->events = events;
  kernel->event_capacity = capacity;
}

void sim_at(sim_kernel *kernel, lc_time at, void (*run)(void *user), void *user)
{
  if (kernel->event_count + 2 > kernel->event_capacity) make_room(kernel);
  if (at < kernel->now) at = kernel->now;
  sim_event event = {at, ++kernel->order, run, user};
  uint32_t place = ++kernel->event_count;
  for (; place > 1 && is_before(&event, &kernel->events[place / 2]); place /= 2)
    kernel->events[place] = kernel->events[place / 2];
  kernel->events[place] = event;
}

static sim_event take_first(sim_kernel *kernel)
{
  sim_event first = kernel->events[1], last = kernel->events[kernel->event_count--];
  uint32_t place = 1, count = kernel->event_count;
  for (uint32_t child; (child = place * 2) <= count; place = child) {
    if (child < count && is_before(&kernel->events[child + 1], &kernel->events[child])) child++;
    if (!is_before(&kernel->events[child], &last)) break;
    kernel->events[place] = kernel->events[child];
  }
  kernel->events[place] = last;
  return first;
}

lc_time sim_next_at(const sim_kernel *kernel)
{
  return kernel->event_count ? kernel->events[1].at : LC_NEVER;
}

int sim_step(sim_kernel *kernel)
{
  if (!kernel->event_count) return 0;
  sim_event event = take_first(kernel);
  kernel->now = event.at;
  int was_running = kernel->is_running;
  kernel->is_running = 1;
  event.run(event.user);
  kernel->is_running = was_running;
  return 1;
}

void sim_run(sim_kernel *kernel, lc_time until)
{
  while (sim_next_at(kernel) <= until) sim_step(kernel);
  if (until > kernel->now) kernel->now = until;
}

void sim_settle(sim_kernel *kernel)
{
  if (!kernel->is_running) sim_run(kernel, kernel->now);
}

lc_time sim_now(const sim_kernel *kernel) { return kernel->now; }

/* ----------------------------------------------------------------- alarms -- */

static void alarm_due(void *user)
{
  sim_alarm *alarm = user;
  lc_time now = alarm->kernel->now;
  if (alarm->planned != now) return; /* another look comes in its place, or has come */
  alarm->planned = 0;
  if (!alarm->at) return;
  if (alarm->at > now) {
    sim_alarm_set(alarm, alarm->at);
    return;
  }
  alarm->at = 0;
  alarm->ring(alarm->user);
}

void sim_alarm_set(sim_alarm *alarm, lc_time at)
{
  alarm->at = at;
  if (alarm->planned && alarm->planned <= at) return;
  alarm->planned = at > alarm->kernel->now ? at : alarm->kernel->now;
  sim_at(alarm->kernel, alarm->planned, alarm_due, alarm);
}

void sim_alarm_clear(sim_alarm *alarm) { alarm->at = 0; }

/* ------------------------------------------------------- birth and death -- */

sim_kernel *sim_kernel_new(uint64_t seed)
{
  enum { FIRST_PORT = 32768 };
  sim_kernel *kernel = aligned_alloc(16, (sizeof *kernel + 15) / 16 * 16);
  if (!kernel) return NULL;
  memset(kernel, 0, sizeof *kernel);
  for (int i = 0; i < 4; i++) kernel->chance[i] = mixed(&seed);
  kernel->now = BEGINNING;
  kernel->next_port = FIRST_PORT;
  return kernel;
}

void sim_kernel_free(sim_kernel *kernel)
{
  if (!kernel) return;
  sim_pool_free(&kernel->pool);
  free(kernel);
}

sim_network *sim_kernel_network(sim_kernel *kernel) { return &kernel->network; }
