/* socket/blocking.h - waits without a task to suspend. */
#ifndef LC_BINDING_SOCKET_BLOCKING_H
#define LC_BINDING_SOCKET_BLOCKING_H

#include <lua.h>

#include "lastcall.h"

struct pollfd;
typedef struct runtime runtime;

/* Blocks the thread until one of the descriptors is ready. Returns 0, LC_TIMEOUT, or a code. `fds`
 * has room for one more than `count`. */
int socket_block(lua_State *L, runtime *rt, struct pollfd *fds, unsigned count, lc_time deadline);
/* Makes one turn of the loop without waiting, if no other code turns it. */
void socket_turn(lua_State *L, runtime *rt);
/* An absolute time on lastcall.now's clock, or nil for ever. */
lc_time socket_deadline(lua_State *L, int index);
const lc_sys *socket_sys(const runtime *rt);

#endif
