/* lastcall/shutdown.h - the process's ladder: unready, then every server of the loop, then
 * hooks. */
#ifndef LASTCALL_SHUTDOWN_H
#define LASTCALL_SHUTDOWN_H

#include "lastcall/loop.h"
#include "lastcall/options.h"
#include "lastcall/state.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lc_shutdown lc_shutdown;
typedef struct lc_shutdown_events {
  /* Called for each step in order, beginning with unready. A third signal during the hooks calls it
   * once more, with LC_STEP_KILL. */
  void (*step)(lc_step step, void *user);
} lc_shutdown_events;
/* A loop has one. `options` NULL: the defaults; `events` may be NULL. Returns NULL with `*error`
 * set: -EBUSY when the loop has one already, -ENOMEM. */
lc_shutdown *lc_shutdown_new(lc_loop *loop, const lc_drain_options *options,
                             const lc_shutdown_events *events, void *user, int *error);
/* Not after lc_loop_free, which frees a shutdown that is left. Servers go on with the ladders they
 * are on. */
void lc_shutdown_free(lc_shutdown *shutdown);

/* Starts the ladder, as of `began` (the time at which the signal arrived). Further calls join it,
 * and can only shorten it. `timeout` negative: that of the options. A server whose own
 * drain.timeout is shorter ends earlier. */
void lc_shutdown_begin(lc_shutdown *shutdown, lc_time began, lc_time timeout);
/* The ladder's answer to a signal: the first drains, the second cancels, the third kills and skips
 * the hooks. Signals less than 0.1 s apart count once. */
void lc_shutdown_signal(lc_shutdown *shutdown, lc_time at);
/* While it is held, the ladder stays on the steps unready and hooks, but not beyond their time. */
void lc_shutdown_hold(lc_shutdown *shutdown);
void lc_shutdown_release(lc_shutdown *shutdown);
/* While work is guarded, the step drain goes on, at most until cancel. The ladder looks at the
 * count only when `run` of lc_loop_on_turn has nothing ready, for a task that is ready may be about
 * to guard its work; it waits for that at most drain.quiet. */
void lc_shutdown_guard(lc_shutdown *shutdown);
void lc_shutdown_unguard(lc_shutdown *shutdown);
/* Whether the ladder keeps back time for hooks. */
void lc_shutdown_set_hooks(lc_shutdown *shutdown, int any);
lc_step lc_shutdown_step(const lc_shutdown *shutdown);
int lc_shutdown_skips_hooks(const lc_shutdown *shutdown);
lc_time lc_shutdown_deadline(const lc_shutdown *shutdown); /* LC_NEVER before it begins */
lc_time lc_shutdown_began(const lc_shutdown *shutdown);
/* When each step began; 0: not reached. */
lc_time lc_shutdown_step_at(const lc_shutdown *shutdown, lc_step step);

#ifdef __cplusplus
}
#endif

#endif
