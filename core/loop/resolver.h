/* resolver.h - names to addresses, on threads of its own.
 *
 * Threads ask the system's resolver, several questions at once. Each answer wakes the loop. All
 * signals are blocked in these threads. libc's resolver is used because only libc knows
 * nsswitch.conf, /etc/hosts and the settings of the site. A call of it cannot be interrupted: when
 * a question is canceled, its thread goes on, and may outlive the resolver and the loop. So `sys`
 * and the code itself must stay in memory until the process ends (the Lua module is never
 * unloaded).
 */
#ifndef LC_RESOLVER_H
#define LC_RESOLVER_H

#include "sys/sys.h"

typedef struct lc_resolver lc_resolver;

/* `woken` is called on a resolver's thread, with a lock held, after each answer: it may only wake
 * the loop. It is not called after lc_resolver_free. NULL for lack of memory. */
lc_resolver *lc_resolver_new(const lc_sys *sys, void (*woken)(void *user), void *user);
/* Drops all questions without calling back. Does not wait for their threads. */
void lc_resolver_free(lc_resolver *resolver);

/* Asks. The caller sets `host`, `port`, `answered` and `user` of the query, and zeroes the rest.
 * The query belongs to the resolver until it is answered or canceled. Returns 0, or -errno when no
 * thread can be started. */
int lc_resolver_ask(lc_resolver *resolver, lc_query *query);
/* Cancels: `answered` will not be called, and the query may be freed at once. */
void lc_resolver_cancel(lc_resolver *resolver, lc_query *query);
/* On the loop's thread: calls `answered` for every query that has its answer. */
void lc_resolver_deliver(lc_resolver *resolver);

#endif
