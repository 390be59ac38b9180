/* script/register.h - registers functions, types and finalizers for scripts. */
#ifndef LC_BINDING_SCRIPT_REGISTER_H
#define LC_BINDING_SCRIPT_REGISTER_H

#include <lauxlib.h>
#include <lua.h>

#include "script/lua_version.h"

typedef struct runtime runtime;

/* Registers functions into the table at the top. Upvalues of each: the runtime; the prefix and its
 * name, by which errors name it: "conn:" for methods of connections, "" for functions of the
 * module. */
void register_functions(lua_State *L, runtime *rt, const char *prefix, const luaL_Reg *functions);
/* Makes a metatable for objects of lastcall. Scripts cannot get it by getmetatable. [0, +1] */
void new_type(lua_State *L, const char *type);
/* Whether the collector called the calling finalizer. A script that calls a finalizer must do no
 * harm. */
int is_collected(lua_State *L);
/* Registers a type, such as "lastcall.guard", whose objects only end something: by their method
 * `done`, at the end of a <close> variable's scope, or when collected. */
void register_ending(lua_State *L, const char *type, lua_CFunction done);

#endif
