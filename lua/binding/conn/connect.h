/* conn/connect.h - outbound connections. */
#ifndef LC_BINDING_CONN_CONNECT_H
#define LC_BINDING_CONN_CONNECT_H

#include <lua.h>

#include "conn/box.h"

void conns_open(lua_State *L, runtime *rt); /* once there is a loop */
void connect_open(lua_State *L, runtime *rt);

#endif
