/* module/birth.h - the runtime of a Lua state. */
#ifndef LC_BINDING_MODULE_BIRTH_H
#define LC_BINDING_MODULE_BIRTH_H

#include <lua.h>

typedef struct runtime runtime;

runtime *runtime_make(lua_State *L); /* makes it once; later calls return the same */

#endif
