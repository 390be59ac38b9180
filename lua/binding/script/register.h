/* script/register.h - functions, types and finalizers that scripts see. */
#ifndef LC_BINDING_SCRIPT_REGISTER_H
#define LC_BINDING_SCRIPT_REGISTER_H

#include <lauxlib.h>
#include <lua.h>

#include "script/lua_version.h"

typedef struct runtime runtime;

/* Registers functions into the table at the top. Upvalues of each: the runtime; the prefix and its name, by which
 * errors name it: "conn:" for methods of connections, "" for functions of the module. */
void register_functions(lua_State *L, runtime *rt, const char *prefix, const luaL_Reg *functions);
/* A metatable for objects of ours, which scripts cannot get hold of by getmetatable. [0, +1] */
void new_type(lua_State *L, const char *type);
/* Whether the finalizer that asks was called by the collector: a script that calls one is to do no harm. */
int is_collected(lua_State *L);
/* The type, such as "lastcall.guard", of an object whose one use is to end something: by its method `done`, by leaving the scope
 * of a <close> variable, or by being collected. */
void register_ending(lua_State *L, const char *type, lua_CFunction done);

#endif
