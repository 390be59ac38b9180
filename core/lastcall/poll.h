/* lastcall/poll.h - waiting for descriptors that the embedder, or one of its libraries, owns and
 * uses. */
#ifndef LASTCALL_POLL_H
#define LASTCALL_POLL_H

#include "lastcall/loop.h"
#include "lastcall/ready.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Waits for one descriptor. The loop calls `ready` once for each lc_poll_want, with LC_READABLE,
 * LC_WRITABLE or both; an error counts as both. The library never closes the descriptor. Its owner
 * may close it while nothing is wanted. Returns NULL for lack of memory. */
typedef struct lc_poll lc_poll;
lc_poll *lc_poll_new(lc_loop *loop, int fd, void (*ready)(void *user, unsigned what), void *user);
/* Waits for LC_READABLE, LC_WRITABLE or both, in place of what was wanted before; 0: waits for
 * nothing. The descriptor may be that of a connection. Returns 0, -EPERM for a descriptor that is
 * always ready (a regular file), -EBADF, -ENOMEM or -EMFILE. */
int lc_poll_want(lc_poll *poll, unsigned what);
void lc_poll_free(lc_poll *poll);

/* Waits for any of several descriptors. The loop calls `ready` in a turn as soon as one of them is
 * ready for what its `events` (POLLIN, POLLOUT) ask, or has failed; poll() then says which. The
 * loop may watch the same descriptors already. Returns NULL with `*error` set. lc_select_end ends
 * the wait and frees it. */
struct pollfd;
typedef struct lc_select lc_select;
lc_select *lc_select_begin(lc_loop *loop, const struct pollfd *fds, unsigned count,
                           void (*ready)(void *user), void *user, int *error);
void lc_select_end(lc_select *wait);

#ifdef __cplusplus
}
#endif

#endif
