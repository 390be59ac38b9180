/* resolver.h - names to addresses, off the loop.
 *
 * Threads ask the system's resolver, several questions at once; the loop is woken for each answer. All
 * signals are blocked in these threads. libc's resolver is used, rather than one of our own, because only it
 * knows nsswitch.conf, /etc/hosts and the site's settings. It cannot be interrupted: a question that is no
 * longer wanted is left to its thread, which may outlive the resolver and the loop. So `sys`, and the code
 * itself, must stay where they are until the process ends (a module that has this inside is never unloaded).
 */
#ifndef LC_RESOLVER_H
#define LC_RESOLVER_H

#include "sys/sys.h"

typedef struct lc_resolver lc_resolver;

/* `woken` is called on a resolver's thread, with a lock held, after each answer: it may only wake the loop.
 * It is not called after lc_resolver_free. NULL for lack of memory. */
lc_resolver *lc_resolver_new(const lc_sys *sys, void (*woken)(void *user), void *user);
/* Drops all questions without calling back, and waits for none of them. */
void lc_resolver_free(lc_resolver *resolver);

/* Asks. `query` is the caller's until it is answered or canceled; its `host`,
 * `port`, `answered` and `user` must be set, the rest is the resolver's.
 * 0, or -errno when no thread can be started. */
int lc_resolver_ask(lc_resolver *resolver, lc_query *query);
/* The answer is no longer wanted: `answered` will not be called. The query may be freed at once. */
void lc_resolver_cancel(lc_resolver *resolver, lc_query *query);
/* On the loop's thread: calls `answered` for every query that has its answer. */
void lc_resolver_deliver(lc_resolver *resolver);

#endif
