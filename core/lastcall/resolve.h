/* lastcall/resolve.h - host names to addresses, by the system's resolver on threads of its own. */
#ifndef LASTCALL_RESOLVE_H
#define LASTCALL_RESOLVE_H

#include "lastcall/address.h"
#include "lastcall/loop.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LC_ADDRESSES_MAX 8
typedef struct lc_query lc_query;
struct lc_query {
  char host[LC_HOST_MAX + 1];
  uint16_t port;
  void (*answered)(lc_query *query); /* called in a turn of the loop */
  void *user;
  int result; /* the number of addresses in `found`, or a code */
  lc_address found[LC_ADDRESSES_MAX];
  /* For another blocking question than the addresses of `host`; NULL otherwise. A thread of the
   * resolver's calls `ask`. Every such query ends with lc_resolve_cancel, answered or not, and
   * `drop` is called then. While `ask` runs, its thread alone touches the question; if the query
   * was canceled meanwhile, that thread calls `drop`. */
  void (*ask)(void *question);
  void (*drop)(void *question);
  void *question;
  /* The rest is the resolver's. */
  lc_query *next;
  uint64_t ticket; /* the number of this question among all of the resolver's */
  int stage;
};
/* Asks for the addresses of query->host, and puts query->port into them. The caller sets these two,
 * `answered` and `user`, and zeroes the rest. The query belongs to the library until it is answered
 * or canceled. Several queries are asked at once. Returns 0, -ENOMEM, or the code with which no
 * thread could be started. */
int lc_resolve(lc_loop *loop, lc_query *query);
/* `answered` will not be called, and the query may be freed at once. The call does not wait for
 * libc, whose answer is thrown away: the thread may outlive the loop, but not the program's code
 * (see dlclose). */
void lc_resolve_cancel(lc_loop *loop, lc_query *query);
/* The same as lc_resolve, blocking the thread: for set-up. Fills query->found and returns
 * result. */
int lc_resolve_blocking(lc_loop *loop, lc_query *query);

#ifdef __cplusplus
}
#endif

#endif
