/* server/methods.h - what servers can do, for scripts. */
#ifndef LC_BINDING_SERVER_METHODS_H
#define LC_BINDING_SERVER_METHODS_H

#include <lua.h>

typedef struct runtime runtime;

void server_open(lua_State *L, runtime *rt);
void server_open_events(lua_State *L, runtime *rt); /* registers so, as the next two do */
void server_open_http(lua_State *L, runtime *rt);
void server_open_listening(lua_State *L, runtime *rt);
void server_open_waiting(lua_State *L, runtime *rt);

#endif
