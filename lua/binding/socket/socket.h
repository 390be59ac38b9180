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
#ifndef LC_BINDING_SOCKET_SOCKET_H
#define LC_BINDING_SOCKET_SOCKET_H

#include <lua.h>
#include <poll.h>

#include "conn/box.h"
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
