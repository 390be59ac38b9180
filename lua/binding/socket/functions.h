/* socket/functions.h - the C part of lastcall.socket.
 *
 * The C part is thin: single attempts that never wait, and waits. lua/lastcall/socket/ makes
 * LuaSocket's functions of them, with its argument checks and results. Attempts and waits return
 * failures in LuaSocket's words, or "again".
 *
 * A wait suspends the task that calls it. Where there is no task to suspend
 * (outside lastcall.run, in a coroutine of the script's own, in a callback) it
 * blocks in poll(). Outside a run it turns the loop meanwhile, so that
 * connections close in the background; after a signal it lets Lua's hooks run.
 */
#ifndef LC_BINDING_SOCKET_FUNCTIONS_H
#define LC_BINDING_SOCKET_FUNCTIONS_H

#include <lua.h>

typedef struct runtime runtime;

/* Makes the field "socket" in the table at the top; the functions below add theirs to it. */
void socket_open(lua_State *L, runtime *rt);
void socket_open_waiting(lua_State *L, runtime *rt);
void socket_open_stream(lua_State *L, runtime *rt);
void socket_open_descriptor(lua_State *L, runtime *rt);
void socket_open_options(lua_State *L, runtime *rt);
void socket_open_select(lua_State *L, runtime *rt);
void socket_open_dns(lua_State *L, runtime *rt);

#endif
