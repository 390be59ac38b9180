/* turn.h - how long one turn of the loop may take, and what took long in it.
 *
 * A turn has 5 ms, in five shares of one: timers, ladders, jobs, and two of the embedder's. A share has its own
 * millisecond, whatever those before it took, and what they have left. So none can starve another; and a share does
 * one piece of work at least, the oldest first, so nothing in it starves.
 *
 * To read the clock after each piece would cost small ones a tenth. A counter of the processor's, which costs next to
 * nothing, says when that is worth while: so a quiet turn never does. Where there is none, the clock is read after
 * sixteen pieces, and after fewer once they have taken long. A long piece ends with a look, and is known; of short ones
 * their kind is known.
 */
#ifndef LC_TURN_H
#define LC_TURN_H

#include "sys/sys.h"

enum { LC_PARTS = 8 };

typedef struct lc_turn {
  const lc_sys *sys;
  const char *kind; /* of what is done now */
  lc_time began;
  lc_time until; /* the end of the share */
  lc_time looked_at;
  uint64_t ticks; /* at the last look */
  int pace;       /* without ticks: pieces from one look to the next */
  int done;       /* since the last one */
  int is_over;    /* the share */
  unsigned shares;
  int is_embedders; /* what is done now: it can be asked what it was */

  /* A turn that takes `bound` is told, unless pieces of it have been told one by one. */
  lc_time bound;
  lc_time worth; /* what takes less is not noted */
  const lc_turn_events *events;
  void *user;
  lc_time told;
  unsigned count;
  lc_part parts[LC_PARTS]; /* those that took longest */
} lc_turn;

void lc_turn_init(lc_turn *turn, const lc_sys *sys);
void lc_turn_begin(lc_turn *turn, lc_time now);
void lc_turn_share(lc_turn *turn, const char *kind);
/* The share has no end in this turn. */
void lc_turn_lift(lc_turn *turn);
/* One piece is done: whether the share's time is over. */
int lc_turn_is_over(lc_turn *turn);
void lc_turn_watch(lc_turn *turn, lc_time bound, const lc_turn_events *events, void *user);
/* What is done now, of that kind and id, has been told by itself. */
void lc_turn_told(lc_turn *turn, const char *kind, uint64_t id);
/* Tells it if it was long; how long it took. */
lc_time lc_turn_end(lc_turn *turn);

#endif
