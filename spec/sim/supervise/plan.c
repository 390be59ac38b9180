/* plan.c - what a seed stands for: how many workers, what is done when, who comes when.
 *
 * One seed in four stands for a step: the master, an old worker or a new one is killed at its nth
 * call from the beginning of a start, of a reload or of the end on. Seeds that follow each other
 * have one step after the other.
 */
#include "world.h"

static int one_in(world *in, uint64_t count) { return below(in, count) == 0; }

static lc_time milliseconds_below(world *in, uint64_t most)
{
  return (lc_time)below(in, most) * LC_MILLISECOND;
}

/* ---------------------------------------------------------------------------- deeds -- */

static deed_kind any_kind(world *in)
{
  static const deed_kind ordinary[] = {DEED_RELOAD, DEED_RELOAD,  DEED_RELOAD,
                                       DEED_GROW,   DEED_HANG_UP, DEED_SHRINK};
  if (in->is_sure || !one_in(in, 3)) return ordinary[below(in, 6)];
  return one_in(in, 4) ? DEED_KILL_MASTER : DEED_KILL_WORKER;
}

static deed *new_deed(world *in, deed_kind kind, lc_time at)
{
  deed *d = &in->deeds[in->deed_count++];
  *d = (deed){.in = in, .kind = kind, .at = at};
  return d;
}

static void plan_deed(world *in)
{
  deed *d = new_deed(in, any_kind(in), milliseconds_below(in, 8000));
  int is_kill = d->kind == DEED_KILL_WORKER || d->kind == DEED_KILL_MASTER;
  d->is_early = is_kill && one_in(in, 8);
  d->build = in->is_sure || one_in(in, 2) ? BUILD_GOOD : (build)below(in, BUILD_KINDS);
  d->which = 1 + (unsigned)below(in, one_in(in, 3) ? 12 : 3);
  d->calls = one_in(in, 2) ? 0 : 1 + below(in, one_in(in, 2) ? 40 : 400);
}

static void plan_day(world *in)
{
  in->is_sure = one_in(in, 3);
  for (uint64_t left = below(in, DEEDS + 1); left; left--) plan_deed(in);
  lc_time first = in->deed_count ? in->deeds[0].at : 0;
  switch (below(in, 4)) {
    case 0: in->stops_at = first + milliseconds_below(in, 2500); break; /* in the midst of it */
    case 1: in->stops_at = 40 * LC_SECOND; break; /* all has settled by then */
    default: in->stops_at = 3 * LC_SECOND + milliseconds_below(in, 9000); break;
  }
}

/* ---------------------------------------------------------------------------- steps -- */

enum { PROCEDURES = 3, VICTIMS = 3, PROBATION = 2 };

/* The new workers have begun by then. */
static const lc_time SOON = 2 * LC_MILLISECOND;

static void plan_step(world *in, uint64_t number)
{
  const lc_time at = LC_SECOND;
  uint64_t procedure = number % PROCEDURES, victim = number / PROCEDURES % VICTIMS;
  deed *d = new_deed(in, victim ? DEED_KILL_WORKER : DEED_KILL_MASTER, at);
  d->calls = number / (PROCEDURES * VICTIMS);
  if (victim == 2) d->at += SOON; /* the newest: `which` is 0 */
  if (victim == 1) d->which = 1;
  in->stops_at = 4 * LC_SECOND;
  if (procedure == 0) {
    d->at -= at;
    d->is_early = 1;
  } else if (procedure == 1) {
    new_deed(in, DEED_RELOAD, at);
  } else {
    in->stops_at = at;
  }
}

/* -------------------------------------------------------------------------- clients -- */

/* When something is done, or has been proved, or ends. */
static lc_time busy_moment(world *in)
{
  const lc_time around = milliseconds_below(in, 100) - 50 * LC_MILLISECOND;
  const deed *d = in->deed_count ? &in->deeds[below(in, in->deed_count)] : NULL;
  if (!d || one_in(in, 3)) return in->stops_at + around;
  return d->at + around + (one_in(in, 2) ? PROBATION * LC_SECOND : 0);
}

static void plan_client(world *in, client *one)
{
  one->in = in;
  one->is_unix = one_in(in, 3);
  one->work = one_in(in, 3) ? (unsigned)below(in, 1000) : (unsigned)below(in, 50);
  one->at = milliseconds_below(in, (uint64_t)(in->stops_at / LC_MILLISECOND) + 1500);
  if (one_in(in, 2)) one->at = busy_moment(in);
  if (one->at < 0) one->at = 0;
}

void plan_world(world *in, uint64_t seed)
{
  sim_network *network = sim_kernel_network(in->kernel);
  in->workers = 1 + (unsigned)below(in, 3);
  in->is_rolling = one_in(in, 4);
  in->is_given = one_in(in, 4);
  network->delay = one_in(in, 2) ? 0 : milliseconds_below(in, 40);
  network->jitter = one_in(in, 2) ? 0 : milliseconds_below(in, 5);
  if (seed % 4) plan_day(in);
  else plan_step(in, seed / 4);
  in->client_count = CLIENTS / 2 + (unsigned)below(in, CLIENTS / 2);
  for (unsigned i = 0; i < in->client_count; i++) {
    in->clients[i].index = i;
    plan_client(in, &in->clients[i]);
  }
}
