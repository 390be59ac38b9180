/* socket/functions.h - what lastcall.socket has of C.
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
#ifndef LC_BINDING_SOCKET_FUNCTIONS_H
#define LC_BINDING_SOCKET_FUNCTIONS_H

#include <lua.h>

typedef struct runtime runtime;

/* Functions into the table at the top, under "socket"; those below put theirs there. */
void socket_open(lua_State *L, runtime *rt);
void socket_open_waiting(lua_State *L, runtime *rt);
void socket_open_stream(lua_State *L, runtime *rt);
void socket_open_descriptor(lua_State *L, runtime *rt);
void socket_open_options(lua_State *L, runtime *rt);
void socket_open_select(lua_State *L, runtime *rt);
void socket_open_dns(lua_State *L, runtime *rt);

#endif
