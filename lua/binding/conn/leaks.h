/* conn/leaks.h - connections that the collector finds. */
#ifndef LC_BINDING_CONN_LEAKS_H
#define LC_BINDING_CONN_LEAKS_H

#include <lua.h>

#include "conn/box.h"

void conn_keep_weakly(lua_State *L, conn_box *box); /* findable, but not kept alive [0, 0] */
int conn_collect(lua_State *L);                     /* the finalizer */
void conn_tell_leaks(runtime *rt);                  /* to the log */
void conn_forget_leaks(runtime *rt);

#endif
