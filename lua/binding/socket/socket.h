/* socket/socket.h - what the files behind lastcall.socket share.
 *
 * The C side is thin: single attempts that never wait, and waits. What LuaSocket
 * does with them, its argument checks and its results, is in lua/lastcall/socket/.
 * Attempts and waits tell failures in LuaSocket's words, or "again".
 *
 * A wait suspends the task that calls it. Where there is no task to suspend
 * (outside lastcall.run, in a coroutine of the script's own, in a callback) it
 * blocks in poll(): outside, the loop goes on turning meanwhile, so that
 * connections close in the background; a signal lets Lua's hooks run.
 */
#ifndef LC_SOCKET_H
#define LC_SOCKET_H

#include "binding.h"
#include "sys/sys.h"

/* The word for a code. */
const char *socket_word(int code);
/* nil and the word: returns 2. A failure in a task counts as one, so that who ignores it does not spin. */
int socket_failure(lua_State *L, runtime *rt, int code);
/* Blocks the thread until one of the descriptors is ready: 0, or LC_TIMEOUT, or a code. `fds` has room
 * for one more than `count`. */
int socket_block(lua_State *L, runtime *rt, struct pollfd *fds, unsigned count, lc_time deadline);
/* Where nobody else turns the loop: one turn without waiting. */
void socket_turn(lua_State *L, runtime *rt);
/* What a task waits for. `streams`, not NULL for a select: the connections among them, which the task reads
 * meanwhile, so that they count as idle when they are, and the ladder can tell it. They are the caller's for
 * as long as the wait lasts; `fds` are copied. */
typedef struct socket_set {
  const struct pollfd *fds;
  unsigned count;
  conn_box *const *streams;
  unsigned stream_count;
  int is_wordless; /* it waits for work, in what has no word for the end */
} socket_set;
/* Suspends the task until one is ready; `again` finds t->woken. */
int socket_suspend(lua_State *L, task *t, const char *operation, const socket_set *set,
                   lc_time deadline, lua_KContext kept, lua_KFunction again);
/* Its script is about to close `fd`: who waits for it is woken. */
void socket_wake(runtime *rt, int fd);
/* An absolute time on lastcall.now's clock, or nil for ever. */
lc_time socket_deadline(lua_State *L, int index);
const lc_sys *socket_sys(const runtime *rt);

/* Functions into the table at the top, under "socket"; those below put theirs there. */
void socket_open(lua_State *L, runtime *rt);
void socket_open_waiting(lua_State *L, runtime *rt);
void socket_open_stream(lua_State *L, runtime *rt);
void socket_open_descriptor(lua_State *L, runtime *rt);
void socket_open_options(lua_State *L, runtime *rt);
void socket_open_select(lua_State *L, runtime *rt);
void socket_open_object(lua_State *L, runtime *rt);
void socket_open_dns(lua_State *L, runtime *rt);

/* The address family and the address in words: host or path, port, family. */
int socket_push_name(lua_State *L, const lc_address *address);

#endif
