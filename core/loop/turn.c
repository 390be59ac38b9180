/* turn.c - limits the time of one turn of the loop, and finds what took long in it. */
#include "loop/turn.h"

#include <string.h>

#define SHARE LC_MILLISECOND
#define LONG (LC_MILLISECOND / 2)  /* for the time between two looks */
#define LONG_TICKS (1u << 20)      /* likewise: a quarter to a half of a millisecond */
#define SOON LC_MILLISECOND        /* more than LONG_TICKS, wherever there is a counter */
#define WORTH (LC_MILLISECOND / 8) /* noting */
#define NO_TICKS 1                 /* so long ago that the next look is always due */

enum { PACE_MOST = 16 };

void lc_turn_init(lc_turn *turn, const lc_sys *sys)
{
  *turn = (lc_turn){
    .sys = sys, .kind = "none", .pace = 1, .bound = LC_NEVER, .worth = LC_NEVER, .until = LC_NEVER};
}

static void begin_stretch(lc_turn *turn, uint64_t ticks) { turn->ticks = ticks ? ticks : NO_TICKS; }

/* The number of events is limited, so they have no share. */
void lc_turn_begin(lc_turn *turn, lc_time now, uint64_t ticks)
{
  turn->kind = "events";
  turn->began = turn->looked_at = now;
  begin_stretch(turn, ticks);
  turn->until = LC_NEVER;
  turn->told = 0;
  turn->done = turn->is_over = turn->is_embedders = 0;
  turn->shares = turn->count = 0;
}

/* The last look may lie a few short pieces back. That is exact enough, and saves reading the
 * clock. */
void lc_turn_share(lc_turn *turn, const char *kind)
{
  lc_time own = turn->looked_at + SHARE, in_all = turn->began + ++turn->shares * SHARE;
  turn->kind = kind;
  turn->until = own > in_all ? own : in_all;
  turn->is_over = 0;
}

void lc_turn_lift(lc_turn *turn) { turn->until = LC_NEVER; }

/* ----------------------------------------------------------- what took long -- */

static lc_part *find_part(lc_turn *turn, const char *kind, uint64_t id)
{
  for (unsigned i = 0; i < turn->count; i++)
    if (turn->parts[i].id == id && !strcmp(turn->parts[i].kind, kind)) return &turn->parts[i];
  return NULL;
}

static lc_part *shortest_part(lc_turn *turn)
{
  lc_part *shortest = &turn->parts[0];
  for (unsigned i = 1; i < turn->count; i++)
    if (turn->parts[i].took < shortest->took) shortest = &turn->parts[i];
  return shortest;
}

static void add_part(lc_turn *turn, const lc_part *more)
{
  lc_part *part = find_part(turn, more->kind, more->id);
  if (part) {
    part->took += more->took;
  } else if (turn->count < LC_PARTS) {
    turn->parts[turn->count++] = *more;
  } else if ((part = shortest_part(turn))->took < more->took) {
    *part = *more;
  }
}

/* A long piece is noted by itself. Several short ones are noted together, by their kind. */
static void note(lc_turn *turn, lc_time took)
{
  lc_part part = {.kind = turn->kind, .took = took};
  if (took > LONG && turn->is_embedders && turn->events->describe)
    turn->events->describe(&part, turn->user);
  add_part(turn, &part);
}

/* Reads the clock. Returns the time since the last look. */
static lc_time look(lc_turn *turn)
{
  lc_time now = turn->sys->now(turn->sys), took = now - turn->looked_at;
  turn->looked_at = now;
  turn->is_over = now >= turn->until;
  turn->done = 0;
  if (took > LONG) turn->pace = 1;
  else if (turn->pace < PACE_MOST) turn->pace *= 2;
  return took;
}

void lc_turn_told(lc_turn *turn, const char *kind, uint64_t id)
{
  lc_part *before = find_part(turn, kind, id);
  turn->told += look(turn);
  if (!before) return;
  turn->told += before->took;
  *before = turn->parts[--turn->count];
}

/* The piece was long; or the processor has no counter, and it may have been. */
static __attribute__((noinline, cold)) int look_if_due(lc_turn *turn, uint64_t ticks)
{
  if (!ticks && ++turn->done < turn->pace) return turn->is_over;
  lc_time took = look(turn);
  if (took >= turn->worth) note(turn, took);
  begin_stretch(turn, ticks);
  return turn->is_over;
}

int lc_turn_is_over(lc_turn *turn)
{
  uint64_t ticks = turn->sys->ticks(turn->sys);
  return ticks - turn->ticks > LONG_TICKS ? look_if_due(turn, ticks) : turn->is_over;
}

/* Each look reads the counter first, and then the clock. */
lc_time lc_turn_soon(const lc_turn *turn)
{
  uint64_t ticks = turn->sys->ticks(turn->sys);
  if (!ticks || ticks - turn->ticks > LONG_TICKS) return turn->sys->now(turn->sys);
  return turn->looked_at + SOON;
}

void lc_turn_watch(lc_turn *turn, lc_time bound, const lc_turn_events *events, void *user)
{
  turn->bound = bound;
  turn->worth = bound == LC_NEVER ? LC_NEVER : lc_time_earlier(WORTH, bound / 64);
  turn->events = events;
  turn->user = user;
}

static void sort(lc_part *parts, unsigned count)
{
  for (unsigned i = 1; i < count; i++) {
    lc_part part = parts[i];
    unsigned place = i;
    for (; place > 0 && parts[place - 1].took < part.took; place--) parts[place] = parts[place - 1];
    parts[place] = part;
  }
}

lc_time lc_turn_end(lc_turn *turn)
{
  lc_time now = turn->sys->now(turn->sys), took = now - turn->began;
  if (took - turn->told < turn->bound) return took;
  turn->is_embedders = 0;
  note(turn, now - turn->looked_at);
  sort(turn->parts, turn->count);
  turn->events->held(took, turn->parts, turn->count, turn->user);
  return took;
}
