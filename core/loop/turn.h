/* turn.h - limits the time of one turn of the loop, and finds what took long in it.
 *
 * A turn has 5 ms, in five shares of one: timers, ladders, jobs, and two of the embedder's; and one
 * more when there are slow jobs, such as steps of handshakes. A share has its own millisecond,
 * however long earlier shares took, and the time that they left over. So no share starves another.
 * A share does at least one piece of work, the oldest first, so no piece starves.
 *
 * Reading the clock after each piece would make small pieces a tenth slower. The processor's
 * counter costs almost nothing, and says when reading the clock is worth while: within its shares a
 * quiet turn never reads it. Without a counter the clock is read after sixteen pieces, and after
 * fewer once pieces take long. A long piece ends with a look at the clock and is noted by itself;
 * short ones are noted by their kind.
 */
#ifndef LC_TURN_H
#define LC_TURN_H

#include "sys/sys.h"

enum { LC_PARTS = 8 };

typedef struct lc_turn {
  const lc_sys *sys;
  const char *kind; /* of the present work */
  lc_time began;
  lc_time until; /* the end of the share */
  lc_time looked_at;
  uint64_t ticks; /* at the last look */
  int pace;       /* without a counter: pieces from one look to the next */
  int done;       /* pieces since the last look */
  int is_over;    /* the time of the share is over */
  unsigned shares;
  int is_embedders; /* the present work is the embedder's, which can describe it */

  /* A turn that takes `bound` is reported, unless its long pieces were reported one by one. */
  lc_time bound;
  lc_time worth; /* shorter pieces are not noted */
  const lc_turn_events *events;
  void *user;
  lc_time told;
  unsigned count;
  lc_part parts[LC_PARTS]; /* the longest */
} lc_turn;

void lc_turn_init(lc_turn *turn, const lc_sys *sys);
/* `ticks` were read before `now`. */
void lc_turn_begin(lc_turn *turn, lc_time now, uint64_t ticks);
/* A time that is not before the present one, and at most a millisecond after it. It costs less than
 * a look at the clock. */
lc_time lc_turn_soon(const lc_turn *turn);
void lc_turn_share(lc_turn *turn, const char *kind);
/* Removes the end of the share in this turn. */
void lc_turn_lift(lc_turn *turn);
/* To be called after each piece of work. Whether the time of the share is over. */
int lc_turn_is_over(lc_turn *turn);
void lc_turn_watch(lc_turn *turn, lc_time bound, const lc_turn_events *events, void *user);
/* The present work, of this kind and id, has been reported by itself. */
void lc_turn_told(lc_turn *turn, const char *kind, uint64_t id);
/* Ends the turn, and reports it if it was long. Returns how long it took. */
lc_time lc_turn_end(lc_turn *turn);

#endif
