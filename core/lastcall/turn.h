/* lastcall/turn.h - how long a turn of the loop may take, and reports of turns that took long.
 *
 * Besides its events, a turn has 5 ms, in shares of one: the library's timers, ladders and jobs
 * have one share each, and the `run` of lc_loop_on_turn may take two. Steps of handshakes, where
 * there are any, have one more.
 */
#ifndef LASTCALL_TURN_H
#define LASTCALL_TURN_H

#include "lastcall/loop.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The embedder begins a share of its own; `kind` names the work. After each piece of work the
 * embedder calls lc_loop_share_is_over. Once this returns 1, the rest of the work waits for the
 * next turn and comes first there. The call mostly costs a few instructions. */
void lc_loop_share(lc_loop *loop, const char *kind);
int lc_loop_share_is_over(lc_loop *loop);

/* What took long in a turn: one piece of work, or several short ones of a kind together. */
typedef struct lc_part {
  const char
    *kind;     /* "events", "timers", "ladders", "jobs", "handshakes", or one of the embedder's */
  uint64_t id; /* the embedder's: parts of the same kind and id are added up; 0: several pieces */
  lc_time took;
  char text[160]; /* the embedder's */
} lc_part;

typedef struct lc_turn_events {
  /* A piece of work in a share of the embedder's took long. The embedder sets kind, id and text of
   * the part. May be NULL. */
  void (*describe)(lc_part *part, void *user);
  /* The turn took `took`. `parts` are those that took longest, the longest first. Called at the end
   * of the turn. */
  void (*held)(lc_time took, const lc_part *parts, unsigned count, void *user);
} lc_turn_events;
/* Reports turns that take `bound` or longer. LC_NEVER, as at the beginning, reports none. */
void lc_loop_watch_turns(lc_loop *loop, lc_time bound, const lc_turn_events *events, void *user);
/* The embedder has itself reported its current piece of work, of this kind and id: its time counts
 * no more toward `bound`. */
void lc_loop_told(lc_loop *loop, const char *kind, uint64_t id);
/* Work of the embedder's between two turns took this long: it counts as a turn in longest_turn. */
void lc_loop_held(lc_loop *loop, lc_time took);

#ifdef __cplusplus
}
#endif

#endif
