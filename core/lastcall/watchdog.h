/* lastcall/watchdog.h - a thread that watches the loop's thread.
 *
 * The watchdog reports work that holds the loop too long. It interrupts work that holds the loop
 * while a step of a ladder is due. When work cannot be interrupted, it ends the process after the
 * deadline of the process's ladder.
 */
#ifndef LASTCALL_WATCHDOG_H
#define LASTCALL_WATCHDOG_H

#include <stddef.h>

#include "lastcall/loop.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the loop's thread is doing. */
typedef enum lc_work {
  LC_WORK_NONE,   /* waiting for events, or outside the loop */
  LC_WORK_LOOP,   /* the library's own work */
  LC_WORK_SCRIPT, /* the embedder's work: watched */
  LC_WORK_ENDING  /* the embedder ends some work by force: each may work for LC_ENDING_GRACE */
} lc_work;

#define LC_ENDING_GRACE (25 * LC_MILLISECOND)
#define LC_EXIT_STUCK 70 /* the status with which the watchdog ends the process (EX_SOFTWARE) */

/* The flags of lc_watchdog_asked; several may come together. */
enum {
  LC_ASK_NOTICE =
    1,              /* the work has held the loop longer than max_block; asked once for each work */
  LC_ASK_YIELD = 2, /* a ladder needs the loop: return to it, and continue later */
  LC_ASK_END = 4    /* the time of the work is over */
};

typedef struct lc_watchdog_options {
  lc_time max_block; /* 250 ms; LC_NEVER: no work is reported */
  int exit_stuck;    /* 1: ends the process with LC_EXIT_STUCK when nothing else helps */
} lc_watchdog_options;
void lc_watchdog_options_init(lc_watchdog_options *options);

typedef struct lc_watchdog_events {
  /* Called on the loop's thread, in a signal handler. The work in hand is to call lc_watchdog_asked
   * soon. */
  void (*interrupt)(void *user);
  /* Called on the loop's thread, in a signal handler, before that thread stands still for good:
   * notes where the work is. */
  void (*locate)(void *user);
  /* Called on the watchdog's thread while the loop's thread stands still. Writes the message about
   * the work that was stuck, and returns its length in bytes. Neither this callback nor `locate`
   * may allocate, lock, or call anything but pure functions of these headers. */
  size_t (*stuck)(lc_work work, char *text, size_t size, void *user);
} lc_watchdog_events;

/* Begins to watch the calling thread, which must be the loop's. A loop has one watchdog. `events`
 * must outlive it. Returns 0 or a code. */
int lc_watchdog_start(lc_loop *loop, const lc_watchdog_options *options,
                      const lc_watchdog_events *events, void *user);
/* Ends the watchdog's thread and joins it. Called on the thread that started it. */
void lc_watchdog_stop(lc_loop *loop);
/* The signal, which lc_loop_signal watches, drives the process's ladder: the watchdog takes it into
 * account from its arrival, even while the loop does not turn. Returns 0 or a code. */
int lc_watchdog_follow(lc_loop *loop, int signal);
/* The signal drives the ladder no more. To be called before lc_loop_signal stops watching it. */
void lc_watchdog_unfollow(lc_loop *loop, int signal);
/* Says what the loop's thread is doing from now on. Returns what it was doing before. */
lc_work lc_loop_enter(lc_loop *loop, lc_work work);
/* What the watchdog asks of the work in hand. Called on the loop's thread. */
unsigned lc_watchdog_asked(lc_loop *loop);
/* How long the work in hand is known to have taken. Called on the loop's thread. */
lc_time lc_watchdog_held(lc_loop *loop);
/* How long the loop's thread has worked, apart from when it waited for a processor. It is counted
 * every few milliseconds while a step of a ladder is due or some work ends by force. Called on the
 * loop's thread. */
lc_time lc_watchdog_worked(lc_loop *loop);
/* The embedder needs the loop at this time, as a ladder does; LC_NEVER: no longer. */
void lc_watchdog_limit(lc_loop *loop, lc_time at);
/* Sets a smaller bound than the options' max_block, or a larger one again. */
void lc_watchdog_set_max_block(lc_loop *loop, lc_time max_block);

#ifdef __cplusplus
}
#endif

#endif
