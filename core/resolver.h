/* resolver.h - names to addresses, off the loop.
 *
 * One thread, started by the first question and joined by lc_resolver_free,
 * asks the system's resolver, one question after the other; the loop is woken
 * for each answer. All signals are blocked in that thread. libc's resolver is
 * used, rather than one of our own, because only it knows nsswitch.conf,
 * /etc/hosts and the site's settings.
 */
#ifndef LC_RESOLVER_H
#define LC_RESOLVER_H

#include "sys.h"

typedef struct lc_resolver lc_resolver;

/* `woken` is called on the resolver's thread, with a lock held, after each
 * answer: it may only wake the loop. NULL for lack of memory. */
lc_resolver *lc_resolver_new(const lc_sys *sys, void (*woken)(void *user), void *user);
/* Waits for the question being asked; drops the others without calling back. */
void lc_resolver_free(lc_resolver *resolver);

/* Asks. `query` is the caller's until it is answered or canceled; its `host`,
 * `port`, `answered` and `user` must be set, the rest is the resolver's.
 * 0, or -errno when the thread cannot be started. */
int lc_resolver_ask(lc_resolver *resolver, lc_query *query);
/* The answer is no longer wanted: `answered` will not be called. The query may be freed at once. */
void lc_resolver_cancel(lc_resolver *resolver, lc_query *query);
/* On the loop's thread: calls `answered` for every query that has its answer. */
void lc_resolver_deliver(lc_resolver *resolver);

#endif
