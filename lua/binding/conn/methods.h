/* conn/methods.h - the methods of connections: each function registers some into the table at the
 * top. */
#ifndef LC_BINDING_CONN_METHODS_H
#define LC_BINDING_CONN_METHODS_H

#include <lua.h>

typedef struct runtime runtime;

void conn_open(lua_State *L,
               runtime *rt); /* all; and functions of the module, into the table at the top */
void conn_open_keeping(lua_State *L, runtime *rt); /* registers nothing */
void conn_open_lending(lua_State *L, runtime *rt); /* functions of the module alone */
void conn_open_reading(lua_State *L, runtime *rt);
void conn_open_writing(lua_State *L, runtime *rt);
void conn_open_sockopt(lua_State *L, runtime *rt);
void conn_open_settings(lua_State *L, runtime *rt);
void conn_open_passing(lua_State *L, runtime *rt);
void conn_open_detach(lua_State *L, runtime *rt);
void conn_open_eof(lua_State *L, runtime *rt);
void conn_open_closing(lua_State *L, runtime *rt);
void conn_open_starttls(lua_State *L, runtime *rt); /* functions of the module alone */
void conn_open_relay(lua_State *L, runtime *rt);    /* functions of the module alone */

#endif
