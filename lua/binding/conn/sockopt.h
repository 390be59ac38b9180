/* conn/sockopt.h - socket options by name. */
#ifndef LC_BINDING_CONN_SOCKOPT_H
#define LC_BINDING_CONN_SOCKOPT_H

#include <lua.h>

typedef struct runtime runtime;

/* A socket object that stands for no descriptor yet. [0, +1] */
void socket_push(lua_State *L, runtime *rt);
/* Calls the function at `function` with the object at `socket`, which stands for `fd` until the
 * function returns. The core calls this in the midst of its work, so it never raises. LUA_OK, or
 * another status with the error at the top. */
int socket_call(lua_State *L, int function, int socket, int fd); /* [0, 0 or +1] */
void sockopt_open(lua_State *L, runtime *rt);

#endif
