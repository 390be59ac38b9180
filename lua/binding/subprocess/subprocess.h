/* subprocess/subprocess.h - child processes as objects. */
#ifndef LC_BINDING_SUBPROCESS_SUBPROCESS_H
#define LC_BINDING_SUBPROCESS_SUBPROCESS_H

#include <lua.h>

typedef struct runtime runtime;

void subprocess_open(lua_State *L, runtime *rt);
void renew_open(lua_State *L, runtime *rt); /* another program in the place of this one */

/* A list of strings as C has it, which lives as long as the table at `index` and the userdata that
 * this pushes. Without a table: NULL. [0, +1] */
const char *const *subprocess_strings(lua_State *L, int index);

#endif
