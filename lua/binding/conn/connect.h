/* conn/connect.h - connections of our own making. */
#ifndef LC_BINDING_CONN_CONNECT_H
#define LC_BINDING_CONN_CONNECT_H

#include <lua.h>

#include "conn/box.h"

lc_server *conn_new_outbound(runtime *rt); /* the registry of connections of our own making */
void connect_open(lua_State *L, runtime *rt);

#endif
